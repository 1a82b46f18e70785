#include "cli/status.h"

#include "cli/status_words.h"

namespace systole::cli {

StatusData gather(const StatusInput& input, const StatusOptions& options) {
  StatusData data;
  data.input = &input;
  data.options = &options;
  data.view = view_cluster(*input.document, input.now);
  if (input.info) {
    // What the daemon says now is newer than what the document remembers.
    data.view.quorate = input.info->quorate;
    data.view.dc = input.info->dc;
    data.view.dc_id.clear();
    for (NodeView& node : data.view.nodes) {
      node.is_dc = node.name == input.info->dc;
      if (node.is_dc) data.view.dc_id = node.id;
    }
    if (data.view.stack == "unknown") data.view.stack = "corosync";
    if (data.view.dc_version.empty()) data.view.dc_version = input.info->dc_version;
  }
  for (const FenceEvent& event : input.fencing) {
    const bool always = !event.succeeded;
    if (options.fence_history >= 2 || (options.fence_history == 1 && always)) data.fencing.push_back(event);
  }
  return data;
}

std::string render_status(const StatusInput& input, const StatusOptions& options) {
  const StatusData data = gather(input, options);
  switch (options.format) {
    case StatusFormat::kText:
      return status_text(data);
    case StatusFormat::kSimple:
      return status_simple(data);
    case StatusFormat::kHtml:
      return status_html(data);
    case StatusFormat::kXml:
    case StatusFormat::kLegacyXml:
    case StatusFormat::kJson:
      return status_tree(data);
  }
  return "";
}

}  // namespace systole::cli
