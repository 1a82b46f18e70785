// The steps of view_cluster().
#pragma once

#include "cli/cluster_view.h"

namespace systole::cli {

pugi::xml_node state_of(const cib::Document& document, std::string_view node);

struct Histories {
  std::vector<HistoryView> views;
  std::vector<OperationView> failures;
};
Histories read_histories(const cib::Document& document, const std::vector<NodeView>& nodes);
}  // namespace systole::cli
