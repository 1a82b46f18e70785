// Resources: from definitions to the tree of instances.
#include <fmt/format.h>

#include <algorithm>

#include "pengine/because.h"
#include "pengine/engine.h"
#include "pengine/scope.h"

namespace systole::pengine::engine {

namespace {
// An instance of the same clone, or the same member of another instance, that was read already.
const Resource* twin_of(const Resource& r) {
  const Resource* parent = r.parent;
  if (is_clone(parent)) {
    const Resource* first = parent->children.empty() ? nullptr : parent->children.front();
    return first && first->def == r.def ? first : nullptr;
  }
  if (!is_group(parent) || !is_clone(parent->parent) || parent->parent->children.empty()) return nullptr;
  for (const auto* member : parent->parent->children.front()->children)
    if (member->def == r.def) return member;
  return nullptr;
}
}  // namespace

void unpack_meta(Cluster& c, Resource& r) {
  if (const Resource* twin = twin_of(r)) {
    r.meta = twin->meta;
    return;
  }
  const RuleInput in = rule_input(c, r);
  r.meta.reserve(12);
  for (const auto& [name, value] : r.def->attributes)
    if (!value.empty() && name[0] != '\1') r.meta[name] = value;
  Meta own;
  evaluate_sets(r.def->meta, in, own);
  for (auto& [name, value] : own) r.meta.emplace(name, value);
  if (r.parent)
    for (const auto& [name, value] : r.parent->meta) r.meta.emplace(name, value);
  evaluate_sets(c.rsc_defaults, in, r.meta);
}

void set_next_role(Resource* r, Role role, const char* why) {
  r->next_role = role;
  r->next_role_why = why;
}

Role target_role(Cluster& c, const Resource* r) {
  std::string value = meta_or(r->meta, "target-role", "");
  // Started is what would be aimed at anyway.
  if (value.empty() || same_text(value, "default") || same_text(value, "Started")) return Role::kUnknown;
  const Role role = role_from(value);
  if (role == Role::kUnknown) {
    c.error(fmt::format("Ignoring 'target-role' for {} because '{}' is not valid", r->id, value));
    return Role::kUnknown;
  }
  if (role > Role::kStarted) {
    if (top(r)->promotable) {
      if (role > Role::kUnpromoted) return Role::kUnknown;  // The default anyway.
    } else {
      c.error(fmt::format("Ignoring 'target-role' for {} because '{}' only makes sense for promotable clones",
                          r->id, value));
      return Role::kUnknown;
    }
  }
  return role;
}

const Meta& parameters(Cluster& c, Resource* r, const Node* node) {
  if (parameters_same_everywhere(r)) node = nullptr;
  auto it = r->parameter_cache.find(node);
  if (it != r->parameter_cache.end()) return it->second;
  Meta& out = r->parameter_cache[node];
  RuleInput in = rule_input(c);
  if (node) in.node_attributes = &node->attributes;
  evaluate_sets(r->def->parameters, in, out);
  if (r->parent && !is_bundle(r->parent)) {
    const Meta& parent = parameters(c, r->parent, node);
    Meta& again = r->parameter_cache[node];
    for (const auto& [n, v] : parent) again.emplace(n, v);
  }
  return r->parameter_cache[node];
}

void add_location_score(Cluster& c, Resource* r, Node* node, int score, bool is_default) {
  if (!node) {
    for (Node* n : c.nodes) add_location_score(c, r, n, score, is_default);
    return;
  }
  if (is_default && (r->exclusive_discovery || node->base_discovery == Discovery::kNever)) return;
  for (auto* child : r->children) add_location_score(c, child, node, score, is_default);
  Place* p = r->allowed.find(node);
  if (!p) p = &r->allowed.add(Place{node, node->base_score, node->base_discovery, 0});
  p->score = add_scores(p->score, score);
}

void ban_everywhere(Cluster& c, Resource* r) { add_location_score(c, r, nullptr, -kInfinity); }

namespace {

void unpack_requires(Cluster& c, Resource& r) {
  std::string value = meta_or(r.meta, "requires", "");
  const bool known = value == "nothing" || value == "quorum" || value == "fencing" || value == "unfencing";
  if (!value.empty() && !known) {
    c.error(fmt::format("Resetting 'requires' for {} to default because '{}' is not valid", r.id, value));
    value.clear();
  }
  if (value == "unfencing" && r.fence_device) {
    c.warning(fmt::format(
        "Resetting \"requires\" for {} to \"quorum\" because fencing devices cannot require unfencing",
        r.id));
    value = "quorum";
  }
  if ((value == "fencing" || value == "unfencing") && !c.config.fencing) {
    c.warning(fmt::format("Resetting \"requires\" for {} to \"quorum\" because fencing is disabled", r.id));
    value = "quorum";
  }
  if (value.empty()) {
    if (r.fence_device || r.is_remote_connection)
      value = "quorum";
    else if (c.config.unfencing)
      value = "unfencing";
    else if (c.config.fencing)
      value = "fencing";
    else if (c.config.no_quorum == Config::NoQuorum::kIgnore)
      value = "nothing";
    else
      value = "quorum";
  }
  r.needs_quorum = value == "quorum";
  r.needs_fencing = value == "fencing" || value == "unfencing";
  r.needs_unfencing = value == "unfencing";
}

void unpack_options(Cluster& c, Resource& r) {
  const Meta& m = r.meta;
  r.priority = parse_score(meta_or(m, "priority", "0"));
  r.critical = !is_false(meta_or(m, "critical", "true"));
  r.notify = is_true(meta_or(m, "notify", ""));
  r.internal = is_true(meta_or(m, "internal-rsc", ""));
  const Definition& d = *r.def;
  r.is_remote_connection = r.variant == Variant::kPrimitive && d.agent_class == "ocf" &&
                           d.provider == "pacemaker" && d.type == "remote";
  const bool guest = r.is_remote_connection && m.contains("container");
  const auto migrate = meta_of(m, "allow-migrate");
  r.migratable = migrate ? is_true(*migrate) : (r.is_remote_connection && !guest);
  const auto managed = meta_of(m, "is-managed");
  if (managed && *managed != "default") r.managed = is_true(*managed);
  if (is_true(meta_or(m, "maintenance", ""))) {
    r.managed = false;
    r.maintenance = true;
  }
  if (c.config.maintenance) {
    r.managed = false;
    r.maintenance = true;
  }
  Resource* outer = top(&r);
  if (is_clone(outer)) {
    const bool by_default = parse_int(meta_or(outer->meta, "clone-node-max", "1")).value_or(1) > 1;
    const auto u = meta_of(outer->meta, "globally-unique");
    r.unique = u ? is_true(*u) : by_default;
  } else {
    r.unique = true;
  }
  if (auto t = meta_of(m, "restart-type")) r.restart_by_order = *t == "restart";
  const std::string multiple = meta_or(m, "multiple-active", "stop_start");
  r.multiple = multiple == "stop_only"         ? Multiple::kStopOnly
               : multiple == "block"           ? Multiple::kBlock
               : multiple == "stop_unexpected" ? Multiple::kStopUnexpected
                                               : Multiple::kStopStart;
  if (auto s = meta_of(m, "resource-stickiness"); s && *s != "default") r.stickiness = parse_score(*s);
  if (auto s = meta_of(m, "migration-threshold"); s && *s != "default") {
    const int t = parse_score(*s, -1);
    if (t < 0)
      c.error(fmt::format("Ignoring 'migration-threshold' for {} because '{}' is not valid", r.id, *s));
    else
      r.migration_threshold = t;
  }
  if (d.agent_class == "stonith") {
    c.config.have_stonith_resource = true;
    r.fence_device = true;
  }
  unpack_requires(c, r);
  if (auto s = meta_of(m, "failure-timeout"); s && *s != "default")
    r.failure_timeout_s = parse_interval_ms(*s) / 1000;
  if (r.is_remote_connection && !guest) {
    const Meta& p = parameters(c, &r, nullptr);
    if (auto s = meta_of(p, "reconnect_interval")) {
      r.remote_reconnect_ms = parse_interval_ms(*s);
      if (r.remote_reconnect_ms > 0) r.failure_timeout_s = r.remote_reconnect_ms / 1000;
    }
  }
  r.next_role = target_role(c, &r);
}

Variant variant_of(std::string_view tag) {
  if (tag == "group") return Variant::kGroup;
  if (tag == "clone") return Variant::kClone;
  if (tag == "bundle") return Variant::kBundle;
  return Variant::kPrimitive;
}

}  // namespace

Resource* create_resource(Cluster& c, Definition* def, Resource* parent, const std::string& id) {
  Resource& r = c.resource_store.emplace_back();
  r.number = c.next_resource++;
  r.def = def;
  r.parent = parent;
  r.id = id;
  r.variant = variant_of(def->tag);
  note_parameters(*def);
  c.addresses_by_uname |= def->address_by_uname;
  unpack_meta(c, r);
  unpack_options(c, r);
  for (const auto& op : def->operations) r.ops.push_back(&op);
  c.resource_by_id.try_emplace(r.id, &r);
  c.resource_by_def.try_emplace(def->id, &r);
  evaluate_sets(def->utilization, rule_input(c), r.utilization);
  if (r.variant == Variant::kGroup) {
    r.ordered = is_true(meta_or(r.meta, "ordered", "true"));
    r.members_together = is_true(meta_or(r.meta, "collocated", "true"));
    for (auto& child : def->children) {
      std::string name = child->id;
      // Members of a clone's instance carry its number.
      if (parent && is_clone(parent)) {
        if (const auto colon = id.rfind(':'); colon != std::string::npos) name += id.substr(colon);
      }
      if (!r.unique || !parent || is_clone(parent))
        r.children.push_back(create_resource(c, child.get(), &r, name));
    }
    if (r.children.empty()) c.warning(fmt::format("Group {} does not have any children", id));
  } else if (r.variant == Variant::kClone) {
    unpack_clone(c, &r);
  } else if (r.variant == Variant::kBundle) {
    unpack_bundle(c, &r);
  }
  if (c.config.symmetric) {
    r.allowed.reserve(c.nodes.size());
    for (Node* n : c.nodes) {
      if (r.exclusive_discovery || n->base_discovery == Discovery::kNever) continue;
      add_location_score(c, &r, n, 0, true);
    }
  } else if (r.is_remote_connection && r.meta.contains("container")) {
    // A connection must always be able to follow its container.
    add_location_score(c, &r, nullptr, 0);
  }
  return &r;
}

namespace {

// A resource of a class whose agents do not know of instances.
const Definition* without_instances(const Definition& def) {
  if (def.tag == "primitive")
    return def.agent_class == "ocf" || def.agent_class == "stonith" ? nullptr : &def;
  for (const auto& child : def.children)
    if (const Definition* found = without_instances(*child)) return found;
  return nullptr;
}

// What such resources are in can only be an anonymous clone, and no promotable one.
void keep_anonymous(Cluster& c, Resource& clone) {
  const Definition* plain = without_instances(*clone.def);
  if (!plain) return;
  if (clone.promotable) {
    c.error(fmt::format("Ignoring clone {}: resource {} of class {} cannot be promoted", clone.id, plain->id,
                        plain->agent_class));
    clone.clone_max = 0;
  }
  if (!clone.unique) return;
  c.warning(fmt::format(
      "Ignoring globally-unique for {} because {} resources such as {} can be used only as anonymous "
      "clones",
      clone.id, plain->agent_class, plain->id));
  clone.unique = false;
  clone.clone_node_max = 1;
  clone.clone_max = std::min(clone.clone_max, static_cast<int>(c.nodes.size()));
}

}  // namespace

void unpack_clone(Cluster& c, Resource* clone) {
  Resource& r = *clone;
  const Meta& m = r.meta;
  const bool master = r.def->attributes.contains("\1master");
  r.promotable = master || is_true(meta_or(m, "promotable", ""));
  if (r.promotable) {
    auto number = [&](const char* a, const char* b) {
      const std::string v = meta_or(m, a, meta_or(m, b, "1"));
      return static_cast<int>(std::clamp<std::int64_t>(parse_int(v).value_or(1), 0, kInfinity));
    };
    r.promoted_max = number("promoted-max", "master-max");
    r.promoted_node_max = number("promoted-node-max", "master-node-max");
  }
  auto limit = [&](const char* name, std::int64_t fallback) {
    const auto v = meta_of(m, name);
    return static_cast<int>(
        std::clamp<std::int64_t>(v ? parse_int(*v).value_or(fallback) : fallback, 0, 100000));
  };
  r.clone_node_max = limit("clone-node-max", 1);
  r.clone_max = limit("clone-max", std::max<std::int64_t>(1, static_cast<std::int64_t>(c.nodes.size())));
  // More than nodes could ever hold would only cost memory; unique ones are probed one by one on every node.
  const int most = std::max(r.unique ? 1'000 : 10'000, static_cast<int>(c.nodes.size()));
  if (r.clone_max > most) {
    c.error(fmt::format("Only {} instances of clone {} are considered, instead of clone-max={}", most, r.id,
                        r.clone_max));
    r.clone_max = most;
  }
  r.clone_min = limit("clone-min", 0);
  r.ordered = is_true(meta_or(m, "ordered", ""));
  r.interleave = is_true(meta_or(m, "interleave", ""));
  if (!r.unique && r.clone_node_max > 1) {
    c.error(fmt::format("Ignoring clone-node-max of {} for anonymous clone {}", r.clone_node_max, r.id));
    r.clone_node_max = 1;
  }
  keep_anonymous(c, r);
  // A clone's instances prefer to stay, unless told otherwise.
  r.meta.emplace("resource-stickiness", "1");
  r.meta["globally-unique"] = r.unique ? "true" : "false";
  if (r.def->children.empty()) {
    c.error(fmt::format("{} has nothing to clone", r.id));
    return;
  }
  for (int i = 0; i < r.clone_max; ++i) create_clone_instance(c, clone, i, false);
  if (r.clone_max == 0) create_clone_instance(c, clone, 0, true);
}

namespace {
void mark_removed(Resource* r) {
  r->removed = true;
  for (auto* child : r->children) mark_removed(child);
}
}  // namespace

Resource* create_clone_instance(Cluster& c, Resource* clone, int number, bool removed) {
  Definition* def = clone->def->children.front().get();
  const std::string suffix = fmt::format(":{}", number);
  const bool numbered = true;
  Resource* child = create_resource(c, def, clone, numbered ? def->id + suffix : def->id);
  child->instance = number;
  if (removed) mark_removed(child);
  clone->children.push_back(child);
  return child;
}

void unpack_resources(Cluster& c) {
  for (auto& def : c.definitions) {
    if (def->id.empty()) {
      c.error(fmt::format("Ignoring <{}> configuration without id", def->tag));
      continue;
    }
    if (c.resource_by_id.contains(def->id)) {
      c.error(fmt::format("Ignoring duplicate resource '{}'", def->id));
      continue;
    }
    c.resources.push_back(create_resource(c, def.get(), nullptr, def->id));
  }
  // Connections know their nodes, and nodes their connections.
  for (auto& r : c.resource_store) {
    if (!r.is_remote_connection) continue;
    Node* node = c.find_node(r.def->id);
    if (!node || node->kind != NodeKind::kRemote) continue;
    node->remote = &r;
    r.remote_node = node;
    if (auto container = meta_of(r.meta, "container")) {
      if (Resource* host = c.find_resource(*container); host && host != &r) {
        r.container = host;
        if (!contains({}, node)) host->fillers.push_back(&r);
        node->attributes["#kind"] = is_bundled(host) ? "container" : "container";
      }
    } else {
      // Startup fencing is for what may be running there.
      node->unclean = c.config.startup_fencing && c.config.fencing;
    }
  }
  for (auto& r : c.resource_store) {
    if (r.is_remote_connection || !is_primitive(&r) || !r.meta.contains("container")) continue;
    Resource* host = c.find_resource(r.meta["container"]);
    if (host && host != &r && is_primitive(host)) {
      r.container = host;
      host->fillers.push_back(&r);
    } else if (!host) {
      c.error(fmt::format("Resource {}: Unknown container {}", r.id, r.meta["container"]));
    }
  }
  std::stable_sort(c.resources.begin(), c.resources.end(),
                   [](const Resource* a, const Resource* b) { return a->priority > b->priority; });
  if (c.config.fencing && !c.config.have_stonith_resource) {
    c.error("Resource start-up disabled since no STONITH resources have been defined");
    c.error("Either configure some or disable STONITH with the stonith-enabled option");
    c.error("NOTE: Clusters with shared data need STONITH to ensure data integrity");
  }
  for (auto tag : c.document->root().child("configuration").child("tags").children("tag")) {
    Tag& t = c.tags[tag.attribute("id").value()];
    t.id = tag.attribute("id").value();
    for (auto ref : tag.children("obj_ref")) t.refs.push_back(ref.attribute("id").value());
  }
}

namespace {
// A device that provides unfencing changes what every resource requires.
void note_unfencing(Cluster& c) {
  if (!c.config.fencing) return;
  auto look = [&](const Definition& d, auto&& self) -> void {
    for (const auto& child : d.children) self(*child, self);
    if (d.agent_class != "stonith") return;
    Meta meta;
    evaluate_sets(d.meta, rule_input(c), meta);
    if (meta_or(meta, "provides", "") == "unfencing") c.config.unfencing = true;
  };
  for (const auto& d : c.definitions) look(*d, look);
}
}  // namespace

void unpack(Cluster& c, const cib::Document& document, const Options& options) {
  c.document = &document;
  c.options = options;
  if (options.reasons) c.why = start_reasons();
  if (options.now) {
    c.now = *options.now;
  } else if (auto t = parse_int(document.root().attribute("execution-date").value())) {
    c.now = WallTime{Seconds(std::clamp<std::int64_t>(*t, 0, 4'000'000'000))};
  }
  c.reads_configuration = true;
  unpack_config(c);
  const auto resources = document.root().child("configuration").child("resources");
  for (auto t : resources.children("template")) c.template_xml.emplace(t.attribute("id").value(), t);
  for (auto xml : resources.children()) {
    const std::string_view tag = xml.name();
    if (c.scope && c.scope->leaves_out(xml)) continue;
    if (tag == "primitive" || tag == "group" || tag == "clone" || tag == "master" || tag == "bundle")
      c.definitions.push_back(parse_definition(c, xml));
  }
  note_unfencing(c);
  unpack_nodes(c);
  unpack_remote_nodes(c);
  unpack_resources(c);
  c.reads_configuration = false;
  unpack_status(c);
}

}  // namespace systole::pengine::engine
