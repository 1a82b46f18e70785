// Nodes: the configured ones, and those that remote and guest resources imply.
#include <algorithm>

#include "pengine/engine.h"

namespace systole::pengine::engine {

bool same_node(const Node* a, const Node* b) { return a && a == b; }

Node& create_node(Cluster& c, const std::string& id, const std::string& name, bool remote, int score) {
  Node& n = c.node_store.emplace_back();
  n.id = id;
  n.name = name;
  n.slot = static_cast<int>(c.node_store.size()) - 1;
  n.kind = remote ? NodeKind::kRemote : NodeKind::kCluster;
  n.base_score = score;
  n.attributes["#kind"] = remote ? "remote" : "cluster";
  if (remote) c.config.have_remote_nodes = true;
  auto at = std::upper_bound(c.nodes.begin(), c.nodes.end(), &n, [](const Node* a, const Node* b) {
    return compare_numeric(a->name, b->name) < 0;
  });
  c.nodes.insert(at, &n);
  c.node_by_id.emplace(id, &n);
  c.node_by_name.emplace(name, &n);
  return n;
}

void add_node_attributes(Cluster& c, Node& node, pugi::xml_node xml, bool overwrite) {
  node.attributes["#uname"] = node.name;
  node.attributes["#id"] = node.id;
  if (node.id == c.dc_id) {
    c.dc = &node;
    node.is_dc = true;
    node.attributes["#is_dc"] = "true";
  } else {
    node.attributes["#is_dc"] = "false";
  }
  if (!c.cluster_name.empty()) node.attributes["#cluster-name"] = c.cluster_name;
  std::vector<NvSet> sets;
  parse_sets(xml, "instance_attributes", sets);
  RuleInput in = rule_input(c);
  const Meta before = node.attributes;
  in.node_attributes = &before;
  evaluate_sets(sets, in, node.attributes, overwrite);
  if (!overwrite) {
    std::vector<NvSet> utilization;
    parse_sets(xml, "utilization", utilization);
    evaluate_sets(utilization, in, node.utilization);
  }
  if (!node.attributes.contains("#site-name")) {
    auto it = node.attributes.find("site-name");
    if (it != node.attributes.end())
      node.attributes["#site-name"] = std::string(it->second);
    else if (!c.cluster_name.empty())
      node.attributes["#site-name"] = c.cluster_name;
  }
}

void unpack_nodes(Cluster& c) {
  for (auto xml : c.document->root().child("configuration").child("nodes").children("node")) {
    const std::string id = xml.attribute("id").value(), name = xml.attribute("uname").value();
    const std::string type = xml.attribute("type").value();
    if (id.empty() || name.empty()) {
      c.error("Ignoring <node> entry in configuration without id or uname");
      continue;
    }
    if (type == "ping") continue;
    if (c.node_by_name.contains(name) || c.node_by_id.contains(id)) {
      c.warning("More than one node entry has name '" + name + "'");
      continue;
    }
    Node& node = create_node(c, id, name, type == "remote", parse_score(xml.attribute("score").value()));
    // Until the status section speaks of it, a node may be up and running anything.
    node.unclean = type != "remote" && c.config.startup_fencing && c.config.fencing;
    add_node_attributes(c, node, xml, false);
  }
}

namespace {

// Name of the guest node that a container resource brings, or empty.
std::string guest_name(Cluster& c, const Definition& def) {
  Meta meta;
  RuleInput in = rule_input(c);
  in.agent_class = &def.agent_class;
  in.provider = &def.provider;
  in.agent_type = &def.type;
  evaluate_sets(def.meta, in, meta);
  return meta_or(meta, "remote-node", "");
}

// Connections stand at top level, wherever the container is that brings its guest.
void visit(Cluster& c, const Definition& def, std::vector<std::unique_ptr<Definition>>& implied) {
  for (const auto& child : def.children) visit(c, *child, implied);
  if (def.tag != "primitive") return;
  if (def.agent_class == "ocf" && def.provider == "pacemaker" && def.type == "remote") {
    if (!c.node_by_name.contains(def.id)) create_node(c, def.id, def.id, true, 0);
    return;
  }
  const std::string guest = guest_name(c, def);
  if (guest.empty() || c.resource_by_def.contains(guest)) return;
  for (const auto& d : c.definitions)
    if (d->id == guest) return;
  if (!c.node_by_name.contains(guest)) create_node(c, guest, guest, true, 0);
  Meta meta;
  evaluate_sets(def.meta, rule_input(c), meta);
  implied.push_back(std::make_unique<Definition>(implicit_remote_definition(guest, def.id, meta)));
}

}  // namespace

void unpack_remote_nodes(Cluster& c) {
  std::vector<std::unique_ptr<Definition>> implied;
  for (const auto& def : c.definitions) visit(c, *def, implied);
  for (auto& d : implied) c.definitions.push_back(std::move(d));
}

}  // namespace systole::pengine::engine
