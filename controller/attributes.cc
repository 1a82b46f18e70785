#include "controller/attributes.h"

#include "controller/node_states.h"
#include "controller/properties.h"
#include "controller/results.h"

namespace systole::controller {
namespace {

constexpr std::int64_t kInfinity = 1'000'000;

std::int64_t score_of(const std::string& text) {
  if (text == "INFINITY" || text == "+INFINITY") return kInfinity;
  if (text == "-INFINITY") return -kInfinity;
  return std::clamp(
      parse_number(text.starts_with('+') ? std::string_view(text).substr(1) : std::string_view(text))
          .value_or(0),
      -kInfinity, kInfinity);
}

// The element that holds a node's attributes of one kind: <node> or <node_state>/<transient_attributes>.
pugi::xml_node holder(const cib::Document& document, const std::string& node, bool permanent) {
  if (!permanent) return node_state(document, node).child("transient_attributes");
  return document.section("nodes").find_child_by_attribute("node", "uname", node.c_str());
}

pugi::xml_node find_pair(pugi::xml_node in, const std::string& name) {
  for (const pugi::xml_node set : in.children("instance_attributes")) {
    if (const pugi::xml_node pair = set.find_child_by_attribute("nvpair", "name", name.c_str())) return pair;
  }
  return {};
}

Result<std::string> id_of(const cib::Document& document, const membership::ClusterConfig& config,
                          const std::string& node) {
  if (const auto* configured = config.find(node)) return std::to_string(raw(configured->id));
  for (const pugi::xml_node known : {holder(document, node, true), node_state(document, node)}) {
    if (known) return std::string(known.attribute("id").value());
  }
  return fail(Errc::kNotFound, "there is no node {} in this cluster", node);
}

cib::Op deletion(const cib::Document& document, const std::string& node, const std::string& name,
                 bool permanent) {
  cib::Op op;
  op.kind = cib::Op::Kind::kDeleteAll;
  const pugi::xml_node pair = find_pair(holder(document, node, permanent), name);
  const std::string id = pair.attribute("id").value();
  op.xpath = permanent ? fmt::format("/cib/configuration/nodes/node[@uname='{}']", node)
                       : fmt::format("/cib/status/node_state[@uname='{}']/transient_attributes", node);
  op.xpath += fmt::format("/instance_attributes/nvpair[@id='{}']", id);
  return op;
}

cib::Op setting(const cib::Document& document, const std::string& node, const std::string& id,
                const std::string& name, const std::string& value, bool permanent) {
  pugi::xml_document change;
  cib::Op op;
  op.kind = cib::Op::Kind::kModify;
  op.allow_create = true;
  if (permanent) {
    op.section = "nodes";
    pugi::xml_node entry = change.append_child("nodes").append_child("node");
    entry.append_attribute("id") = id.c_str();
    entry.append_attribute("uname") = node.c_str();
    const pugi::xml_node known = find_pair(holder(document, node, true), name);
    pugi::xml_node set = entry.append_child("instance_attributes");
    set.append_attribute("id") = known ? known.parent().attribute("id").value() : ("nodes-" + id).c_str();
    pugi::xml_node pair = set.append_child("nvpair");
    pair.append_attribute("id") =
        known ? known.attribute("id").value() : ("nodes-" + id + "-" + id_part(name)).c_str();
    pair.append_attribute("name") = name.c_str();
    pair.append_attribute("value") = value.c_str();
  } else {
    op.section = "status";
    pugi::xml_node state = change.append_child("status").append_child("node_state");
    state.append_attribute("id") = id.c_str();
    state.append_attribute("uname") = node.c_str();
    append_attribute(state, id, name, value);
  }
  op.xml = cib::to_xml(change.first_child());
  return op;
}

}  // namespace

std::string counted(const std::string& present, const std::string& expression) {
  const bool plus = expression.starts_with("+"), minus = expression.starts_with("-");
  if ((!plus && !minus) || expression.size() < 2) return expression;
  std::int64_t by = 1;
  if (expression[1] == '=') {
    by = score_of(expression.substr(2));
  } else if (expression != "++" && expression != "--") {
    return expression;
  }
  const std::int64_t now = score_of(present);
  if (now >= kInfinity) return "INFINITY";
  const std::int64_t sum = plus ? now + by : now - by;
  if (sum >= kInfinity) return "INFINITY";
  return sum <= -kInfinity ? "-INFINITY" : std::to_string(sum);
}

Result<cib::Op> attribute_op(const cib::Document& document, const membership::ClusterConfig& config,
                             const std::string& node, const std::string& name, const std::string& value,
                             bool permanent) {
  const auto id = id_of(document, config, node);
  if (!id) return fail(id.error());
  if (name.empty()) return fail(Errc::kInvalidArgument, "a node attribute needs a name");
  if (node.find('\'') != std::string::npos)
    return fail(Errc::kInvalidArgument, "{} is not a node's name", node);
  cib::Op op;
  if (value.empty()) {
    op = deletion(document, node, name, permanent);
  } else {
    const std::string present = attribute_value(document, node, name, permanent).value_or("");
    op = setting(document, node, *id, name, counted(present, value), permanent);
  }
  op.user = "hacluster";
  op.client = clients::kAttributes;
  return op;
}

std::optional<std::string> attribute_value(const cib::Document& document, const std::string& node,
                                           const std::string& name, bool permanent) {
  const pugi::xml_node pair = find_pair(holder(document, node, permanent), name);
  if (!pair) return {};
  return pair.attribute("value").value();
}

std::map<std::string, std::string> attribute_values(const cib::Document& document, const std::string& name,
                                                    bool permanent) {
  std::map<std::string, std::string> values;
  const pugi::xml_node all = document.section(permanent ? "nodes" : "status");
  for (const pugi::xml_node node : all.children(permanent ? "node" : "node_state")) {
    const std::string uname = node.attribute("uname").value();
    if (auto value = attribute_value(document, uname, name, permanent))
      values.emplace(uname, std::move(*value));
  }
  return values;
}

}  // namespace systole::controller
