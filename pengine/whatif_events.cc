#include "pengine/whatif_events.h"

#include <algorithm>

#include "pengine/explain.h"
#include "pengine/model.h"

namespace systole::pengine {
namespace {

using Words = std::vector<std::string>;

// The world an event speaks of.
struct Scene {
  Situation& s;
  const FencingPaths& fencing;
  const Votes& votes;
  WallTime now;
};

bool is_node(const Scene& scene, const std::string& name) {
  return !scene.s.document.section("nodes").find_child_by_attribute("node", "uname", name.c_str()).empty();
}

pugi::xml_node resource_of(const Scene& scene, const std::string& id) {
  return scene.s.document.section("resources").find_node([&](pugi::xml_node n) {
    const std::string_view tag = n.name();
    const bool resource =
        tag == "primitive" || tag == "group" || tag == "clone" || tag == "master" || tag == "bundle";
    return resource && id == n.attribute("id").value();
  });
}

Words names_of(const Scene& scene, bool nodes) {
  Words names;
  if (nodes) {
    for (const pugi::xml_node n : scene.s.document.section("nodes").children("node"))
      names.emplace_back(n.attribute("uname").value());
  } else {
    for (const pugi::xml_node r : scene.s.document.section("resources").children())
      if (*r.attribute("id").value()) names.emplace_back(r.attribute("id").value());
  }
  if (names.size() > 20) {
    names.resize(20);
    names.emplace_back("…");
  }
  return names;
}

auto unknown(const Scene& scene, const std::string& text, const std::string& why) {
  return fail(Errc::kInvalidArgument, "\"{}\": {}.\nUnderstood:\n{}Nodes: {}\nResources: {}\nDevices: {}",
              text, why, event_help(), fmt::join(names_of(scene, true), " "),
              fmt::join(names_of(scene, false), " "), fmt::join(scene.fencing.devices(), " "));
}

void set_node_attribute(cib::Document& d, const std::string& node, const char* name, const char* value) {
  pugi::xml_node state = d.section("status").find_child_by_attribute("node_state", "uname", node.c_str());
  for (pugi::xml_node set : state.child("transient_attributes").children("instance_attributes"))
    while (pugi::xml_node pair = set.find_child_by_attribute("nvpair", "name", name)) set.remove_child(pair);
  pugi::xml_node entry = d.section("nodes").find_child_by_attribute("node", "uname", node.c_str());
  pugi::xml_node set = entry.child("instance_attributes");
  if (!set) {
    set = entry.append_child("instance_attributes");
    set.append_attribute("id") = fmt::format("what-if-{}", node).c_str();
  }
  pugi::xml_node pair = set.find_child_by_attribute("nvpair", "name", name);
  if (!pair) {
    pair = set.append_child("nvpair");
    pair.append_attribute("id") = fmt::format("what-if-{}-{}", node, name).c_str();
    pair.append_attribute("name") = name;
    pair.append_attribute("value");
  }
  pair.attribute("value") = value;
}

void set_target_role(pugi::xml_node r, const char* role) {
  for (pugi::xml_node set : r.children("meta_attributes"))
    while (pugi::xml_node pair = set.find_child_by_attribute("nvpair", "name", "target-role"))
      set.remove_child(pair);
  pugi::xml_node set = r.prepend_child("meta_attributes");
  set.append_attribute("id") = fmt::format("what-if-{}", r.attribute("id").value()).c_str();
  pugi::xml_node pair = set.append_child("nvpair");
  pair.append_attribute("id") = fmt::format("what-if-{}-role", r.attribute("id").value()).c_str();
  pair.append_attribute("name") = "target-role";
  pair.append_attribute("value") = role;
}

bool one_of(const std::string& word, std::initializer_list<const char*> list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// Empty: not a thing that a node does.
std::string node_event(Scene& scene, const std::string& node, const std::string& verb) {
  cib::Document& d = scene.s.document;
  if (one_of(verb, {"dies", "fails", "crashes", "die", "fail", "down"})) {
    fail_node(scene.s, node, scene.votes);
    return fmt::format("node {} dies", node);
  }
  if (one_of(verb, {"leaves", "stops", "shutdown"})) {
    set_node_attribute(d, node, "shutdown", "1");
    settle(scene.s, scene.now, scene.fencing);
    while (pugi::xml_node pair = d.section("nodes")
                                     .find_child_by_attribute("node", "uname", node.c_str())
                                     .child("instance_attributes")
                                     .find_child_by_attribute("nvpair", "name", "shutdown"))
      pair.parent().remove_child(pair);
    inject_node(d, node, false, true);
    follow_membership(d, scene.votes);
    return fmt::format("node {} leaves in an orderly way", node);
  }
  if (one_of(verb, {"returns", "joins", "up"})) {
    apply({Change::Kind::kNodeUp, "", node, ""}, d);
    follow_membership(d, scene.votes);
    return fmt::format("node {} returns", node);
  }
  if (verb == "standby" || verb == "maintenance") {
    set_node_attribute(d, node, verb.c_str(), verb == "standby" ? "on" : "true");
    return fmt::format("node {} is put into {}", node, verb);
  }
  if (one_of(verb, {"online", "ready"})) {
    apply({Change::Kind::kNodeOnline, "", node, ""}, d);
    apply({Change::Kind::kNodeReady, "", node, ""}, d);
    return fmt::format("node {} is taken out of standby and maintenance", node);
  }
  return "";
}

// Every primitive of a collection, first of all itself.
Words primitives_in(pugi::xml_node r) {
  Words ids;
  if (std::string_view(r.name()) == "primitive") ids.emplace_back(r.attribute("id").value());
  r.find_node([&](pugi::xml_node n) {
    if (std::string_view(n.name()) == "primitive") ids.emplace_back(n.attribute("id").value());
    return false;
  });
  return ids;
}

Result<std::string> resource_event(Scene& scene, const std::string& text, const std::string& id, Words rest) {
  pugi::xml_node r = resource_of(scene, id);
  const std::string verb = rest.front();
  rest.erase(rest.begin());
  if (verb == "stops" || verb == "starts") {
    set_target_role(r, verb == "stops" ? "Stopped" : "Started");
    return fmt::format("resource {} is to be {}", id, verb == "stops" ? "stopped" : "started");
  }
  if (verb != "fails") return unknown(scene, text, fmt::format("resource {} does not know \"{}\"", id, verb));
  bool for_good = false;
  std::string node;
  if (rest.size() >= 2 && rest[0] == "for" && rest[1] == "good") {
    for_good = true;
    rest.erase(rest.begin(), rest.begin() + 2);
  }
  if (rest.size() == 2 && rest[0] == "on") {
    node = rest[1];
    if (!is_node(scene, node)) return unknown(scene, text, fmt::format("there is no node {}", node));
    rest.clear();
  }
  if (!rest.empty()) return unknown(scene, text, fmt::format("what does \"{}\" mean?", fmt::join(rest, " ")));
  const std::vector<Service> services = services_of(scene.s.document, scene.now);
  for (const std::string& primitive : primitives_in(r)) {
    if (fail_resource(scene.s, services, primitive, node, for_good, scene.now))
      return fmt::format("resource {} fails{}{}", primitive, for_good ? " for good" : "",
                         node.empty() ? " where it runs" : " on " + node);
  }
  return fail(Errc::kInvalidArgument, "\"{}\": {} does not run{}, so it cannot fail there", text, id,
              node.empty() ? "" : " on " + node);
}

Result<std::string> ticket_event(Scene& scene, const std::string& text, const Words& words) {
  if (words.size() != 3) return unknown(scene, text, "which ticket, and what happens to it?");
  const std::string &id = words[1], &verb = words[2];
  cib::Document& d = scene.s.document;
  const bool used = !d.section("constraints")
                         .find_node([&](pugi::xml_node n) { return id == n.attribute("ticket").value(); })
                         .empty();
  if (!used) return unknown(scene, text, fmt::format("no constraint depends on a ticket {}", id));
  if (one_of(verb, {"revoked", "lost"}))
    inject_ticket(d, id, "granted", "false");
  else if (verb == "granted")
    inject_ticket(d, id, "granted", "true");
  else if (verb == "standby")
    inject_ticket(d, id, "standby", "true");
  else if (verb == "active")
    inject_ticket(d, id, "standby", "false");
  else
    return unknown(scene, text, fmt::format("a ticket does not know \"{}\"", verb));
  return fmt::format("ticket {} is {}", id, verb);
}

}  // namespace

std::int64_t interval_ms(std::string_view text) { return engine::parse_interval_ms(text); }

std::string event_help() {
  return "  NODE dies | leaves | returns | standby | online | maintenance\n"
         "  RESOURCE fails [for good] [on NODE] | stops | starts\n"
         "  device DEVICE fails\n"
         "  ticket TICKET revoked | granted | standby | active\n"
         "  quorum lost | regained\n"
         "  (\"node\" or \"resource\" may stand before a name)\n";
}

Result<std::string> apply_event(const std::string& text, Situation& s, const FencingPaths& fencing,
                                const Votes& votes, WallTime now) {
  Scene scene{s, fencing, votes, now};
  Words words;
  std::string word;
  for (const char c : text + " ") {
    if (c != ' ' && c != '\t' && c != '\n') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (words.size() < 2) return unknown(scene, text, "an event is a name and what happens to it");
  const std::string& first = words[0];
  if (first == "quorum") {
    if (!one_of(words[1], {"lost", "regained"}) || words.size() != 2)
      return unknown(scene, text, "quorum is lost or regained");
    inject_quorum(s.document, words[1] == "regained");
    return "quorum is " + words[1];
  }
  if (first == "ticket") return ticket_event(scene, text, words);
  if (first == "device") {
    if (words.size() != 3 || !one_of(words[2], {"fails", "dies"}))
      return unknown(scene, text, "a device fails");
    if (!fencing.is_device(words[1]))
      return unknown(scene, text, fmt::format("there is no fencing device {}", words[1]));
    s.failed_devices.insert(words[1]);
    return fmt::format("device {} fails", words[1]);
  }
  const bool named = (first == "node" || first == "resource") && words.size() >= 3;
  const std::string& name = named ? words[1] : first;
  const Words rest(words.begin() + (named ? 2 : 1), words.end());
  if ((!named || first == "node") && is_node(scene, name)) {
    std::string verb = rest[0];
    if (rest.size() != 1) return unknown(scene, text, fmt::format("too many words after {}", name));
    std::string done = node_event(scene, name, verb);
    if (done.empty()) return unknown(scene, text, fmt::format("a node does not know \"{}\"", verb));
    return done;
  }
  if ((!named || first == "resource") && resource_of(scene, name))
    return resource_event(scene, text, name, rest);
  return unknown(scene, text, fmt::format("there is no {} {}", named ? first : "node or resource", name));
}

}  // namespace systole::pengine
