// Resources as text: the scheduler's own lines, made safe for a terminal, with what is inactive left out on
// wish.
#include <map>

#include "cli/output.h"
#include "cli/status_words.h"
#include "pengine/status_text.h"

namespace systole::cli {
namespace {

using pengine::ResourceStatus;
using Kind = ResourceStatus::Kind;

void make_safe(std::vector<std::string>& texts) {
  for (std::string& text : texts) text = printable(text);
}

// Names come from documents and agents: whatever they hold, a line stays a line.
void make_safe(ResourceStatus& r) {
  for (std::string* text :
       {&r.id, &r.shown_id, &r.agent, &r.target_role, &r.pending, &r.pending_node, &r.locked_to,
        &r.probe_failure, &r.child_id, &r.image, &r.bundle_type, &r.address}) {
    *text = printable(*text);
  }
  make_safe(r.nodes);
  make_safe(r.promoted_on);
  make_safe(r.started_on);
  for (auto& [node, word] : r.stopped_on) node = printable(node);
  for (ResourceStatus& child : r.children) make_safe(child);
}

// False: nothing of it is active, so that it is not shown.
bool only_active(ResourceStatus& r) {
  if (r.kind == Kind::kPrimitive) return r.active() || r.failed || !r.pending.empty();
  r.stopped_on.clear();
  const auto before = r.children.size();
  std::erase_if(r.children, [](ResourceStatus& child) { return !only_active(child); });
  const auto hidden = before - r.children.size();
  if (r.kind == Kind::kGroup && hidden > 0) {
    (r.shown_id.empty() ? r.id : r.shown_id) +=
        fmt::format(" ({} member{} inactive)", hidden, hidden == 1 ? "" : "s");
    r.id = r.shown_id.empty() ? r.id : r.shown_id;
  }
  return !r.children.empty();
}

// How many of each agent, by node.
std::string brief_text(const std::vector<const ResourceStatus*>& primitives, bool inactive, int indent) {
  std::map<std::string, std::map<std::string, int>> by_agent;
  std::map<std::string, int> total;
  for (const ResourceStatus* p : primitives) {
    ++total[p->agent];
    for (const std::string& node : p->nodes) ++by_agent[p->agent][node];
  }
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

std::string resource_line(const ResourceStatus& resource, bool with_node) {
  ResourceStatus safe = resource;
  make_safe(safe);
  if (!with_node) {
    safe.nodes.clear();
    safe.pending_node.clear();
  }
  return pengine::resource_line(safe);
}

std::string resources_text(const std::vector<ResourceStatus>& resources, const StatusOptions& options,
                           int indent) {
  std::vector<ResourceStatus> shown;
  std::vector<const ResourceStatus*> loose;
  for (const ResourceStatus& r : resources) {
    if (!options.only_resource.empty() && find_status({r}, options.only_resource) == nullptr) continue;
    if (options.brief && r.kind == Kind::kPrimitive) {
      loose.push_back(&r);
      continue;
    }
    ResourceStatus safe = r;
    make_safe(safe);
    if (options.inactive || only_active(safe)) shown.push_back(std::move(safe));
  }
  return brief_text(loose, options.inactive, indent) + pengine::resource_list_text(shown, indent);
}

}  // namespace systole::cli
