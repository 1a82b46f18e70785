// Words that text, XML and HTML status share.
#pragma once

#include "cli/cluster_view.h"
#include "cli/status.h"

namespace systole::cli {

// Everything that the renderers use, gathered once.
struct StatusData {
  const StatusInput* input = nullptr;
  const StatusOptions* options = nullptr;
  ClusterView view;
  std::vector<FenceEvent> fencing;  // Newest first; those that `fence_history` wants.
};
StatusData gather(const StatusInput& input, const StatusOptions& options);

std::string node_state(const NodeView& node);                             // "online", "UNCLEAN (offline)"…
bool plain_state(const NodeView& node);                                   // Just online or OFFLINE.
std::string duration_text(std::int64_t milliseconds);                     // "22ms", "10s", "1m30s"
std::string count_text(int fail_count);                                   // "3", "INFINITY"
bool wanted(const StatusOptions& options, const ResourceView& resource);  // --resource
struct Ban {
  std::string id, resource, node;
  int weight = 0;
  bool promoted_only = false;
};
std::vector<Ban> bans_of(const cib::Document& document, const std::string& prefix);
// A node's attributes that are shown: transient ones and permanent ones that mean nothing to the cluster
// itself.
std::vector<AttributeValue> shown_attributes(const cib::Document& document, const NodeView& node);

std::string status_text(const StatusData& data);
std::string status_simple(const StatusData& data);
std::string status_tree(const StatusData& data);  // XML in both forms, and JSON.
std::string status_html(const StatusData& data);
// The resources' part of the text, for crm_resource --list: `inactive` ones too, no node names by_node.
std::string resources_text(const std::vector<pengine::ResourceStatus>& resources,
                           const StatusOptions& options, int indent);
std::string resource_line(const pengine::ResourceStatus& resource, bool with_node);

}  // namespace systole::cli
