// Notifications of clones: before and after instances start, stop, are promoted or demoted, the others are
// told.
#include <fmt/format.h>

#include <algorithm>

#include "pengine/engine.h"

namespace systole::pengine::engine {
namespace {

using Entry = std::pair<Resource*, Node*>;

Action* notify_pseudo(Cluster& c, Resource* r, Action* about, const char* task, const char* type) {
  const std::string key = fmt::format("{}_{}_notify_{}_0", r->id, type, about->task);
  Action* a = make_action(c, r, key, task, nullptr, about->optional);
  a->pseudo = true;
  a->meta["notify_key_type"] = type;
  a->meta["notify_key_operation"] = about->task;
  return a;
}

Notify pseudo_ops(Cluster& c, Resource* r, const std::string& task, Action* action, Action* complete) {
  Notify n;
  n.task = task;
  if (action) {
    n.pre = notify_pseudo(c, r, action, "notify", "pre");
    n.pre->runnable = true;
    n.pre->meta["notify_type"] = "pre";
    n.pre->meta["notify_operation"] = task;
    n.pre_done = notify_pseudo(c, r, action, "notified", "confirmed-pre");
    n.pre_done->runnable = true;
    n.pre_done->meta["notify_type"] = "pre";
    n.pre_done->meta["notify_operation"] = task;
    order_actions(n.pre, n.pre_done, kOrdered);
    order_actions(n.pre_done, action, kOrdered);
  }
  if (complete) {
    n.post = notify_pseudo(c, r, complete, "notify", "post");
    n.post_done = notify_pseudo(c, r, complete, "notified", "confirmed-post");
    for (Action* a : {n.post, n.post_done}) {
      a->priority = kInfinity;
      a->runnable = complete->runnable;
      a->meta["notify_type"] = "post";
      a->meta["notify_operation"] = task;
    }
    order_actions(complete, n.post, kFirstImpliesThen);
    order_actions(n.post, n.post_done, kFirstImpliesThen);
  }
  if (action && complete) order_actions(n.pre_done, n.post, kOrdered);
  return n;
}

void collect(Resource* r, bool activity, Notify& n) {
  if (!r->children.empty()) {
    for (auto* child : r->children) collect(child, activity, n);
    return;
  }
  Node* node = r->running_on.empty() ? nullptr : r->running_on.front();
  switch (r->role) {
    case Role::kStopped:
      n.inactive.emplace_back(r, node);
      break;
    case Role::kPromoted:
      n.promoted.emplace_back(r, node);
      n.active.emplace_back(r, node);
      break;
    case Role::kUnpromoted:
      n.unpromoted.emplace_back(r, node);
      n.active.emplace_back(r, node);
      break;
    case Role::kStarted:
      n.active.emplace_back(r, node);
      break;
    case Role::kUnknown:
      break;
  }
  if (!activity) return;
  for (Action* a : r->actions) {
    if (a->optional || !a->node) continue;
    // What cannot run is not announced, but for the stop that fencing will stand for.
    if (!a->runnable && !(a->task == "stop" && a->node->unclean)) continue;
    if (a->task == "start")
      n.start.emplace_back(r, a->node);
    else if (a->task == "stop")
      n.stop.emplace_back(r, a->node);
    else if (a->task == "promote")
      n.promote.emplace_back(r, a->node);
    else if (a->task == "demote")
      n.demote.emplace_back(r, a->node);
  }
}

// What agents get to see: CRM_meta_notify_start_resource and so on.
void fill_keys(Cluster& c, const Resource* clone, Notify& n) {
  auto put = [&](const char* name, std::vector<Entry> list) {
    std::sort(list.begin(), list.end(),
              [](const Entry& a, const Entry& b) { return a.first->id < b.first->id; });
    std::string resources, nodes;
    for (const auto& [r, node] : list) {
      resources += (resources.empty() ? "" : " ") + r->id;
      if (node) nodes += (nodes.empty() ? "" : " ") + node->name;
    }
    n.keys[fmt::format("notify_{}_resource", name)] = resources.empty() ? " " : resources;
    n.keys[fmt::format("notify_{}_uname", name)] = nodes.empty() ? " " : nodes;
  };
  put("start", n.start);
  put("stop", n.stop);
  put("promote", n.promote);
  put("demote", n.demote);
  put("active", n.active);
  put("inactive", n.inactive);
  put("promoted", n.promoted);
  put("master", n.promoted);
  put("unpromoted", n.unpromoted);
  put("slave", n.unpromoted);
  n.keys.erase("notify_inactive_uname");
  auto add = [](std::string& names, const Node* node) { names += (names.empty() ? "" : " ") + node->name; };
  std::string all, hosts, available;
  for (const Node* node : c.nodes) {
    add(all, node);
    const Node* host = is_guest(node) ? current_node(node->remote->container) : nullptr;
    add(hosts, host ? host : node);
    if (clone->allowed.find(node)) add(available, node);
  }
  n.keys["notify_all_uname"] = all;
  n.keys["notify_available_uname"] = available;
  if (meta_or(clone->meta, "container-attribute-target", "") == "host") n.keys["notify_all_hosts"] = hosts;
}

Action* notify_action(Cluster& c, Resource* r, Node* node, Action* op, Action* done, const Notify& n) {
  if (!op || !done || !node || !node->online || !op->runnable) return nullptr;
  const std::string key = fmt::format("{}_{}_notify_{}_0", r->id, meta_or(op->meta, "notify_type", "pre"),
                                      meta_or(op->meta, "notify_operation", ""));
  Action* a = make_action(c, r, key, "notify", node, op->optional);
  // What the notification has by itself stays.
  for (const auto& [name, value] : op->meta) a->meta.emplace(name, value);
  for (const auto& [name, value] : n.keys) a->meta[name] = value;
  order_actions(op, a, kOrdered);
  order_actions(a, done, kOrdered);
  return a;
}

void post_notify(Cluster& c, Resource* r, Node* node, const Notify& n) {
  if (Action* a = notify_action(c, r, node, n.post, n.post_done, n)) a->priority = kInfinity;
  if (!n.post_done) return;
  for (Action* mon : r->actions)
    if (mon->interval_ms > 0 && mon->task != "cancel") order_actions(n.post_done, mon, kOrdered);
}

// What starts behind a connection that cannot be started will not start: there is nothing to tell.
bool waits_for_blocked_connection(const Action* start) {
  if (!start || !start->node || !start->node->remote) return false;
  const Action* connect = find_action(start->node->remote->actions, "", "start", nullptr);
  return connect && !connect->runnable;
}

void create_for(Cluster& c, Resource* r, const Notify& n) {
  if (!r->children.empty()) {
    for (auto* child : r->children) create_for(c, child, n);
    return;
  }
  Action* stop = nullptr;
  for (Action* a : r->actions) {
    if (a->optional || !a->node) continue;
    if (a->task == "start" || a->task == "stop" || a->task == "promote" || a->task == "demote")
      for (const auto& [name, value] : n.keys) a->meta[name] = value;
  }
  const bool starts = n.task == "start", stops = n.task == "stop", promotes = n.task == "promote",
             demotes = n.task == "demote";
  if ((starts && n.start.empty()) || (promotes && n.promote.empty()) || (demotes && n.demote.empty())) return;
  if (r->role != Role::kStopped && (stops || demotes)) {
    for (Node* node : r->running_on) {
      stop = find_action(r->actions, "", "stop", nullptr);
      if (stop && stop->pseudo && (node->unclean || node->remote_requires_reset)) continue;
      notify_action(c, r, node, n.pre, n.pre_done, n);
      if (demotes || !stop || stop->optional) post_notify(c, r, node, n);
    }
  }
  if (r->next_role != Role::kStopped && r->assigned && (starts || promotes)) {
    const Action* start = find_action(r->actions, "", "start", nullptr);
    if (waits_for_blocked_connection(start)) return;
    if (!starts || !start || start->optional) notify_action(c, r, r->assigned, n.pre, n.pre_done, n);
    post_notify(c, r, r->assigned, n);
  }
}

Action* own(const Resource* r, const char* task) {
  return find_action(r->actions, op_key(r->id, task, 0), task, nullptr);
}

Notifications& notifications(Resource* r) {
  if (!r->notifications) r->notifications = std::make_unique<Notifications>();
  return *r->notifications;
}

}  // namespace

void clone_notifications(Cluster& c, Resource* r) {
  Notifications& n = notifications(r);
  n.start = pseudo_ops(c, r, "start", own(r, "start"), own(r, "running"));
  n.stop = pseudo_ops(c, r, "stop", own(r, "stop"), own(r, "stopped"));
  order_actions(n.stop.post_done, n.start.pre, kOrdered);
}

void promotable_notifications(Cluster& c, Resource* r) {
  Notifications& n = notifications(r);
  n.promote = pseudo_ops(c, r, "promote", own(r, "promote"), own(r, "promoted"));
  n.demote = pseudo_ops(c, r, "demote", own(r, "demote"), own(r, "demoted"));
  order_actions(n.stop.post_done, n.promote.pre, kOrdered);
  order_actions(n.start.post_done, n.promote.pre, kOrdered);
  order_actions(n.demote.post_done, n.promote.pre, kOrdered);
  order_actions(n.demote.post_done, n.start.pre, kOrdered);
  order_actions(n.demote.post_done, n.stop.pre, kOrdered);
}

void create_notifications(Cluster& c) {
  std::vector<Resource*> clones;
  for (auto& r : c.resource_store)
    if (is_clone(&r) && r.notify) clones.push_back(&r);
  // What instances do decides which of the clone's notifications there are.
  for (auto& r : c.resource_store)
    if (is_clone(&r))
      for (Action* a : r.actions) action_flags(c, a, nullptr);
  for (auto* r : clones) {
    Notifications& all = notifications(r);
    for (Notify* n : {&all.start, &all.stop, &all.promote, &all.demote}) {
      if (n->task.empty()) continue;
      collect(r, true, *n);
      fill_keys(c, r, *n);
      create_for(c, r, *n);
    }
  }
}

// Fencing stops an instance without a notification: the others hear of it right after.
void notify_after_fencing(Cluster& c, Resource* r, Action* stop, Action* stonith) {
  Notify n = pseudo_ops(c, r, "stop", nullptr, stonith);
  collect(r, false, n);
  n.stop.emplace_back(r, stop->node);
  fill_keys(c, top(r), n);
  create_for(c, top(r), n);
}

}  // namespace systole::pengine::engine
