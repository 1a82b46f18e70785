// Resources as text: one line each, groups and clones with their members below.
#include <map>

#include "cli/output.h"
#include "cli/status_words.h"

namespace systole::cli {
namespace {

using Kind = ResourceView::Kind;

std::string flags_of(const ResourceView& r) {
  std::vector<std::string> flags;
  if (r.pending == "Monitoring" || r.pending == "Migrating") flags.push_back(r.pending);
  if (r.unclean) flags.push_back("UNCLEAN");
  if (!r.locked_to.empty()) flags.push_back("LOCKED to " + printable(r.locked_to));
  if (r.disabled)
    flags.push_back("disabled");
  else if (shows_role(r.target_role))
    flags.push_back("target-role:" + printable(r.target_role));
  if (r.blocked)
    flags.push_back("blocked");
  else if (!r.managed)
    flags.push_back("unmanaged");
  if (r.failure_ignored) flags.push_back("failure ignored");
  return flags.empty() ? "" : fmt::format(" ({})", fmt::join(flags, ", "));
}

// "Starting" and its like take the role's place while they last.
std::string role_word(const ResourceView& r) {
  const bool changing = !r.pending.empty() && r.pending != "Monitoring" && r.pending != "Migrating";
  if (r.failed) return r.role == Role::kPromoted ? "FAILED Promoted" : "FAILED";
  return changing ? r.pending : role_name(r.role);
}

std::string heading_flags(const ResourceView& r) {
  std::vector<std::string> flags;
  if (r.promotable) flags.emplace_back("promotable");
  if (r.unique) flags.emplace_back("unique");
  if (!r.managed) flags.emplace_back("unmanaged");
  if (r.disabled) flags.emplace_back("disabled");
  return flags.empty() ? "" : fmt::format(" ({})", fmt::join(flags, ", "));
}

class Printer {
 public:
  Printer(const ClusterView& view, const StatusOptions& options) : view_(view), options_(options) {}

  void resource(const ResourceView& r, int depth) {
    if (!options_.inactive && !r.active() && r.pending.empty() && !r.failed) return;
    if (r.kind == Kind::kPrimitive)
      line(resource_line(r, true), depth);
    else if (r.kind == Kind::kGroup)
      group(r, r.id, depth);
    else if (r.kind == Kind::kClone)
      clone(r, depth);
    else
      bundle(r, depth);
  }

  std::string text;

 private:
  void line(const std::string& what, int depth) {
    text += std::string(static_cast<std::size_t>(depth) * 2, ' ') + "* " + what + "\n";
  }

  bool shown(const ResourceView& r) const {
    return options_.inactive || r.active() || r.failed || !r.pending.empty();
  }

  void group(const ResourceView& r, const std::string& name, int depth) {
    const auto hidden =
        std::count_if(r.children.begin(), r.children.end(), [&](const ResourceView& m) { return !shown(m); });
    const std::string count =
        hidden > 0 ? fmt::format(" ({} member{} inactive)", hidden, hidden == 1 ? "" : "s") : "";
    line(fmt::format("Resource Group: {}{}{}:", printable(name), count, heading_flags(r)), depth);
    for (const ResourceView& member : r.children) {
      if (shown(member)) line(resource_line(member, true), depth + 1);
    }
  }

  static bool ordinary(const ResourceView& instance) {
    for (const ResourceView* p : primitives_of(instance)) {
      if (p->failed || p->orphaned || !p->managed || p->blocked || p->unclean || p->failure_ignored ||
          !p->pending.empty())
        return false;
      if (p->nodes.size() > 1) return false;
    }
    return true;
  }

  // All members of an instance on one node in one role: then the instance is a name in a list.
  static bool whole(const ResourceView& instance) {
    const auto members = primitives_of(instance);
    return std::all_of(members.begin(), members.end(), [&](const ResourceView* p) {
      return p->nodes == members.front()->nodes && p->role == members.front()->role;
    });
  }

  void clone(const ResourceView& r, int depth) {
    line(fmt::format("Clone Set: {} [{}]{}:", printable(r.id), printable(r.child_id), heading_flags(r)),
         depth);
    std::map<std::string, std::vector<std::string>> lists;
    std::vector<std::string> somewhere;
    int number = 0;
    for (const ResourceView& instance : r.children) {
      const auto members = primitives_of(instance);
      const int index = number++;
      if (members.empty()) continue;
      const ResourceView& first = *members.front();
      if (r.unique || !ordinary(instance) || !whole(instance)) {
        if (!shown(instance)) continue;
        for (const ResourceView* p : members)
          somewhere.insert(somewhere.end(), p->nodes.begin(), p->nodes.end());
        if (instance.kind == Kind::kGroup)
          group(instance, fmt::format("{}:{}", instance.id, index), depth + 1);
        else
          line(resource_line(instance, true), depth + 1);
      } else if (!first.nodes.empty()) {
        lists[role_name(first.role)].push_back(first.nodes.front());
        somewhere.push_back(first.nodes.front());
      }
    }
    for (const char* role : {"Promoted", "Started", "Unpromoted"}) list(role, lists[role], depth + 1);
    if (!r.unique && options_.inactive) stopped(r, somewhere, depth + 1);
  }

  void stopped(const ResourceView& r, const std::vector<std::string>& somewhere, int depth) {
    std::vector<std::string> names;
    for (const NodeView& node : view_.nodes) {
      if (std::find(somewhere.begin(), somewhere.end(), node.name) == somewhere.end())
        names.push_back(node.name);
    }
    list(r.disabled ? "Stopped (disabled)" : "Stopped", names, depth);
  }

  void list(const std::string& title, std::vector<std::string> names, int depth) {
    if (names.empty()) return;
    std::sort(names.begin(), names.end());
    for (std::string& name : names) name = printable(name);
    line(fmt::format("{}: [ {} ]", title, fmt::join(names, " ")), depth);
  }

  void bundle(const ResourceView& r, int depth) {
    line(fmt::format("Container bundle{}: {} [{}]{}:", r.children.size() > 1 ? " set" : "", printable(r.id),
                     printable(r.image), heading_flags(r)),
         depth);
    for (const ResourceView& replica : r.children) {
      if (shown(replica)) line(resource_line(replica, true), depth + 1);
    }
  }

  const ClusterView& view_;
  const StatusOptions& options_;
};

// How many of each agent, by node.
std::string brief_text(const ClusterView& view, const std::vector<const ResourceView*>& primitives,
                       bool inactive, int indent) {
  std::map<std::string, std::map<std::string, int>> by_agent;
  std::map<std::string, int> total;
  for (const ResourceView* p : primitives) {
    ++total[p->agent];
    for (const std::string& node : p->nodes) ++by_agent[p->agent][node];
  }
  (void)view;
  std::string text;
  const std::string margin(static_cast<std::size_t>(indent) * 2, ' ');
  for (const auto& [agent, count] : total) {
    const std::string of = inactive ? fmt::format("/{}", count) : "";
    for (const auto& [node, active] : by_agent[agent]) {
      text +=
          fmt::format("{}* {}{}\t({}):\tActive {}\n", margin, active, of, printable(agent), printable(node));
    }
    if (by_agent[agent].empty() && inactive)
      text += fmt::format("{}* 0/{}\t({}):\tActive\n", margin, count, printable(agent));
  }
  return text;
}

}  // namespace

std::string resource_line(const ResourceView& r, bool with_node) {
  const std::string name = r.child_id.empty() ? r.id : r.child_id;
  std::string text = fmt::format("{}{}\t({}):\t {}{}", printable(name),
                                 r.address.empty() ? "" : " (" + printable(r.address) + ")",
                                 printable(r.agent), r.orphaned ? "ORPHANED " : "", role_word(r));
  if (with_node && r.nodes.size() == 1) text += " " + printable(r.nodes.front());
  if (with_node && r.nodes.size() > 1) {
    std::vector<std::string> names;
    for (const std::string& node : r.nodes) names.push_back(printable(node));
    text += fmt::format(" [ {} ]", fmt::join(names, " "));
  }
  return text + flags_of(r);
}

std::string resources_text(const ClusterView& view, const StatusOptions& options, int indent) {
  if (options.brief) {
    std::vector<const ResourceView*> loose;
    Printer printer(view, options);
    for (const ResourceView& r : view.resources) {
      if (!wanted(options, r)) continue;
      if (r.kind == Kind::kPrimitive)
        loose.push_back(&r);
      else
        printer.resource(r, indent);
    }
    return brief_text(view, loose, options.inactive, indent) + printer.text;
  }
  Printer printer(view, options);
  for (const ResourceView& r : view.resources) {
    if (wanted(options, r)) printer.resource(r, indent);
  }
  return printer.text;
}

}  // namespace systole::cli
