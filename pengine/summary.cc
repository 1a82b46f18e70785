// The decisions of a plan, one line each: "Transition Summary".
#include <fmt/format.h>

#include "pengine/engine.h"

namespace systole::pengine::engine {
namespace {

struct Line {
  std::string action, resource, details, reason;
};

Action* first_of(const Resource* r, const Node* node, std::string_view task) {
  auto list = actions_of(r, node, task, false);
  return list.empty() ? nullptr : list.front();
}

void item(std::vector<Line>& out, const char* change, const Resource* r, const Node* origin,
          const Node* destination, const Action* a, const Action* source) {
  if (!a || (!origin && !destination)) return;
  if (!source) source = a;
  const bool need_role = r->role > Role::kStarted || r->next_role > Role::kUnpromoted;
  const bool same_host = origin && origin == destination, same_role = r->role == r->next_role;
  const char *now = role_name(r->role), *next = role_name(r->next_role);
  std::string d;
  if (need_role && !origin)
    d = fmt::format("{} -> {} {}", now, next, destination->name);
  else if (!origin)
    d = destination->name;
  else if (need_role && !destination)
    d = fmt::format("{} {}", now, origin->name);
  else if (!destination)
    d = origin->name;
  else if (need_role && same_role && same_host)
    d = fmt::format("{} {}", now, origin->name);
  else if (same_role && same_host)
    d = origin->name;
  else if (need_role && same_role)
    d = fmt::format("{} -> {} {}", origin->name, destination->name, now);
  else if (same_role)
    d = fmt::format("{} -> {}", origin->name, destination->name);
  else if (same_host)
    d = fmt::format("{} -> {} {}", now, next, origin->name);
  else
    d = fmt::format("{} {} -> {} {}", now, origin->name, next, destination->name);
  std::string reason;
  if (!source->reason.empty() && !a->runnable)
    reason = fmt::format("due to {} (blocked)", source->reason);
  else if (!source->reason.empty())
    reason = "due to " + source->reason;
  else if (!a->runnable)
    reason = "blocked";
  out.push_back({change, r->id, d, reason});
}

void resource_lines(std::vector<Line>& out, Resource* r) {
  if (!r->children.empty()) {
    if (is_bundle(r)) {
      for (auto& replica : r->replicas) {
        if (replica.ip) resource_lines(out, replica.ip);
        resource_lines(out, replica.container);
        if (replica.remote) resource_lines(out, replica.remote);
        if (replica.child) resource_lines(out, replica.child);
      }
      return;
    }
    for (auto* child : r->children) resource_lines(out, child);
    return;
  }
  Node *next = r->assigned, *current = nullptr;
  if (!r->running_on.empty()) {
    current = current_node(r);
    if (r->role == Role::kStopped) r->role = Role::kStarted;
  }
  if (!current && r->removed) return;
  if (!r->managed || (!current && !next)) return;
  const bool moving = current && next && current != next;
  Action* start = first_of(r, next, "start");
  const Node* start_node = !start || !start->runnable ? nullptr : current;
  Action* stop = first_of(r, start_node, "stop");
  if (!stop && r->stop_unexpected) stop = first_of(r, nullptr, "stop");
  Action *promote = first_of(r, next, "promote"), *demote = first_of(r, next, "demote");
  if (r->role == r->next_role) {
    Action* migrate = first_of(r, next, "migrate_from");
    if (migrate && current && migrate->runnable)
      item(out, "Migrate", r, current, next, start, nullptr);
    else if (r->reload)
      item(out, "Reload", r, current, next, start ? start : first_of(r, nullptr, "reload-agent"), nullptr);
    else if (!start || start->optional) {
      if (demote && promote && !demote->optional && !promote->optional)
        item(out, "Re-promote", r, current, next, promote, demote);
    } else if (!start->runnable) {
      item(out, "Stop", r, current, nullptr, stop, !stop || stop->reason.empty() ? start : stop);
    } else if (moving) {
      item(out, r->failed ? "Recover" : "Move", r, current, next, stop, nullptr);
    } else if (r->failed) {
      item(out, "Recover", r, current, nullptr, stop, nullptr);
    } else {
      item(out, "Restart", r, current, next, start, nullptr);
    }
    return;
  }
  if (stop && (r->next_role == Role::kStopped || (start && !start->runnable))) {
    for (Node* node : r->running_on) {
      Action* op = nullptr;
      for (Action* a : actions_of(r, node, "stop", false)) {
        op = a;
        break;
      }
      Action* reason = start;
      if (op && !op->reason.empty()) reason = op;
      item(out, "Stop", r, node, nullptr, op, reason);
    }
  } else if (stop && r->failed && r->stop_if_failed) {
    item(out, "Recover", r, current, next, stop, start);
  } else if (moving) {
    item(out, "Move", r, current, next, stop, nullptr);
  } else if (r->reload) {
    item(out, "Reload", r, current, next, start, nullptr);
  } else if (stop && !stop->optional) {
    item(out, "Restart", r, current, next, start, nullptr);
  } else if (r->role == Role::kPromoted) {
    item(out, "Demote", r, current, next, demote, nullptr);
  } else if (r->next_role == Role::kPromoted) {
    item(out, "Promote", r, current, next, promote, nullptr);
  } else if (r->role == Role::kStopped && r->next_role > Role::kStopped) {
    item(out, "Start", r, current, next, start, nullptr);
  }
}

}  // namespace

void summarize(Cluster& c) {
  for (const Action* a : c.actions) {
    if (a->resource || a->optional || !a->node) continue;
    std::string what;
    if (a->task == "stonith")
      what = fmt::format("Fence ({})", meta_or(a->meta, "stonith_action", ""));
    else
      continue;
    std::string name = a->node->name;
    if (is_guest(a->node)) name = fmt::format("{} (resource: {})", name, a->node->remote->container->id);
    std::string text = fmt::format("{} {}", what, name);
    if (!a->reason.empty()) text += fmt::format(" '{}'", a->reason);
    c.decisions.push_back({a->node->name, "Fence", text});
  }
  std::vector<Line> lines;
  for (auto* r : c.resources) resource_lines(lines, r);
  // Pacemaker's columns: what does not fit makes room for two more.
  std::size_t name_width = 5, details_width = 5;
  for (const auto& l : lines) {
    if (l.resource.size() > name_width) name_width = l.resource.size() + 2;
    details_width = std::max(details_width, l.details.size());
  }
  for (const auto& l : lines) {
    std::string text = fmt::format("{:<8}   {:<{}}   ( {:>{}} )", l.action, l.resource, name_width, l.details,
                                   details_width);
    if (!l.reason.empty()) text += "  " + l.reason;
    c.decisions.push_back({l.resource, l.action, std::move(text)});
  }
}

}  // namespace systole::pengine::engine
