// What the DC itself keeps in the configuration: dc-version and its companions in cib-bootstrap-options, and
// an entry for every configured node. Pure.
#pragma once

#include <optional>

#include "cib/document.h"
#include "cib/ops.h"
#include "membership/config.h"

namespace systole::controller {

extern const char* const kDcVersion;  // What dc-version says

// Adds what is missing or different of dc-version, cluster-infrastructure, cluster-name, have-watchdog.
// Nothing when all is there.
std::optional<cib::Op> property_update(const cib::Document& document, const membership::ClusterConfig& config,
                                       bool have_watchdog);
// Adds configured nodes that are not in the nodes section.
std::optional<cib::Op> node_entries(const cib::Document& document, const membership::ClusterConfig& config);

}  // namespace systole::controller
