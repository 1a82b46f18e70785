// Changes that a person can make: on a document, as a phrase, as a command.
#include <charconv>

#include "pengine/explain.h"
#include "pengine/simulate.h"

namespace systole::pengine {
namespace {

pugi::xml_node by_id(pugi::xml_node below, const std::string& id) {
  return below.find_node([&](pugi::xml_node n) { return id == n.attribute("id").value(); });
}

void set_attribute(pugi::xml_node node, const char* name, const std::string& value) {
  pugi::xml_attribute a = node.attribute(name);
  if (!a) a = node.append_attribute(name);
  a = value.c_str();
}

// Sets `name` in the first set of that kind, whatever rule it has elsewhere: other sets lose theirs.
void set_pair(pugi::xml_node owner, const char* set_tag, const std::string& name, const std::string& value) {
  for (pugi::xml_node set : owner.children(set_tag)) {
    for (pugi::xml_node pair = set.child("nvpair"); pair;) {
      const pugi::xml_node next = pair.next_sibling("nvpair");
      if (name == pair.attribute("name").value()) set.remove_child(pair);
      pair = next;
    }
  }
  pugi::xml_node set = owner.prepend_child(set_tag);
  const std::string id = fmt::format("{}-tried-{}", owner.attribute("id").value(), name);
  set_attribute(set, "id", id);
  pugi::xml_node pair = set.append_child("nvpair");
  set_attribute(pair, "id", id + "-pair");
  set_attribute(pair, "name", name);
  set_attribute(pair, "value", value);
}

pugi::xml_node resource_of(cib::Document& d, const std::string& id) {
  return by_id(d.section("resources"), id);
}

pugi::xml_node node_of(cib::Document& d, const std::string& name) {
  return d.section("nodes").find_child_by_attribute("node", "uname", name.c_str());
}

pugi::xml_node state_of(cib::Document& d, const std::string& name) {
  return d.section("status").find_child_by_attribute("node_state", "uname", name.c_str());
}

void remove_pairs(pugi::xml_node owner, const auto& unwanted) {
  for (pugi::xml_node set : owner.children("instance_attributes")) {
    for (pugi::xml_node pair = set.child("nvpair"); pair;) {
      const pugi::xml_node next = pair.next_sibling("nvpair");
      if (unwanted(std::string_view(pair.attribute("name").value()))) set.remove_child(pair);
      pair = next;
    }
  }
}

void remove_constraint(cib::Document& d, const std::string& id) {
  pugi::xml_node constraints = d.section("constraints");
  pugi::xml_node element = by_id(constraints, id);
  while (element && element.parent() != constraints) element = element.parent();
  if (element) constraints.remove_child(element);
}

bool is_of(std::string_view name, const std::string& resource) {
  return name == resource || (name.starts_with(resource) && name.substr(resource.size()).starts_with(":"));
}

// As `crm resource cleanup`: fail counts and failed results go.
void clean_up(cib::Document& d, const Change& change) {
  for (pugi::xml_node state : d.section("status").children("node_state")) {
    if (!change.node.empty() && change.node != state.attribute("uname").value()) continue;
    for (const char* kind : {"fail-count-", "last-failure-"}) {
      remove_pairs(state.child("transient_attributes"), [&](std::string_view name) {
        if (!name.starts_with(kind)) return false;
        name.remove_prefix(std::string_view(kind).size());
        return is_of(name.substr(0, name.find('#')), change.id);
      });
    }
    for (pugi::xml_node r : state.child("lrm").child("lrm_resources").children("lrm_resource")) {
      if (!is_of(r.attribute("id").value(), change.id)) continue;
      for (pugi::xml_node op = r.child("lrm_rsc_op"); op;) {
        const pugi::xml_node next = op.next_sibling("lrm_rsc_op");
        const std::string_view key = op.attribute("transition-key").value();
        const std::size_t first = key.find(':'), second = key.find(':', first + 1);
        int target = 0;
        if (second != std::string_view::npos)
          std::from_chars(key.data() + second + 1, key.data() + key.size(), target);
        if (op.attribute("rc-code").as_int() != target && op.attribute("op-status").as_int() != -1)
          r.remove_child(op);
        op = next;
      }
    }
  }
}

void join(cib::Document& d, const std::string& node) {
  remove_pairs(state_of(d, node).child("transient_attributes"),
               [](std::string_view name) { return name == "shutdown" || name == "terminate"; });
  inject_node(d, node, true, true);
}

void drop_attribute(cib::Document& d, const std::string& node, std::string_view attribute) {
  const auto unwanted = [&](std::string_view name) { return name == attribute; };
  remove_pairs(node_of(d, node), unwanted);
  remove_pairs(state_of(d, node).child("transient_attributes"), unwanted);
}

void set_capacity(cib::Document& d, const Change& change) {
  pugi::xml_node node = node_of(d, change.node);
  if (!node) return;
  std::string_view rest = change.value;
  while (!rest.empty()) {
    const std::size_t blank = std::min(rest.find(' '), rest.size());
    const std::string_view word = rest.substr(0, blank);
    const std::size_t equals = word.find('=');
    if (equals != std::string_view::npos)
      set_pair(node, "utilization", std::string(word.substr(0, equals)),
               std::string(word.substr(equals + 1)));
    rest.remove_prefix(std::min(blank + 1, rest.size()));
  }
}

void everywhere_up(cib::Document& d, const std::string& id, const char* name, const char* value) {
  const pugi::xml_node resources = d.section("resources");
  for (pugi::xml_node r = resource_of(d, id); r && r != resources; r = r.parent())
    set_pair(r, "meta_attributes", name, value);
}

void set_property(cib::Document& d, const std::string& name, const std::string& value) {
  pugi::xml_node config = d.section("crm_config");
  pugi::xml_node set = config.child("cluster_property_set");
  if (!set) {
    set = config.append_child("cluster_property_set");
    set_attribute(set, "id", "cib-bootstrap-options");
  }
  pugi::xml_node pair = set.find_child_by_attribute("nvpair", "name", name.c_str());
  if (!pair) {
    pair = set.append_child("nvpair");
    set_attribute(pair, "id", "tried-" + name);
    set_attribute(pair, "name", name);
  }
  set_attribute(pair, "value", value);
}

}  // namespace

void apply(const Change& change, cib::Document& d) {
  using Kind = Change::Kind;
  switch (change.kind) {
    case Kind::kRemoveConstraint:
      return remove_constraint(d, change.id);
    case Kind::kPrefer: {
      pugi::xml_node location = d.section("constraints").append_child("rsc_location");
      set_attribute(location, "id", "tried-" + change.id + "-" + change.node);
      set_attribute(location, "rsc", change.id);
      set_attribute(location, "node", change.node);
      return set_attribute(location, "score", change.value);
    }
    case Kind::kStickiness:
      if (pugi::xml_node r = resource_of(d, change.id))
        set_pair(r, "meta_attributes", "resource-stickiness", change.value);
      return;
    case Kind::kCleanup:
      return clean_up(d, change);
    case Kind::kNodeOnline:
      return drop_attribute(d, change.node, "standby");
    case Kind::kNodeReady:
      return drop_attribute(d, change.node, "maintenance");
    case Kind::kNodeUp:
      return join(d, change.node);
    case Kind::kStart:
      return everywhere_up(d, change.id, "target-role", "Started");
    case Kind::kManage:
      return everywhere_up(d, change.id, "is-managed", "true");
    case Kind::kTicket:
      return inject_ticket(d, change.id, "granted", "true");
    case Kind::kCapacity:
      return set_capacity(d, change);
    case Kind::kHealthy: {
      const auto health = [](std::string_view name) { return name.starts_with("#health"); };
      remove_pairs(node_of(d, change.node), health);
      return remove_pairs(state_of(d, change.node).child("transient_attributes"), health);
    }
    case Kind::kQuorum:
      return inject_quorum(d, true);
    case Kind::kProperty:
      return set_property(d, change.id, change.value);
    case Kind::kFencing: {
      pugi::xml_node device = d.section("resources").append_child("primitive");
      set_attribute(device, "id", "tried-fencing-device");
      set_attribute(device, "class", "stonith");
      return set_attribute(device, "type", "external/tried");
    }
  }
}

std::string change_text(const Change& change) {
  using Kind = Change::Kind;
  switch (change.kind) {
    case Kind::kRemoveConstraint:
      return fmt::format("constraint {} is removed", change.id);
    case Kind::kPrefer:
      return fmt::format("a location constraint gives {} a score of {} on {}", change.id, change.value,
                         change.node);
    case Kind::kStickiness:
      return fmt::format("the stickiness of {} is {}", change.id, change.value);
    case Kind::kCleanup:
      return fmt::format("the failures of {}{} are cleaned up", change.id,
                         change.node.empty() ? "" : " on " + change.node);
    case Kind::kNodeOnline:
      return fmt::format("{} is taken out of standby", change.node);
    case Kind::kNodeReady:
      return fmt::format("{} is taken out of maintenance", change.node);
    case Kind::kNodeUp:
      return fmt::format("{} joins the cluster", change.node);
    case Kind::kStart:
      return fmt::format("{} is to be started (target-role)", change.id);
    case Kind::kManage:
      return fmt::format("{} is managed", change.id);
    case Kind::kTicket:
      return fmt::format("ticket {} is granted", change.id);
    case Kind::kCapacity:
      return fmt::format("{} has a capacity of {}", change.node, change.value);
    case Kind::kHealthy:
      return fmt::format("{} is healthy", change.node);
    case Kind::kQuorum:
      return "the partition has quorum";
    case Kind::kProperty:
      return fmt::format("the property {} is {}", change.id, change.value);
    case Kind::kFencing:
      return "a fencing device is configured";
  }
  return "";
}

std::string change_command(const Change& change) {
  using Kind = Change::Kind;
  switch (change.kind) {
    case Kind::kRemoveConstraint:
      return "crm configure delete " + change.id;
    case Kind::kPrefer:
      return fmt::format("crm configure location prefer-{}-{} {} {}: {}", change.id, change.node, change.id,
                         change.value == "INFINITY" ? "inf" : change.value, change.node);
    case Kind::kStickiness:
      return fmt::format("crm resource meta {} set resource-stickiness {}", change.id, change.value);
    case Kind::kCleanup:
      return fmt::format("crm resource cleanup {}{}", change.id,
                         change.node.empty() ? "" : " " + change.node);
    case Kind::kNodeOnline:
      return "crm node online " + change.node;
    case Kind::kNodeReady:
      return "crm node ready " + change.node;
    case Kind::kStart:
      return "crm resource start " + change.id;
    case Kind::kManage:
      return "crm resource manage " + change.id;
    case Kind::kTicket:
      return fmt::format("crm_ticket --ticket {} --grant", change.id);
    case Kind::kCapacity: {
      std::string text;
      for (std::size_t at = 0; at < change.value.size();) {
        const std::size_t blank = std::min(change.value.find(' ', at), change.value.size());
        const std::string word = change.value.substr(at, blank - at);
        const std::size_t equals = word.find('=');
        text +=
            fmt::format("{}crm node utilization {} set {} {}", text.empty() ? "" : "; ", change.node,
                        word.substr(0, equals), equals == std::string::npos ? "" : word.substr(equals + 1));
        at = blank + 1;
      }
      return text;
    }
    case Kind::kProperty:
      return fmt::format("crm configure property {}={}", change.id, change.value);
    case Kind::kHealthy:
    case Kind::kNodeUp:
    case Kind::kQuorum:
    case Kind::kFencing:
      return "";
  }
  return "";
}

}  // namespace systole::pengine
