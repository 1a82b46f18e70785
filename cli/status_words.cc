#include "cli/status_words.h"

#include "cli/document_session.h"
#include "cli/output.h"

namespace systole::cli {

std::string node_state(const NodeView& node) {
  if (node.unclean)
    return node.online ? (node.pending ? "UNCLEAN (pending)" : "UNCLEAN (online)") : "UNCLEAN (offline)";
  if (node.pending) return "pending";
  if (node.standby_on_fail && node.online) return "standby (on-fail)";
  if (node.standby) {
    if (!node.online) return "OFFLINE (standby)";
    return node.resources_running > 0 ? "standby (with active resources)" : "standby";
  }
  if (node.maintenance) return node.online ? "maintenance" : "OFFLINE (maintenance)";
  return node.online ? "online" : "OFFLINE";
}

bool plain_state(const NodeView& node) {
  return !node.unclean && !node.pending && !node.standby && !node.standby_on_fail && !node.maintenance;
}

std::string duration_text(std::int64_t ms) {
  if (ms < 1000) return fmt::format("{}ms", std::max<std::int64_t>(ms, 0));
  std::string text;
  const std::int64_t days = ms / 86'400'000, hours = ms / 3'600'000 % 24, minutes = ms / 60'000 % 60,
                     seconds = ms / 1000 % 60;
  if (days > 0) text += fmt::format("{}d", days);
  if (hours > 0) text += fmt::format("{}h", hours);
  if (minutes > 0) text += fmt::format("{}m", minutes);
  if (ms % 1000 != 0)
    text += fmt::format("{}.{:03}s", seconds, ms % 1000);
  else if (seconds > 0)
    text += fmt::format("{}s", seconds);
  return text;
}

std::string count_text(int fail_count) {
  return fail_count >= 1'000'000 ? "INFINITY" : std::to_string(fail_count);
}

bool wanted(const StatusOptions& options, const ResourceView& resource) {
  if (options.only_resource.empty() || resource.id == options.only_resource) return true;
  return find_view(resource.children, options.only_resource) != nullptr;
}

std::vector<Ban> bans_of(const cib::Document& document, const std::string& prefix) {
  std::vector<Ban> bans;
  for (const pugi::xml_node location : document.section("constraints").children("rsc_location")) {
    const std::string id = location.attribute("id").value(), score = location.attribute("score").value();
    if (!score.starts_with('-') || !id.starts_with(prefix) || !location.attribute("node")) continue;
    const std::string_view role = location.attribute("role").value();
    bans.push_back({id, location.attribute("rsc").value(), location.attribute("node").value(),
                    score == "-INFINITY" ? -1'000'000 : location.attribute("score").as_int(),
                    role == "Promoted" || role == "Master"});
  }
  return bans;
}

std::vector<AttributeValue> shown_attributes(const cib::Document& document, const NodeView& node) {
  static constexpr std::string_view kHidden[] = {"standby",   "maintenance",    "shutdown",
                                                 "terminate", "probe_complete", "#feature-set"};
  std::vector<AttributeValue> all = transient_attributes(document, "", node.name);
  for (const pugi::xml_node entry : document.section("nodes").children("node")) {
    if (node.name != entry.attribute("uname").value()) continue;
    for (const pugi::xml_node set : entry.children("instance_attributes")) {
      for (const pugi::xml_node pair : set.children("nvpair")) {
        all.push_back({node.name, pair.attribute("name").value(), pair.attribute("value").value()});
      }
    }
  }
  std::erase_if(all, [](const AttributeValue& a) {
    return a.name.starts_with("fail-count-") || a.name.starts_with("last-failure-") ||
           a.name.starts_with("#") ||
           std::find(std::begin(kHidden), std::end(kHidden), a.name) != std::end(kHidden);
  });
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return all;
}

}  // namespace systole::cli
