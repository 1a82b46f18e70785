// Node attributes: transient ones in the status section, permanent ones in the nodes section. Pure: from a
// wish and the document to one change.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "cib/document.h"
#include "cib/ops.h"
#include "membership/config.h"

namespace systole::controller {

// Empty `value` deletes. "++", "+=N", "--" and "-=N" count from the present value (scores, INFINITY sticks).
// Error: kNotFound when the node is not known.
Result<cib::Op> attribute_op(const cib::Document& document, const membership::ClusterConfig& config,
                             const std::string& node, const std::string& name, const std::string& value,
                             bool permanent);
// What is set; nothing when it is not. Nodes by name.
std::optional<std::string> attribute_value(const cib::Document& document, const std::string& node,
                                           const std::string& name, bool permanent);
// Of every node that has it, by name.
std::map<std::string, std::string> attribute_values(const cib::Document& document, const std::string& name,
                                                    bool permanent);
std::string counted(const std::string& present, const std::string& expression);

}  // namespace systole::controller
