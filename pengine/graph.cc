// The transition graph: which actions are in it, and which of their orders.
#include <fmt/format.h>

#include <algorithm>

#include "pengine/engine.h"
#include "pengine/reasons.h"

namespace systole::pengine::engine {
namespace {

bool wanted(const Action* a) {
  if (!a->runnable) return false;
  if (a->optional && !a->always_in_graph) return false;
  if (a->resource && !a->resource->managed && a->task != "monitor" && a->interval_ms == 0) return false;
  if (a->pseudo || a->task == "stonith" || a->task == "do_shutdown") return true;
  if (!a->node) return false;
  if (a->on_dc) return true;
  if (is_guest(a->node) && !a->node->remote_requires_reset) return true;
  return a->node->online && !a->node->unclean;
}

bool changes_actions(std::uint32_t type) {
  return (type & ~(kThenImpliesFirstGraphed | kFirstImpliesThenGraphed | kOrdered)) != 0;
}

// Does the action wait for this input? `flags` are those of all relations between the two.
bool input_wanted(const Action* a, const Action* first, std::uint32_t flags) {
  if (flags == kNone) return false;
  if (!first->runnable) {
    if (!changes_actions(flags) || (flags & (kMinRunnable | kUnmigratableThenBlocks))) return false;
  }
  if ((flags & kIfFirstUnmigratable) && first->migratable) return false;
  if (flags == kOrdered && first->migratable && first->key.ends_with("_stop_0")) return false;
  if (flags == kIfOnSameNodeOrTarget) {
    if (a->resource && a->task == "migrate_to") return first->node == a->resource->assigned;
    return first->node == a->node && !first->optional;
  }
  if (flags == kIfRequiredOnSameNode)
    return !(first->node && a->node && first->node != a->node) && !first->optional;
  if (first->resource && first->resource != a->resource && first->resource->failed &&
      !first->resource->managed && first->key.ends_with("_stop_0") && is_clone(a->resource))
    return false;
  return !first->optional || first->always_in_graph;
}

std::string clone_id(const Resource* r) {
  if (r->unique || r->instance < 0) {
    if (!r->unique && r->parent) return r->def->id;
    return r->id;
  }
  return r->def->id;
}

Node* router_for(const Action* a) {
  if (!a->node || !is_guest_or_remote(a->node) || !a->node->remote) return nullptr;
  const Resource* remote = a->node->remote;
  Node *began = current_node(remote), *ended = remote->assigned;
  if (!began) return ended;
  if (!ended) return began;
  if (began == ended) return ended;
  // It moves: actions that bring down go through the old place, others through the new one.
  const bool partial = !remote->container && remote->partial_target;
  const std::string& t = a->task;
  std::string op = t;
  if (t == "notify") op = meta_or(a->meta, "notify_operation", "");
  const bool down =
      op == "cancel" || op == "stop" || op == "demote" || op == "migrate_from" || op == "migrate_to";
  if (down && !partial) return began;
  return ended;
}

}  // namespace

namespace {

// Where the guest is while the action takes place: what brings down happens before it moves, what brings up
// after.
const Node* physical_host(const Action* a) {
  if (!a->node || !is_guest(a->node)) return nullptr;
  const std::string task =
      a->task == "notify" ? meta_or(a->meta, "notify_operation", "") : std::string(a->task);
  const Resource* container = a->node->remote->container;
  if (task == "stop" || task == "stopped" || task == "demote" || task == "demoted")
    return current_node(container);
  if (task == "start" || task == "running" || task == "monitor" || task == "promote" || task == "promoted")
    return container->assigned;
  return nullptr;
}

}  // namespace

void add_action_meta(const Resource* r, Meta& out) {
  // Identity of the instance, and what of its ancestors agents must know.
  for (const Resource* p = r; p; p = p->parent) {
    auto add = [&](const char* name, std::string value) {
      out.emplace(std::string("CRM_meta_") + name, std::move(value));
    };
    if (p->instance >= 0) add("clone", std::to_string(p->instance));
    if (is_clone(p)) {
      add("globally_unique", p->unique ? "true" : "false");
      add("notify", p->notify ? "true" : "false");
      add("clone_max", std::to_string(p->clone_max));
      add("clone_node_max", std::to_string(p->clone_node_max));
      if (p->promotable) {
        add("promoted_max", std::to_string(p->promoted_max));
        add("promoted_node_max", std::to_string(p->promoted_node_max));
        add("master_max", std::to_string(p->promoted_max));
        add("master_node_max", std::to_string(p->promoted_node_max));
      }
    }
    if (p->container) out["CRM_meta_container"] = p->container->id;
  }
  if (auto guest = meta_of(r->meta, "remote-node")) out.emplace("CRM_meta_remote_node", *guest);
  if (r->replica && r->replica->child == r && !r->replica->ip_address.empty())
    out.emplace("pcmk_external_ip", r->replica->ip_address);
}

namespace {

std::string meta_name(std::string_view option) {
  std::string name;
  name.reserve(9 + option.size());
  name.append("CRM_meta_").append(option);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

Meta attributes_of(Cluster& c, const Action* a);

pengine::Action render(Cluster& c, const Action* a) {
  pengine::Action g;
  g.task = a->task;
  g.key = a->key;
  const bool cluster = a->task == "stonith" || a->task == "do_shutdown" || a->task == "clear_failcount" ||
                       a->task == "reprobe" || a->task == "lrm_delete";
  g.kind = a->pseudo ? pengine::Action::Kind::kPseudo
           : cluster ? pengine::Action::Kind::kCluster
                     : pengine::Action::Kind::kResource;
  g.can_fail = false;
  if (const Resource* r = a->resource) {
    const std::string base = clone_id(r);
    // The history may know the instance by another name, as old releases and changed configurations do.
    const std::string& known_as = r->history_name.empty() ? r->id : r->history_name;
    if (known_as != r->id) {
      g.internal_key = a->key;
      g.key = a->task == "notify"
                  ? fmt::format("{}_{}_notify_{}_0", known_as, meta_or(a->meta, "notify_type", ""),
                                meta_or(a->meta, "notify_operation", ""))
                  : op_key(known_as, a->task == "cancel" ? a->cancel_task : a->task, a->interval_ms);
    }
    if (r->removed && known_as != r->id) {
      g.resource = known_as;
      g.long_id = r->id;
    } else if (!r->unique) {
      g.resource = base;
      g.long_id = known_as == base ? r->id : known_as;
    } else {
      g.resource = r->id;
    }
    g.agent_class = r->def->agent_class;
    g.provider = r->def->provider;
    g.agent_type = r->def->type;
  }
  if (a->node && !(a->pseudo && a->task != "stonith")) {
    g.node = a->node->name;
    g.node_id = a->node->id;
    if (!a->pseudo && a->task != "stonith")
      if (const Node* router = router_for(a); router && router != a->node) g.router_node = router->name;
  }
  if (c.options.attributes) g.attributes = attributes_of(c, a).release();
  return g;
}

Meta attributes_of(Cluster& c, const Action* a) {
  Meta attributes;
  attributes.reserve(32);
  if (Resource* r = a->resource) {
    Node* at = a->node;
    if (is_primitive(r)) {
      for (const auto& [n, v] : parameters(c, r, at)) attributes.emplace(n, v);
      if (has_remote_params(parameters(c, r, at)))
        if (const std::string name = remote_name_for(c, r, at); !name.empty()) attributes["addr"] = name;
      if (const OpDef* op =
              find_op(r, a->task == "cancel" ? a->cancel_task : a->task, a->interval_ms, true)) {
        RuleInput in = rule_input(c, *r);
        if (at) in.node_attributes = &at->attributes;
        Meta extra;
        evaluate_sets(op->parameters, in, extra);
        for (auto& [n, v] : extra) attributes[n] = v;
      }
    }
    const std::string task = a->task == "cancel" ? a->cancel_task : a->task;
    const OpDef* op = find_op(r, task, a->interval_ms, true);
    const OpDef* timeout_op = op;
    if (!op && task == "monitor" && a->interval_ms == 0) {
      // A probe may take as long as the quickest recurring monitor.
      for (const OpDef* o : r->ops)
        if (o->name == "monitor" && o->interval_ms > 0 && o->enabled &&
            (!timeout_op || o->interval_ms < timeout_op->interval_ms))
          timeout_op = o;
    }
    Meta meta = op_meta(c, r, at, task, a->interval_ms, op);
    if (!op && timeout_op) {
      const Meta other = op_meta(c, r, at, task, timeout_op->interval_ms, timeout_op);
      if (auto t = meta_of(other, "timeout")) meta["timeout"] = std::string(*t);
    }
    meta["timeout"] = std::to_string(parse_interval_ms(meta_or(meta, "timeout", "20s"), 20000));
    if (auto d = meta_of(meta, "start-delay")) meta["start-delay"] = std::to_string(parse_interval_ms(*d));
    meta.erase("interval");
    meta.erase("role");
    meta.erase("interval-origin");
    if (op && op->role != Role::kUnknown) meta["role"] = role_name(op->role);
    if (a->interval_ms > 0) meta["interval"] = std::to_string(a->interval_ms);
    if (a->task == "cancel") meta["operation"] = a->cancel_task;
    if (op) meta["name"] = op->name;
    for (const auto& [n, v] : meta) attributes[meta_name(n)] = v;
    add_action_meta(r, attributes);
  }
  for (const auto& [n, v] : a->meta) attributes[meta_name(n)] = v;
  if (a->node && !(a->pseudo && a->task != "stonith")) {
    attributes["CRM_meta_on_node"] = a->node->name;
    attributes["CRM_meta_on_node_uuid"] = a->node->id;
    if (const Node* host = physical_host(a); host && a->resource) {
      attributes["CRM_meta_physical_host"] = host->name;
      if (auto t = meta_of(a->resource->meta, "container-attribute-target"))
        attributes["CRM_meta_container_attribute_target"] = *t;
    }
  }
  return attributes;
}

}  // namespace

namespace {

// Would the action wait for itself if it waited for this input?
bool leads_back(const Action* a, const Action* input, std::uint32_t flags) {
  if (!input_wanted(a, input, flags)) return false;
  std::set<const Action*> seen{input};
  std::vector<const Action*> todo{input};
  while (!todo.empty()) {
    const Action* at = todo.back();
    todo.pop_back();
    if (at == a) return true;
    for (const auto& rel : at->before)
      if (input_wanted(at, rel.action, rel.flags) && seen.insert(rel.action).second)
        todo.push_back(rel.action);
  }
  return false;
}

}  // namespace

void disable_invalid_orderings(Cluster& c) {
  for (std::size_t i = c.actions.size(); i-- > 0;) {
    Action* a = c.actions[i];
    if (!a->resource) continue;
    const bool moves_live = a->task == "migrate_to";
    const bool hosts = std::any_of(a->resource->fillers.begin(), a->resource->fillers.end(),
                                   [](const Resource* f) { return f->is_remote_connection; });
    if (!moves_live && !hosts) continue;
    for (std::size_t j = a->before.size(); j-- > 0;) {
      Relation& rel = a->before[j];
      // What runs on a guest cannot be ordered against what the guest is.
      const Node* node = rel.action->node;
      if (hosts && !(rel.flags & kGuestAllowed) && rel.action->resource && node && node->remote &&
          node->remote->container == a->resource) {
        c.warning(fmt::format("Invalid ordering constraint between {} and {}", rel.action->resource->id,
                              a->resource->id));
        rel.flags = kNone;
      } else if (moves_live && rel.flags == kIfOnSameNodeOrTarget && leads_back(a, rel.action, rel.flags)) {
        // Two that change places by live migration do not wait for each other's capacity.
        rel.flags = kNone;
      }
    }
  }
}

namespace {

// The order in which actions stand in the graph, and in which those that wait for nothing are shown: resource
// by resource, what was decided last first; a clone's instances before the clone itself.
void add_in_graph_order(const Resource* r, std::vector<Action*>& out) {
  const auto own = [&] { out.insert(out.end(), r->actions.rbegin(), r->actions.rend()); };
  if (!is_clone(r)) own();
  for (const Resource* child : r->children) add_in_graph_order(child, out);
  if (is_clone(r)) own();
}

std::vector<Action*> graph_order(const Cluster& c) {
  std::vector<Action*> out;
  out.reserve(c.actions.size());
  for (const Resource* r : c.resources) add_in_graph_order(r, out);
  for (auto at = c.actions.rbegin(); at != c.actions.rend(); ++at)
    if (!(*at)->resource) out.push_back(*at);
  return out;
}

}  // namespace

void build_graph(Cluster& c, Graph& graph) {
  graph.cluster_delay = Milliseconds(c.config.cluster_delay_ms);
  graph.stonith_timeout = Milliseconds(c.config.fencing_timeout_ms);
  graph.batch_limit = c.config.batch_limit;
  graph.migration_limit = c.config.migration_limit;
  graph.failed_stop_offset = "INFINITY";
  graph.failed_start_offset = c.config.start_failure_fatal ? "INFINITY" : "1";
  graph.recheck_by = c.recheck_by;
  std::vector<int> index(c.actions.size() + 2, -1);  // By Action::id.
  const auto place = [&index](const Action* a) -> int& { return index[static_cast<std::size_t>(a->id)]; };
  std::vector<Action*> in;
  for (Action* a : graph_order(c))
    if (wanted(a)) {
      place(a) = static_cast<int>(in.size());
      in.push_back(a);
      a->in_graph = true;
      graph.actions.push_back(render(c, a));
      if (c.why) c.why->actions.push_back(a->reason);
      // What is not in the graph leaves no gap: ids do not depend on how much was looked at.
      graph.actions.back().id = static_cast<int>(in.size());
    }
  int id = 0;
  std::map<int, std::uint32_t> merged;
  for (std::size_t i = 0; i < in.size(); ++i) {
    Action* a = in[i];
    Synapse s;
    s.id = id++;
    int priority = a->resource ? a->resource->priority : 0;
    if (a->priority > priority) priority = a->priority;
    s.priority = priority > 0 ? priority : 0;
    graph.actions[i].priority = s.priority;
    s.action = static_cast<int>(i);
    merged.clear();
    for (const auto& rel : a->before)
      if (const int at = place(rel.action); at >= 0) merged[at] |= rel.flags;
    for (const auto& [input, flags] : merged)
      if (input_wanted(a, in[static_cast<std::size_t>(input)], flags)) s.inputs.push_back(input);
    graph.synapses.push_back(std::move(s));
  }
}

}  // namespace systole::pengine::engine
