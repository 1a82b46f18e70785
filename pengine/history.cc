// Reading lrm_resource elements: which instance they mean, in which order operations happened, what they
// leave.
#include "pengine/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "pengine/because.h"
#include "pengine/engine.h"
#include "pengine/op_result.h"
#include "pengine/scope.h"

namespace systole::pengine::engine {
namespace {

struct Magic {
  std::string_view uuid;
  int transition = -1;
  int target_rc = -1;
  bool ok = false;
};

// "ACTION:TRANSITION:RC:UUID", or with "STATUS:RC;" before it.
Magic parse_key(std::string_view key) {
  Magic m;
  if (const auto semi = key.find(';'); semi != std::string_view::npos) key.remove_prefix(semi + 1);
  int fields[3] = {0, 0, 0};
  for (int& f : fields) {
    const auto colon = key.find(':');
    if (colon == std::string_view::npos) return m;
    auto v = parse_int(key.substr(0, colon));
    if (!v || *v < INT32_MIN || *v > INT32_MAX) return m;
    f = static_cast<int>(*v);
    key.remove_prefix(colon + 1);
  }
  m.transition = fields[1];
  m.target_rc = fields[2];
  m.uuid = key;
  m.ok = true;
  return m;
}

int to_int(const char* text, int fallback) {
  auto v = parse_int(text);
  return v ? static_cast<int>(std::clamp<std::int64_t>(*v, INT32_MIN, INT32_MAX)) : fallback;
}

}  // namespace

HistoryOp parse_op(pugi::xml_node xml) {
  HistoryOp op;
  op.xml = xml;
  std::string_view transition_key;
  for (auto a = xml.first_attribute(); a; a = a.next_attribute()) {
    const std::string_view name = a.name();
    // One walk over the attributes; most are told apart by their length.
    switch (name.size()) {
      case 2:
        if (name == "id") op.id = a.value();
        break;
      case 7:
        if (name == "call-id")
          op.call_id = to_int(a.value(), -1);
        else if (name == "rc-code")
          op.rc = to_int(a.value(), 193);
        break;
      case 8:
        if (name == "interval") op.interval_ms = parse_int(a.value()).value_or(0);
        break;
      case 9:
        if (name == "operation")
          op.task = a.value();
        else if (name == "op-digest")
          op.digest = a.value();
        else if (name == "op-status")
          op.status = to_int(a.value(), 99);
        break;
      case 13:
        if (name == "operation_key") op.key = a.value();
        break;
      case 14:
        if (name == "transition-key")
          transition_key = a.value();
        else if (name == "last-rc-change")
          op.last_change = parse_int(a.value()).value_or(-1);
        break;
      case 17:
        if (name == "op-restart-digest") op.restart_digest = a.value();
        break;
      default:
        break;
    }
  }
  if (op.key.empty()) op.key = op.id;
  if (const Magic m = parse_key(transition_key); m.ok) op.target_rc = m.target_rc;
  return op;
}

bool is_probe_op(const HistoryOp& op) { return op.task == "monitor" && op.interval_ms == 0; }

// A probe that could not run, of a resource that cannot run there either, means: not running.
bool mask_probe_failure(const HistoryOp& op) {
  return is_probe_op(op) &&
         (op.status == kExecNotInstalled || op.rc == kNotInstalled || op.rc == kInvalidParam);
}

int compare_history(const HistoryOp& a, const HistoryOp& b, bool same_node) {
  if (a.xml == b.xml) return 0;
  if (a.call_id == -1 && b.call_id == -1) return 0;
  const std::string_view at = a.xml.attribute("on_node").value(), bt = b.xml.attribute("on_node").value();
  if (!at.empty() && !bt.empty()) same_node = same_text(at, bt);
  if (a.call_id >= 0 && b.call_id >= 0) {
    // Call ids count on one node; across nodes only time tells.
    if (same_node && a.call_id != b.call_id) return a.call_id < b.call_id ? -1 : 1;
    if (a.last_change >= 0 && a.last_change < b.last_change) return -1;
    if (b.last_change >= 0 && a.last_change > b.last_change) return 1;
    return 0;
  }
  const Magic ma = parse_key(a.magic()), mb = parse_key(b.magic());
  if (!ma.ok || !mb.ok) return a.call_id == -1 ? 1 : -1;
  if (ma.uuid != mb.uuid || ma.transition == mb.transition) return b.call_id == -1 ? -1 : 1;
  if ((ma.transition >= 0 && ma.transition < mb.transition) || mb.transition == -1) return -1;
  return 1;
}

void sort_history(std::span<HistoryOp> ops) {
  // Notifications say nothing of the resource's state; they have no call id, and would stand in the way.
  const auto rest =
      std::stable_partition(ops.begin(), ops.end(), [](const HistoryOp& op) { return op.task == "notify"; });
  ops = {rest, ops.end()};
  // Not a strict weak ordering for pending operations: insertion sort stays defined whatever it says. Where
  // there are several, it starts from one order whatever the document's.
  const auto pending = [](const HistoryOp& op) { return op.call_id == -1; };
  if (std::count_if(ops.begin(), ops.end(), pending) > 1)
    std::stable_sort(ops.begin(), ops.end(),
                     [](const HistoryOp& a, const HistoryOp& b) { return a.id < b.id; });
  for (std::size_t i = 1; i < ops.size(); ++i)
    for (std::size_t j = i; j > 0 && compare_history(ops[j - 1], ops[j]) > 0; --j)
      std::swap(ops[j - 1], ops[j]);
}

ActiveRange active_range(std::span<const HistoryOp> ops) {
  ActiveRange range;
  int by_monitor = -1, by_role = -1, i = -1;
  for (const auto& op : ops) {
    ++i;
    if (op.task == "stop" && op.status == 0)
      range.stop = i;
    else if (op.task == "start" || op.task == "migrate_from")
      range.start = i;
    else if (by_monitor <= range.stop && op.task == "monitor") {
      if (op.rc == kOk || op.rc == kRunningPromoted) by_monitor = i;
    } else if (op.task == "promote" || op.task == "demote") {
      by_role = i;
    }
  }
  if (range.start == -1) range.start = by_role != -1 ? by_role : by_monitor;
  return range;
}

std::string_view strip_instance(std::string_view id) {
  const auto colon = id.rfind(':');
  if (colon == std::string_view::npos || colon + 1 >= id.size()) return id;
  for (std::size_t i = colon + 1; i < id.size(); ++i)
    if (id[i] < '0' || id[i] > '9') return id;
  return id.substr(0, colon);
}

namespace {

void set_removed(Resource* r) {
  r->removed = true;
  for (auto* child : r->children) set_removed(child);
}

Resource* removed_instance(Cluster& c, Resource* parent, std::string_view id) {
  if (parent->def->children.empty()) return nullptr;
  Resource* instance = create_clone_instance(c, parent, static_cast<int>(parent->children.size()), true);
  set_removed(instance);
  return find_in(instance, id, nullptr, true);
}

// The instance of an anonymous clone that the history of this node means.
Resource* anonymous_instance(Cluster& c, Node& node, Resource* parent, std::string_view id) {
  Resource *found = nullptr, *inactive = nullptr;
  bool skip_inactive = false;
  for (auto* child : parent->children) {
    if (found) break;
    if (const Node* where = node_of(child, Where::kCurrentOrPending)) {
      if (where == &node) {
        found = find_in(child, id, nullptr, true);
        if (found && !found->running_on.empty()) {
          skip_inactive = true;
          found = nullptr;
        }
      }
    } else if (!skip_inactive && !inactive && !child->blocked) {
      inactive = find_in(child, id, nullptr, true);
      if (inactive && inactive->pending_node && inactive->pending_node != &node) inactive = nullptr;
    }
  }
  if (!found && !skip_inactive) found = inactive;
  if (found && !found->needs_fencing && (!node.online || node.unclean) && !is_guest(&node) &&
      !is_universal_clone(c, parent))
    found = nullptr;
  return found ? found : removed_instance(c, parent, id);
}

Resource* bundle_replica_on(Resource* bundle, const Node& node) {
  for (auto& replica : bundle->replicas)
    if (replica.node == &node) return replica.child;
  return nullptr;
}

// The primitive that the configuration knows by this id, or the first instance of an anonymous clone's.
Resource* known_by(Cluster& c, HistoryOfId& all, std::string_view id) {
  if (!all.named)
    if (auto it = c.resource_by_id.find(id); it != c.resource_by_id.end()) all.named = it->second;
  if (all.named) return is_primitive(all.named) ? all.named : nullptr;
  if (!all.first_instance) {
    const auto zero = c.resource_by_id.find(std::string(strip_instance(id)) + ":0");
    if (zero != c.resource_by_id.end() && !zero->second->unique) all.first_instance = zero->second;
  }
  return all.first_instance;
}

Resource* instance_for(Cluster& c, Node& node, const ResourceHistory& h) {
  Resource* r = known_by(c, *h.all, h.id);
  if (!r) return nullptr;
  Resource* parent = top(r);
  if (is_anonymous_clone(parent)) {
    if (is_bundle(parent->parent))
      r = bundle_replica_on(parent->parent, node);
    else
      r = anonymous_instance(c, node, parent, strip_instance(h.id));
  }
  if (r && h.id != r->id && h.id != r->history_name) r->history_name = h.id;
  return r;
}

Resource* fake_resource(Cluster& c, const std::string& id, pugi::xml_node xml) {
  auto def = std::make_unique<Definition>();
  def->tag = "primitive";
  def->id = id;
  for (auto a : xml.attributes()) {
    const std::string_view name = a.name();
    if (name == "id" || name == "class" || name == "type" || name == "provider")
      def->attributes[a.name()] = a.value();
  }
  def->agent_class = xml.attribute("class").value();
  def->provider = xml.attribute("provider").value();
  def->type = xml.attribute("type").value();
  if (def->agent_class == "ocf" && def->provider.empty()) def->provider = "heartbeat";
  Definition* held = def.get();
  c.definitions.push_back(std::move(def));
  Resource* r = create_resource(c, held, nullptr, id);
  if (r->is_remote_connection) {
    Node* node = c.find_node(id);
    if (!node) node = &create_node(c, id, id, true, 0);
    if (node->kind == NodeKind::kRemote) {
      node->remote = r;
      r->remote_node = node;
      node->shutdown = true;  // With its connection the node goes.
    }
  }
  r->removed_filler = *xml.attribute("container").value() != '\0';
  r->removed = true;
  c.resources.push_back(r);
  return r;
}

Resource* removed_resource(Cluster& c, std::string_view id, pugi::xml_node xml) {
  Resource* r = fake_resource(c, std::string(id), xml);
  if (!c.config.stop_removed) {
    r->managed = false;
  } else {
    const Because why(c, r, Cause::kRemoved);
    add_location_score(c, r, nullptr, -kInfinity);
  }
  return r;
}

void recurring_of(Cluster& c, Node& node, Resource* r, std::span<const HistoryOp> ops, int start, int stop) {
  int i = -1;
  for (const auto& op : ops) {
    ++i;
    if (!node.online) break;
    if (start < stop && i <= stop) continue;
    if (i < start) continue;
    if (op.interval_ms == 0 || op.status == kExecPending) continue;
    make_action(c, r, op_key(r->id, op.task, op.interval_ms), std::string(op.task), &node, true);
  }
}

void shutdown_lock(Cluster& c, Resource* r, Node& node, pugi::xml_node xml) {
  auto when = parse_int(xml.attribute("shutdown-lock").value());
  if (!when || *when <= 0) return;
  if (c.config.shutdown_lock_ms > 0 && epoch_seconds(c.now) > *when + c.config.shutdown_lock_ms / 1000) {
    const std::string key = op_key(r->id, "lrm_delete", 0);
    make_action(c, r, key, "lrm_delete", &node, false);
    return;
  }
  r->lock_node = &node;
  r->lock_time = *when;
}

// What a failure asks for, now that the last state is known.
void apply_failure(Cluster& c, Resource* r, Node& node, OnFail on_fail) {
  switch (on_fail) {
    case OnFail::kIgnore:
      break;
    case OnFail::kDemote:
      r->failed = true;
      demote_action(c, r, &node, false);
      break;
    case OnFail::kFence:
      fence_node(c, &node, r->id + " failed there", false);
      break;
    case OnFail::kStandby:
      node.standby = node.standby_on_fail = true;
      break;
    case OnFail::kBlock:
      r->managed = false;
      r->blocked = true;
      break;
    case OnFail::kBan: {
      const Because why(c, r, Cause::kFailure, "", node.name);
      add_location_score(c, r, &node, -kInfinity);
      break;
    }
    case OnFail::kStop:
      set_next_role(r, Role::kStopped, "on-fail=stop");
      break;
    case OnFail::kRestart:
      if (r->role != Role::kStopped && r->role != Role::kUnknown) {
        r->failed = r->stop_if_failed = true;
        stop_action(c, r, &node, false);
      }
      break;
    case OnFail::kRestartContainer:
      r->failed = r->stop_if_failed = true;
      if (r->container && is_bundled(r))
        c.stop_needed.insert(c.stop_needed.begin(), r->container);
      else if (r->container)
        stop_action(c, r->container, &node, false);
      else if (r->role != Role::kStopped && r->role != Role::kUnknown)
        stop_action(c, r, &node, false);
      break;
    case OnFail::kResetRemote:
      r->failed = r->stop_if_failed = true;
      if (c.config.fencing && r->is_remote_connection) {
        Node* target = c.find_node(r->id);
        if (target && is_remote(target) && !target->remote_was_fenced)
          fence_node(c, target, "remote connection is unrecoverable", false);
      }
      if (r->role > Role::kStopped) stop_action(c, r, &node, false);
      if (r->remote_reconnect_ms > 0) set_next_role(r, Role::kStopped, "remote reset");
      break;
  }
}

void settle(Cluster& c, Resource* r, Node& node, OnFail on_fail) {
  if (r->role != Role::kUnknown) {
    for (Resource* i = r; i; i = i->parent) {
      if (!contains(i->known_on, &node)) i->known_on.push_back(&node);
      if (i->unique) break;
    }
  }
  if (r->role > Role::kStopped && !node.online && !node.maintenance && r->managed) {
    bool fence = false;
    std::string reason;
    if (is_guest(&node)) {
      r->failed = true;
      fence = true;
    } else if (c.config.fencing) {
      if (is_remote(&node) && node.remote && !node.remote->failed) {
        node.unseen = true;
        reason = fmt::format(
            "{} is active there (fencing will be revoked if remote connection can be re-established "
            "elsewhere)",
            r->id);
      }
      fence = true;
    }
    if (fence)
      fence_node(c, &node, reason.empty() ? r->id + " is thought to be active there" : reason, false);
  }
  const OnFail saved = on_fail;
  if (node.unclean) on_fail = OnFail::kIgnore;
  apply_failure(c, r, node, on_fail);
  if (r->failed && r->is_remote_connection)
    if (Node* target = c.find_node(r->id); target && target->unclean) target->unseen = false;
  if (r->role != Role::kStopped && r->role != Role::kUnknown) {
    add_running(c, r, &node, saved != OnFail::kIgnore);
    if (on_fail == OnFail::kDemote || on_fail == OnFail::kBlock)
      r->failed = true;
    else if (on_fail != OnFail::kIgnore)
      r->failed = r->stop_if_failed = true;
  } else if (r->history_name.find(':') != std::string::npos) {
    r->history_name.clear();
  } else {
    for (Action* stop : actions_of(r, &node, "stop", false)) stop->optional = true;
  }
  if (r->role == Role::kStopped && r->partial_source == &node && r->partial_target && !r->running_on.empty())
    r->role = Role::kStarted;
}

void resource_history(Cluster& c, Node& node, ResourceHistory& h) {
  Resource* r = instance_for(c, node, h);
  if (!r) {
    if (h.ops.empty()) return;
    r = removed_resource(c, h.id, h.xml);
  }
  h.resource = r;
  if (c.config.shutdown_lock) shutdown_lock(c, r, node, h.xml);
  if (h.ops.empty()) return;
  const Role saved = r->role;
  r->role = Role::kUnknown;
  sort_history(h.ops);
  OnFail on_fail = OnFail::kIgnore;
  const HistoryOp* last_failure = nullptr;
  for (auto& op : h.ops) apply_op(c, r, node, op, &last_failure, &on_fail);
  const auto [start, stop] = active_range(h.ops);
  recurring_of(c, node, r, h.ops, start, stop);
  settle(c, r, node, on_fail);
  const Role wanted = target_role(c, r);
  if (wanted != Role::kUnknown && (r->next_role == Role::kUnknown || wanted < r->next_role))
    set_next_role(r, wanted, "target-role");
  r->role = std::max(r->role, saved);
}

}  // namespace

void add_running(Cluster& c, Resource* r, Node* node, bool failed) {
  if (contains(r->running_on, node)) return;
  r->running_on.push_back(node);
  if (is_primitive(r)) {
    node->running.push_back(r);
    // What runs well counts when one node has to be fenced before another; on a guest, for its host too.
    if (!failed && r->priority != 0) {
      const int p = r->priority + (r->role == Role::kPromoted ? 1 : 0);
      node->priority = add_scores(node->priority, p);
      if (is_guest(node))
        for (Node* host : node->remote->container->running_on) host->priority = add_scores(host->priority, p);
    }
    if (node->maintenance) {
      r->managed = false;
      r->maintenance = true;
    }
  }
  if (!r->managed) {
    const Because why(c, r, Cause::kUnmanaged);
    add_location_score(c, r, node, kInfinity);
    for (Resource* p = r->parent; p && node->online; p = p->parent)
      if (!contains(p->running_on, node)) p->running_on.push_back(node);
    return;
  }
  // More than one node means trouble for what may be active once.
  unsigned active = 0;
  active_node(r, &active);
  if (is_primitive(r) && r->running_on.size() > 1 &&
      !(r->partial_source && r->partial_target && active == 2)) {
    if (r->multiple == Multiple::kStopOnly) {
      const Because why(c, r, Cause::kMultiple);
      for (auto& place : r->allowed) place.score = -kInfinity;
    } else if (r->multiple == Multiple::kBlock) {
      r->managed = false;
      r->blocked = true;
      if (r->parent && (is_group(r->parent) || is_bundle(r->parent)) &&
          r->parent->multiple == Multiple::kBlock)
        for (auto* sibling : r->parent->children) {
          sibling->managed = false;
          sibling->blocked = true;
        }
    }
  }
  if (r->parent) add_running(c, r->parent, node, false);
}

void node_history(Cluster& c, Node& node) {
  for (auto* h : node.history) resource_history(c, node, *h);
  // What was removed may have lived in a container that was removed too.
  for (const auto* h : node.history) {
    Resource* r = h->resource;
    if (!r || !r->removed_filler || r->container) continue;
    Resource* host = c.find_resource(h->xml.attribute("container").value());
    if (!host) continue;
    r->container = host;
    host->fillers.push_back(r);
  }
}

namespace {

// Reads the node's lrm_resource elements. Nodes tend to list the same resources in the same order: the table
// is asked only where they do not. `order`: what this node lists, `last_order` what the one before it did.
void index_node(Cluster& c, Node& node, pugi::xml_node state, const std::vector<HistoryOfId*>& last_order,
                std::vector<HistoryOfId*>& order) {
  node.history_rank = static_cast<int>(c.indexed_nodes++);
  std::vector<HistoryOp> ops;
  for (auto xml : state.child("lrm").child("lrm_resources").children("lrm_resource")) {
    const std::string_view history_of = xml.attribute("id").value();
    if (c.scope && c.scope->leaves_out(history_of)) continue;
    auto& h = c.histories.emplace_back();
    h.node = &node;
    h.xml = xml;
    h.id = history_of;
    ops.clear();
    for (auto op : xml.children("lrm_rsc_op")) ops.push_back(parse_op(op));
    auto* memory = static_cast<HistoryOp*>(
        c.history_memory.allocate(ops.size() * sizeof(HistoryOp), alignof(HistoryOp)));
    std::uninitialized_copy(ops.begin(), ops.end(), memory);
    h.ops = {memory, ops.size()};
    const std::size_t at = order.size();
    const bool as_before = at < last_order.size() && last_order[at]->entries.front()->id == h.id;
    h.all = as_before ? last_order[at] : &c.history_of[h.id];
    order.push_back(h.all);
    h.all->entries.push_back(&h);
    node.history.push_back(&h);
  }
}

}  // namespace

void index_history(Cluster& c) {
  std::vector<HistoryOfId*> last_order, order;
  for (auto& [id, state] : c.node_states) {
    order.swap(last_order);
    order.clear();
    index_node(c, *c.node_by_id.find(id)->second, state, last_order, order);
  }
}

void index_history(Cluster& c, Node& node, pugi::xml_node state) {
  if (!c.node_states.emplace(node.id, state).second) return;
  std::vector<HistoryOfId*> order;
  index_node(c, node, state, {}, order);
}

std::span<ResourceHistory* const> histories_of(const Cluster& c, std::string_view id, const Node* node) {
  const auto all = c.history_of.find(id);
  if (all == c.history_of.end() || !node || node->history_rank < 0) return {};
  const auto& entries = all->second.entries;
  const auto rank_below = [](const ResourceHistory* h, auto rank) { return h->node->history_rank < rank; };
  const auto from = std::lower_bound(entries.begin(), entries.end(), node->history_rank, rank_below);
  const auto to = std::lower_bound(from, entries.end(), node->history_rank + 1, rank_below);
  return {from, to};
}

}  // namespace systole::pengine::engine
