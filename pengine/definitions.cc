// Definitions: what the resources section says, read once, templates merged.
#include <fmt/format.h>

#include "pengine/engine.h"

namespace systole::pengine::engine {
namespace {

void parse_operations(pugi::xml_node resource, std::vector<OpDef>& out) {
  for (auto operations : resource.children("operations")) {
    pugi::xml_node block = operations;
    if (const char* ref = operations.attribute("id-ref").value(); *ref) {
      const std::string id = ref;
      block = operations.root().find_node([&](pugi::xml_node n) {
        return std::string_view(n.name()) == "operations" && id == n.attribute("id").value();
      });
    }
    for (auto xml : block.children("op")) {
      OpDef op;
      op.id = xml.attribute("id").value();
      for (auto a : xml.attributes())
        if (*a.value()) op.attributes[a.name()] = a.value();
      parse_sets(xml, "meta_attributes", op.meta);
      parse_sets(xml, "instance_attributes", op.parameters);
      op.name = meta_or(op.attributes, "name", "");
      op.interval_ms = std::max<std::int64_t>(0, parse_interval_ms(meta_or(op.attributes, "interval", "0")));
      Meta meta;
      evaluate_sets(op.meta, RuleInput{}, meta);
      op.role = role_from(meta_or(op.attributes, "role", meta_or(meta, "role", "")));
      op.enabled = !is_false(meta_or(op.attributes, "enabled", meta_or(meta, "enabled", "true")));
      out.push_back(std::move(op));
    }
  }
}

}  // namespace

std::unique_ptr<Definition> parse_definition(Cluster& c, pugi::xml_node xml) {
  auto def = std::make_unique<Definition>();
  def->tag = xml.name();
  if (def->tag == "master") def->tag = "clone";
  def->xml = xml;
  std::string template_id = xml.attribute("template").value();
  pugi::xml_node tmpl;
  if (!template_id.empty()) {
    auto it = c.template_xml.find(template_id);
    if (it == c.template_xml.end())
      c.error(fmt::format("No template named '{}' (needed by resource '{}')", template_id,
                          xml.attribute("id").value()));
    else {
      tmpl = it->second;
      c.template_users[template_id].push_back(xml.attribute("id").value());
    }
  }
  if (tmpl)
    for (auto a : tmpl.attributes()) def->attributes[a.name()] = a.value();
  for (auto a : xml.attributes()) def->attributes[a.name()] = a.value();
  if (std::string_view(xml.name()) == "master") def->attributes["\1master"] = "1";
  def->id = meta_or(def->attributes, "id", "");
  def->agent_class = meta_or(def->attributes, "class", "");
  def->provider = meta_or(def->attributes, "provider", "");
  def->type = meta_or(def->attributes, "type", "");
  if (def->agent_class == "ocf" && def->provider.empty()) def->provider = "heartbeat";
  for (auto source : {xml, tmpl}) {
    if (!source) continue;
    parse_sets(source, "meta_attributes", def->meta);
    parse_sets(source, "instance_attributes", def->parameters);
    parse_sets(source, "utilization", def->utilization);
  }
  parse_operations(xml, def->operations);
  if (tmpl) {
    std::vector<OpDef> more;
    parse_operations(tmpl, more);
    std::vector<OpDef> merged;
    for (auto& op : more) {
      // The resource's own stands for all of that name in that role.
      auto role = [](const OpDef& o) {
        return o.role == Role::kStarted || o.role == Role::kUnpromoted ? Role::kUnknown : o.role;
      };
      const bool own = std::any_of(def->operations.begin(), def->operations.end(),
                                   [&](const OpDef& o) { return o.name == op.name && role(o) == role(op); });
      if (!own) merged.push_back(std::move(op));
    }
    for (auto& op : def->operations) merged.push_back(std::move(op));
    def->operations = std::move(merged);
  }
  if (def->tag == "group" || def->tag == "clone" || def->tag == "bundle")
    for (auto child : xml.children()) {
      const std::string_view tag = child.name();
      if (tag == "primitive" || tag == "group" || tag == "clone" || tag == "master")
        def->children.push_back(parse_definition(c, child));
    }
  return def;
}

Definition implicit_remote_definition(const std::string& id, const std::string& container,
                                      const Meta& options) {
  Definition d;
  d.tag = "primitive";
  d.id = id;
  d.agent_class = "ocf";
  d.provider = "pacemaker";
  d.type = "remote";
  d.attributes = {{"id", id}, {"class", "ocf"}, {"provider", "pacemaker"}, {"type", "remote"}};
  NvSet meta;
  meta.id = id + "-meta_attributes";
  meta.pairs.emplace_back("internal-rsc", "true");
  if (!container.empty()) meta.pairs.emplace_back("container", container);
  if (auto v = meta_of(options, "remote-allow-migrate"))
    meta.pairs.emplace_back("allow-migrate", std::string(*v));
  if (auto v = meta_of(options, "is-managed")) meta.pairs.emplace_back("is-managed", std::string(*v));
  d.meta.push_back(std::move(meta));
  NvSet parameters;
  if (auto v = meta_of(options, "remote-addr")) parameters.pairs.emplace_back("addr", std::string(*v));
  if (auto v = meta_of(options, "remote-port")) parameters.pairs.emplace_back("port", std::string(*v));
  if (!parameters.pairs.empty()) d.parameters.push_back(std::move(parameters));
  OpDef monitor;
  monitor.id = id + "-monitor-interval-30s";
  monitor.name = "monitor";
  monitor.interval_ms = 30000;
  monitor.attributes = {{"id", monitor.id}, {"name", "monitor"}, {"interval", "30s"}, {"timeout", "30s"}};
  d.operations.push_back(std::move(monitor));
  // Of a guest; a bundle's connection has no such option.
  if (auto v = meta_of(options, "remote-node")) {
    OpDef start;
    start.id = id + "-start-interval-0";
    start.name = "start";
    start.attributes = {{"id", start.id},
                        {"name", "start"},
                        {"interval", "0"},
                        {"timeout", meta_or(options, "remote-connect-timeout", "60s")}};
    d.operations.push_back(std::move(start));
  }
  return d;
}

}  // namespace systole::pengine::engine
