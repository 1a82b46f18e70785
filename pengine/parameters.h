// Digests of parameters: has the configuration of a running resource changed since the operation was run?
#pragma once

#include "pengine/model.h"

namespace systole::pengine::engine {

enum class ParameterChange : std::uint8_t { kNone, kUnknown, kReload, kRestart };
ParameterChange compare_parameters(Cluster& c, Resource* r, Node* node, const HistoryOp& op);
bool parameters_changed_since(Cluster& c, Resource* r, Node* node, const HistoryOp& op);
// The main parameters of an operation, as digested: without meta attributes, with a recurring one's timeout.
Meta digest_parameters(Cluster& c, Resource* r, const Node* node, const std::string& task,
                       std::int64_t interval_ms);
// Without what is secret of a device.
Meta secure_parameters(const Resource& r, const Meta& all);

}  // namespace systole::pengine::engine
