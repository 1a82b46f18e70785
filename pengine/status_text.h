// Text of a ClusterStatus in the form that Pacemaker 2.1 and later print.
#pragma once

#include <string>

#include "pengine/cluster_status.h"

namespace systole::pengine {

// "  * Node List:" and "  * Full List of Resources:" with their items, inactive ones too.
std::string status_text(const ClusterStatus& status);
std::string node_list_text(const ClusterStatus& status, int indent);
std::string resource_list_text(const std::vector<ResourceStatus>& resources, int indent);
// One primitive's line without bullet: "web\t(ocf:heartbeat:apache):\t Started node1 (disabled)".
std::string resource_line(const ResourceStatus& resource);

}  // namespace systole::pengine
