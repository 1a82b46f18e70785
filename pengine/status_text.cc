#include "pengine/status_text.h"

#include <algorithm>
#include <map>

#include "pengine/model.h"

namespace systole::pengine {
namespace {

using Kind = ResourceStatus::Kind;

class Printer {
 public:
  std::string text;

  void line(int indent, const std::string& what) {
    text.append(static_cast<std::size_t>(indent) * 2, ' ').append("* ").append(what).append("\n");
  }
  void list(int indent, const std::string& title, std::vector<std::string> names) {
    if (names.empty()) return;
    std::sort(names.begin(), names.end(),
              [](const auto& a, const auto& b) { return engine::compare_numeric(a, b) < 0; });
    line(indent, fmt::format("{}: [ {} ]", title, fmt::join(names, " ")));
  }

  void resource(const ResourceStatus& r, int indent) {
    switch (r.kind) {
      case Kind::kPrimitive:
        return line(indent, resource_line(r));
      case Kind::kGroup:
        return group(r, indent);
      case Kind::kClone:
        return clone(r, indent);
      case Kind::kBundle:
        return bundle(r, indent);
    }
  }

 private:
  static std::string flags(const ResourceStatus& r) {
    std::vector<std::string> words;
    if (r.promotable && r.kind == Kind::kClone) words.emplace_back("promotable");
    if (r.unique && r.kind != Kind::kGroup) words.emplace_back("unique");
    if (r.maintenance)
      words.emplace_back("maintenance");
    else if (!r.managed)
      words.emplace_back("unmanaged");
    if (r.disabled && r.kind != Kind::kBundle) words.emplace_back("disabled");
    return words.empty() ? "" : fmt::format(" ({})", fmt::join(words, ", "));
  }

  void group(const ResourceStatus& r, int indent) {
    line(indent, fmt::format("Resource Group: {}{}:", r.id, flags(r)));
    for (const ResourceStatus& member : r.children) {
      if (!member.orphaned || member.active()) resource(member, indent + 1);
    }
  }

  void clone(const ResourceStatus& r, int indent) {
    line(indent, fmt::format("Clone Set: {} [{}]{}:", r.id, r.child_id, flags(r)));
    for (const ResourceStatus& instance : r.children) {
      if (!instance.in_list) resource(instance, indent + 1);
    }
    list(indent + 1, "Promoted", r.promoted_on);
    list(indent + 1, r.promotable ? "Unpromoted" : "Started", r.started_on);
    std::map<std::string, std::vector<std::string>> stopped;
    for (const auto& [node, word] : r.stopped_on) stopped[word].push_back(node);
    for (const auto& [word, names] : stopped) list(indent + 1, word, names);
  }

  void bundle(const ResourceStatus& r, int indent) {
    line(indent, fmt::format("Container bundle{}: {} [{}]{}:", r.children.size() > 1 ? " set" : "", r.id,
                             r.image, flags(r)));
    for (const ResourceStatus& replica : r.children) line(indent + 1, resource_line(replica));
  }
};

}  // namespace

std::string resource_line(const ResourceStatus& r) {
  std::string text = r.shown_id.empty() ? r.id : r.shown_id;
  if (!r.address.empty()) text += " (" + r.address + ")";
  text += "\t(" + r.agent + "):\t ";
  if (r.orphaned) text += "ORPHANED ";
  const bool changing = !r.pending.empty() && r.pending != "Monitoring";
  if (r.failed) {
    text += "FAILED";
    if (r.role == "Promoted") text += " Promoted";
  } else {
    text += changing ? r.pending : r.role;
  }
  const bool several = r.nodes.size() > 1;
  const std::string node = several                ? ""
                           : !r.nodes.empty()     ? r.nodes.front()
                           : !r.locked_to.empty() ? r.locked_to
                                                  : r.pending_node;
  if (!node.empty()) text += " " + node;
  std::vector<std::string> flags;
  if (r.nodes.empty() && !r.probe_failure.empty()) flags.push_back(r.probe_failure);
  if (!several && r.on_unclean) flags.emplace_back("UNCLEAN");
  if (!r.locked_to.empty() && node == r.locked_to) flags.emplace_back("LOCKED");
  if (r.pending == "Monitoring") flags.push_back(r.pending);
  if (r.disabled) flags.emplace_back("disabled");
  if (r.promotable && r.target_role == "Unpromoted") flags.emplace_back("target-role:Unpromoted");
  if (r.blocked)
    flags.emplace_back("blocked");
  else if (r.maintenance)
    flags.emplace_back("maintenance");
  else if (!r.managed)
    flags.emplace_back("unmanaged");
  if (r.failure_ignored) flags.emplace_back("failure ignored");
  if (!flags.empty()) text += fmt::format(" ({})", fmt::join(flags, ", "));
  if (several) text += fmt::format(" [ {} ]", fmt::join(r.nodes, " "));
  return text;
}

std::string node_list_text(const ClusterStatus& status, int indent) {
  Printer printer;
  std::map<std::string, std::vector<std::string>> lists;
  for (const NodeStatus& node : status.nodes) {
    const std::string prefix = node.kind == NodeStatus::Kind::kGuest    ? "Guest"
                               : node.kind == NodeStatus::Kind::kRemote ? "Remote"
                                                                        : "";
    if (!node.plain()) {
      const std::string at = node.host.empty() ? "" : "@" + node.host;
      printer.line(indent, fmt::format("{}Node {}{}: {}", prefix, node.name, at, node.state_text()));
    } else if (node.online || node.kind != NodeStatus::Kind::kGuest) {
      lists[prefix + (node.online ? (prefix.empty() ? "Online" : "Online") : "OFFLINE")].push_back(node.name);
    }
  }
  for (const char* title :
       {"Online", "OFFLINE", "RemoteOnline", "RemoteOFFLINE", "GuestOnline", "GuestOFFLINE"}) {
    if (const auto found = lists.find(title); found != lists.end()) {
      printer.line(indent, fmt::format("{}: [ {} ]", title, fmt::join(found->second, " ")));
    }
  }
  return printer.text;
}

std::string resource_list_text(const std::vector<ResourceStatus>& resources, int indent) {
  Printer printer;
  for (const ResourceStatus& r : resources) {
    if (!r.orphaned || r.active() || !r.pending.empty()) printer.resource(r, indent);
  }
  return printer.text;
}

std::string status_text(const ClusterStatus& status) {
  std::string text = "  * Node List:\n" + node_list_text(status, 2) + "\n  * Full List of Resources:\n";
  const std::string resources = resource_list_text(status.resources, 2);
  return text + (resources.empty() ? "    * No resources\n" : resources);
}

}  // namespace systole::pengine
