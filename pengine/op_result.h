// What one recorded operation says about a resource's state, and what its failure asks for.
#pragma once

#include "pengine/model.h"

namespace systole::pengine::engine {

// Marks in `recorded` what later steps need to know: an expired failure of a recurring operation starts it
// anew.
void apply_op(Cluster& c, Resource* r, Node& node, HistoryOp& recorded, const HistoryOp** last_failure,
              OnFail* on_fail);
// The two halves of a live migration, each as recorded on its own node.
void migrate_to_succeeded(Cluster& c, Resource* r, Node& node, const HistoryOp& op);
void migrate_to_failed(Cluster& c, Resource* r, Node& node, const HistoryOp& op);
void migrate_from_failed(Cluster& c, Resource* r, Node& node, const HistoryOp& op);

}  // namespace systole::pengine::engine
