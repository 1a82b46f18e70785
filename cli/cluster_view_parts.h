// The steps of view_cluster().
#pragma once

#include <map>

#include "cli/cluster_view.h"

namespace systole::cli {

pugi::xml_node state_of(const cib::Document& document, std::string_view node);
std::vector<NodeView> view_nodes(const cib::Document& document, bool fencing);

// What one node's history says of one resource.
struct Activity {
  std::string node;
  Role role = Role::kUnknown;  // kUnknown: never heard of there.
  bool failed = false, blocked = false, failure_ignored = false;
  std::string pending;
  bool active() const {
    return role == Role::kStarted || role == Role::kUnpromoted || role == Role::kPromoted;
  }
};
struct Histories {
  std::map<std::string, std::vector<Activity>> by_resource;  // lrm_resource id, its activity by node.
  std::map<std::string, std::string> agents;                 // lrm_resource id, its agent's name.
  std::vector<HistoryView> views;
  std::vector<OperationView> failures;
};
Histories read_histories(const cib::Document& document, const std::vector<NodeView>& nodes);
std::vector<ResourceView> view_resources(const cib::Document& document, const std::vector<NodeView>& nodes,
                                         const Histories& histories, bool maintenance);

}  // namespace systole::cli
