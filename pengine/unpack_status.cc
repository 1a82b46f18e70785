// The status section: node states, tickets, and the history of operations per node.
#include <fmt/format.h>

#include <algorithm>

#include "pengine/engine.h"
#include "pengine/history.h"
#include "pengine/op_result.h"

namespace systole::pengine::engine {
namespace {

std::string attribute(pugi::xml_node xml, const char* name) { return xml.attribute(name).value(); }

// Since when a node is a member: seconds since the epoch, 0: it is not, -1: nothing is known. A plain "true"
// means: long enough ago, so that no timeout has run out.
std::int64_t member_since(const Cluster& c, pugi::xml_node state) {
  const std::string v = attribute(state, "in_ccm");
  if (v.empty()) return -1;
  if (is_true(v)) return std::max<std::int64_t>(epoch_seconds(c.now), 1);
  if (is_false(v)) return 0;
  return std::max<std::int64_t>(parse_int(v).value_or(-1), -1);
}
// Since when its controller is connected; 0: it is not.
std::int64_t online_since(pugi::xml_node state) {
  const std::string v = attribute(state, "crmd");
  if (same_text(v, "online")) return 1;
  if (v.empty() || same_text(v, "offline")) return 0;
  return std::max<std::int64_t>(parse_int(v).value_or(0), 0);
}

bool shutdown_requested(const Node& node) {
  const auto v = meta_of(node.attributes, "shutdown");
  return v && !v->empty() && *v != "0";
}

// Fencing asked for by a person: a boolean, or since when.
bool termination_requested(const Node& node) {
  const auto v = meta_of(node.attributes, "terminate");
  return v && (is_true(*v) || (!is_false(*v) && parse_int(*v).value_or(0) > 0));
}

bool online_without_fencing(Cluster& c, pugi::xml_node state, Node& node) {
  if (member_since(c, state) <= 0) return false;
  if (online_since(state) > 0) return attribute(state, "join") == "member";
  if (node.expected_up) fence_node(c, &node, "peer is unexpectedly down", false);
  return false;
}

bool pending_too_long(Cluster& c, std::int64_t member, std::int64_t online) {
  if (c.config.node_pending_timeout_ms <= 0 || member <= 0 || online > 0) return false;
  const std::int64_t end = member + c.config.node_pending_timeout_ms / 1000;
  if (epoch_seconds(c.now) >= end) return true;
  const WallTime t{Seconds(end)};
  if (!c.recheck_by || t < *c.recheck_by) c.recheck_by = t;
  return false;
}

// It is there, and not ready to run anything.
void still_joining(Node& node) { node.pending = node.standby = true; }

bool online_with_fencing(Cluster& c, pugi::xml_node state, Node& node) {
  const std::int64_t member = member_since(c, state), online = online_since(state);
  const std::string join = attribute(state, "join"), expected = attribute(state, "expected");
  if (node.shutdown) return online > 0;
  if (member < 0) {
    fence_node(c, &node, "peer has not been seen by the cluster", false);
    return false;
  }
  if (join == "banned") {
    fence_node(c, &node, "peer failed Pacemaker membership criteria", false);
  } else if (termination_requested(node)) {
    if (member <= 0 && online <= 0 && join == "down") return false;  // That was done.
    fence_node(c, &node, "fencing was requested", false);
  } else if (expected.empty() || expected == "down") {
    if (pending_too_long(c, member, online))
      fence_node(c, &node, "peer pending timed out on joining the process group", false);
    else if (member > 0 || online > 0)
      still_joining(node);
  } else if (member <= 0) {
    fence_node(c, &node, "peer is no longer part of the cluster", true);
  } else if (online <= 0) {
    fence_node(c, &node, "peer process is no longer available", false);
  } else if (join == "member") {
    // Active.
  } else if (join == "pending" || join == "down") {
    still_joining(node);
  } else {
    fence_node(c, &node, "peer was in an unknown state", false);
  }
  return member > 0;
}

void determine_online(Cluster& c, pugi::xml_node state, Node& node) {
  node.shutdown = false;
  node.expected_up = false;
  if (shutdown_requested(node))
    node.shutdown = true;
  else if (attribute(state, "expected") == "member")
    node.expected_up = true;
  node.online =
      c.config.fencing ? online_with_fencing(c, state, node) : online_without_fencing(c, state, node);
  if (!node.online || node.shutdown) node.base_score = -kInfinity;
}

void determine_remote_online(Cluster&, Node& node) {
  Resource* rsc = node.remote;
  if (!rsc) {
    node.online = false;
    return;
  }
  Resource* container = rsc->container;
  Node* host = nullptr;
  if (container && rsc->running_on.size() == 1) host = rsc->running_on.front();
  if (rsc->role == Role::kStarted) node.online = true;
  if (rsc->role == Role::kStarted && rsc->next_role == Role::kStopped) node.shutdown = true;
  if (container && container->failed) {
    node.online = false;
    node.remote_requires_reset = true;
  } else if (rsc->failed) {
    node.online = false;
  } else if (rsc->role == Role::kStopped || (container && container->role == Role::kStopped)) {
    node.online = false;
    node.remote_requires_reset = false;
  } else if (host && !host->online && host->unclean) {
    node.online = false;
    node.remote_requires_reset = true;
  }
}

void remote_attributes(Cluster& c, Node& node, pugi::xml_node state) {
  if (is_true(attribute(state, "node_fenced"))) node.remote_was_fenced = true;
  if (auto n = parse_int(attribute(state, "node_fenced")); n && *n > 0) node.remote_was_fenced = true;
  if (!node.remote) return;
  if (!node.remote_requires_reset) node.unclean = node.unseen = false;
  add_node_attributes(c, node, state.child("transient_attributes"), true);
  if (is_true(meta_or(node.attributes, "shutdown", "")) || shutdown_requested(node)) node.shutdown = true;
  if (is_true(meta_or(node.attributes, "standby", ""))) node.standby = true;
  if (is_true(meta_or(node.attributes, "maintenance", "")) || !node.remote->managed) node.maintenance = true;
  const std::string discovery = meta_or(node.attributes, "resource-discovery-enabled", "");
  if (is_false(discovery)) {
    if (is_remote(&node) && !c.config.fencing)
      c.error(
          fmt::format("Ignoring resource-discovery-enabled attribute on Pacemaker Remote node {} because "
                      "fencing is disabled",
                      node.name));
    else
      node.discovery_enabled = false;
  }
}

Node* node_of_state(const Cluster& c, pugi::xml_node state) {
  auto it = c.node_by_id.find(attribute(state, "id"));
  return it != c.node_by_id.end() ? it->second : c.find_node(attribute(state, "uname"));
}

void node_state(Cluster& c, pugi::xml_node state) {
  const std::string id = attribute(state, "id"), name = attribute(state, "uname");
  Node* node = node_of_state(c, state);
  if (!node) {
    if (!id.empty())
      c.warning(fmt::format("Ignoring recorded state for removed node {}", name.empty() ? id : name));
    return;
  }
  c.node_states.emplace(node->id, state);
  if (is_guest_or_remote(node)) {
    if (auto n = parse_int(attribute(state, "node_fenced")); n && *n > 0) node->remote_was_fenced = true;
    if (auto m = parse_int(attribute(state, "node_in_maintenance")); m && *m > 0)
      node->remote_maintenance = true;
    return;
  }
  node->unclean = false;
  node->unseen = false;
  node->feature_set = attribute(state, "crm_feature_set");
  add_node_attributes(c, *node, state.child("transient_attributes"), true);
  if (auto fs = meta_of(node->attributes, "#feature-set")) node->feature_set = *fs;
  if (is_true(meta_or(node->attributes, "standby", ""))) node->standby = true;
  if (is_true(meta_or(node->attributes, "maintenance", ""))) node->maintenance = true;
  determine_online(c, state, *node);
  if (!c.config.have_quorum && node->online && c.config.no_quorum == Config::NoQuorum::kFence)
    fence_node(c, node, "cluster does not have quorum", false);
}

// One pass over nodes whose history can be read now. True when any was.
bool node_histories(Cluster& c, bool fence) {
  bool any = false;
  for (auto state : c.document->root().child("status").children("node_state")) {
    Node* found = node_of_state(c, state);
    if (!found || found->unpacked || !state.attribute("uname")) continue;
    Node& node = *found;
    index_history(c, node, state);  // What is in it may have called the node into being only now.
    if (!fence) {
      if (is_guest(&node)) {
        if (node.remote->role != Role::kStarted || node.remote->container->role != Role::kStarted) continue;
      } else if (is_guest_or_remote(&node)) {
        if (!node.remote || (!c.config.shutdown_lock && node.remote->role != Role::kStarted)) continue;
      } else if (!c.config.fencing && !c.config.shutdown_lock && !node.online) {
        continue;
      }
    }
    if (is_guest_or_remote(&node)) {
      determine_remote_online(c, node);
      remote_attributes(c, node, state);
    }
    node.unpacked = true;
    node_history(c, node);
    any = true;  // Other histories may depend on it.
  }
  return any;
}

}  // namespace

void unpack_tickets_state(Cluster& c, pugi::xml_node status) {
  for (auto xml : status.child("tickets").children("ticket_state")) {
    const std::string id = attribute(xml, "id");
    if (id.empty()) continue;
    Ticket& t = c.tickets[id];
    t.id = id;
    for (auto a : xml.attributes())
      if (std::string_view(a.name()) != "id") t.state[a.name()] = a.value();
    t.granted = is_true(attribute(xml, "granted"));
    t.standby = is_true(attribute(xml, "standby"));
    t.last_granted = attribute(xml, "last-granted");
  }
}

void unpack_status(Cluster& c) {
  const auto status = c.document->root().child("status");
  unpack_tickets_state(c, status);
  for (auto state : status.children("node_state")) node_state(c, state);
  index_history(c);
  while (node_histories(c, false)) {
  }
  node_histories(c, c.config.fencing);
  // Containers with failed connections go down where they run.
  for (Resource* container : c.stop_needed)
    if (Node* node = current_node(container)) stop_action(c, container, node, false);
  c.stop_needed.clear();
  for (Node* node : c.nodes) {
    if (!is_guest_or_remote(node)) continue;
    if (node->shutdown && node->remote) set_next_role(node->remote, Role::kStopped, "remote shutdown");
    if (!node->unpacked) determine_remote_online(c, *node);
  }
}

}  // namespace systole::pengine::engine
