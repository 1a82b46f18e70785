// What one recorded operation says about a resource's state, and what its failure asks for.
#pragma once

#include "pengine/model.h"

namespace systole::pengine::engine {

void apply_op(Cluster& c, Resource* r, Node& node, const HistoryOp& recorded, const HistoryOp** last_failure,
              OnFail* on_fail);
void index_history(Cluster& c);

}  // namespace systole::pengine::engine
