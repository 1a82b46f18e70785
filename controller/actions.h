// Actions of a graph on their way to the node that performs them: from the scheduler's form to a message, and
// from the message to what history records and to what the executor runs. Pure.
#pragma once

#include <optional>
#include <string>

#include "base/ids.h"
#include "controller/results.h"
#include "lrmd/executor.h"
#include "pengine/scheduler.h"
#include "stonith/fencer.h"

namespace systole::controller {

namespace wire {
class Action;  // controller/messages.pb.h
}

// An attribute of a graph's action; empty when absent.
std::string action_attribute(const pengine::Action& action, std::string_view name);
std::int64_t action_number(const pengine::Action& action, std::string_view name, std::int64_t otherwise);

// What is sent to `target` for a resource's action, a cancellation, an erasure, or a shutdown.
wire::Action to_wire(const pengine::Action& action, NodeId target, const pengine::Graph& graph,
                     std::uint64_t activation);
// How long its result may take after it was sent: its own timeout, its start delay and cluster-delay.
Duration patience(const pengine::Action& action, const pengine::Graph& graph);

// The request to fence that a graph's stonith action means.
stonith::Request fencing_request(const pengine::Action& action, const NodeLife& life,
                                 const pengine::Graph& graph, const std::string& origin);

std::string transition_key(const wire::Action& action, int transition, const std::string& uuid);
// As history has it before it has ended. `now` in Unix seconds.
Recorded pending(const wire::Action& action, const std::string& key, std::int64_t now);
lrmd::Operation to_operation(const wire::Action& action, const std::string& key);
Recorded to_recorded(const wire::Action& action, const lrmd::OpResult& result);

}  // namespace systole::controller
