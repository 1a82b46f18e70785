// Constraints: references resolved, tags and templates expanded, locations and tickets.
#include <fmt/format.h>

#include <algorithm>
#include <regex>

#include "pengine/because.h"
#include "pengine/engine.h"
#include "pengine/order_loops.h"
#include "pengine/scope.h"

namespace systole::pengine::engine {

namespace {
// The name of what is in a clone means the clone.
Resource* named(const Cluster& c, std::string_view id) {
  Resource* r = c.find_resource(id);
  return r && r->id != id ? top(r) : r;
}
}  // namespace

std::vector<Resource*> resolve(Cluster& c, std::string_view id, const std::string&) {
  if (Resource* r = named(c, id)) return {r};
  std::vector<Resource*> out;
  const auto add = [&](const std::string& each) {
    if (Resource* r = named(c, each)) out.push_back(r);
  };
  if (auto t = c.template_users.find(id); t != c.template_users.end())
    for (const auto& user : t->second) add(user);
  if (!out.empty()) return out;
  if (auto t = c.tags.find(id); t != c.tags.end())
    for (const auto& ref : t->second.refs) add(ref);
  return out;
}

Location* new_location(Cluster& c, std::string id, Resource* r, int score, const char* discovery,
                       Node* node) {
  Location& l = c.location_store.emplace_back();
  l.id = std::move(id);
  l.resource = r;
  const std::string_view mode = discovery ? discovery : "";
  if (mode == "never")
    l.discovery = Discovery::kNever;
  else if (mode == "exclusive") {
    l.discovery = Discovery::kExclusive;
    r->exclusive_discovery = true;
  }
  if (node) l.nodes.push_back(Place{node, score, l.discovery, 0});
  c.locations.push_back(&l);
  r->locations.push_back(&l);
  return &l;
}

namespace {

Role filter_role(std::string_view text) {
  const Role role = role_from(text);
  // Any instance is started or unpromoted at least.
  return role == Role::kStarted || role == Role::kUnpromoted ? Role::kUnknown : role;
}

void location_rule(Cluster& c, Resource* r, const Rule& rule, const char* discovery, Role role,
                   const std::vector<std::string>& matches) {
  Location* l = new_location(c, rule.id, r, 0, discovery, nullptr);
  if (!rule.role.empty()) role = filter_role(rule.role);
  l->role = role;
  RuleInput in = rule_input(c);
  in.rsc_meta = &r->meta;
  in.rsc_parameters = &parameters(c, r, nullptr);
  if (!matches.empty()) in.matches = &matches;
  std::string score_attribute = rule.score_attribute;
  if (!matches.empty())
    for (std::size_t i = 0; i + 1 < score_attribute.size(); ++i)
      if (score_attribute[i] == '%' && score_attribute[i + 1] >= '0' && score_attribute[i + 1] <= '9') {
        const auto k = static_cast<std::size_t>(score_attribute[i + 1] - '0');
        score_attribute.replace(i, 2, k < matches.size() ? matches[k] : "");
      }
  for (Node* node : c.nodes) {
    in.node_attributes = &node->attributes;
    in.rsc_parameters = &parameters(c, r, node);
    if (!evaluate(rule, in)) continue;
    int score = parse_score(rule.score);
    if (!score_attribute.empty()) {
      const auto v = meta_of(node->attributes, score_attribute);
      score = v ? parse_score(*v) : -kInfinity;
    }
    l->nodes.push_back(Place{node, score, l->discovery, 0});
  }
}

void location_for(Cluster& c, pugi::xml_node xml, Resource* r, Role role, const std::string& set_score,
                  const std::vector<std::string>& matches) {
  const std::string id = xml.attribute("id").value();
  const char* discovery = xml.attribute("resource-discovery").value();
  const std::string node_name = xml.attribute("node").value();
  std::string score = set_score;
  if (score.empty()) score = xml.attribute("score").value();
  if (!node_name.empty() && !score.empty()) {
    Node* node = c.find_node(node_name);
    if (!node) {
      c.warning(fmt::format("Ignoring constraint '{}' because node '{}' is unknown", id, node_name));
      return;
    }
    new_location(c, id, r, parse_score(score), discovery, node)->role = role;
    return;
  }
  bool any = false;
  for (auto rule : xml.children("rule")) {
    any = true;
    location_rule(c, r, parse_rule(rule), discovery, role, matches);
  }
  if (!any)
    c.error(fmt::format("Ignoring constraint '{}' because it has neither a score for a node nor a rule", id));
}

}  // namespace

void unpack_locations(Cluster& c, pugi::xml_node constraints) {
  for (auto xml : constraints.children("rsc_location")) {
    if (c.scope && c.scope->leaves_out(xml)) continue;
    const std::string id = xml.attribute("id").value();
    const Role role = filter_role(xml.attribute("role").value());
    if (const std::string rsc = xml.attribute("rsc").value(); !rsc.empty()) {
      const auto list = resolve(c, rsc, id);
      if (list.empty())
        c.warning(fmt::format("Ignoring constraint '{}' because resource '{}' does not exist", id, rsc));
      for (Resource* r : list) location_for(c, xml, r, role, "", {});
      continue;
    }
    if (std::string pattern = xml.attribute("rsc-pattern").value(); !pattern.empty()) {
      const bool negate = pattern.front() == '!';
      if (negate) pattern.erase(0, 1);
      std::regex re;
      try {
        re = std::regex(pattern, std::regex::extended);
      } catch (const std::regex_error&) {
        c.error(
            fmt::format("Ignoring constraint '{}' because rsc-pattern has invalid value '{}'", id, pattern));
        continue;
      }
      const auto resources = c.resources;
      for (Resource* r : resources) {
        std::smatch m;
        const bool hit = r->id.size() < 1024 && std::regex_search(r->id, m, re);
        if (hit == negate) continue;
        std::vector<std::string> matches;
        if (!negate)
          for (std::size_t i = 0; i < m.size(); ++i) matches.push_back(m[i].str());
        location_for(c, xml, r, role, "", matches);
      }
      continue;
    }
    for (auto set : xml.children("resource_set")) {
      Role set_role = filter_role(set.attribute("role").value());
      if (set_role == Role::kUnknown) set_role = role;
      for (auto ref : set.children("resource_ref")) {
        const auto list = resolve(c, ref.attribute("id").value(), id);
        if (list.empty())
          c.error(fmt::format("Ignoring resource '{}' in set of constraint '{}' because it does not exist",
                              ref.attribute("id").value(), id));
        for (Resource* r : list) location_for(c, xml, r, set_role, set.attribute("score").value(), {});
      }
    }
  }
}

void apply_location(Resource* r, const Location& l, Cluster* noting) {
  auto apply_one = [&](Resource* x, const Location& loc, bool zero) {
    if (loc.role > Role::kUnknown && loc.role != x->next_role) return;
    for (const auto& place : loc.nodes) {
      Place* p = x->allowed.find(place.node);
      const int score = zero ? 0 : place.score;
      if (noting) note(*noting, x, place.node, loc.health ? Cause::kHealth : Cause::kLocation, score, loc.id);
      if (!p) {
        p = &x->allowed.add(Place{place.node, score, loc.discovery, 0});
      } else {
        p->score = add_scores(p->score, score);
      }
      if (p->discovery < loc.discovery) {
        if (loc.discovery == Discovery::kExclusive) x->exclusive_discovery = true;
        p->discovery = loc.discovery;
      }
    }
  };
  if (is_bundle(r)) {
    apply_one(r, l, false);
    for (auto& replica : r->replicas) {
      if (replica.container) apply_one(replica.container, l, false);
      if (replica.ip) apply_one(replica.ip, l, false);
    }
    if (r->bundle_child && (l.role == Role::kUnpromoted || l.role == Role::kPromoted)) {
      apply_location(r->bundle_child, l, noting);
      r->bundle_child->locations.insert(r->bundle_child->locations.begin(), const_cast<Location*>(&l));
    }
    return;
  }
  if (is_group(r)) {
    apply_one(r, l, false);
    bool first = true;
    for (auto* member : r->children) {
      // Later members follow the first by colocation; they only need to be allowed.
      apply_one(member, l, !first && r->members_together);
      first = false;
    }
    return;
  }
  apply_one(r, l, false);
  if (is_clone(r))
    for (auto* child : r->children) apply_location(child, l, noting);
}

// --- Tickets ---

namespace {

void enforce_ticket(Cluster& c, Resource* r, const TicketDependency& d) {
  const Ticket& t = *d.ticket;
  if (t.granted && !t.standby) return;
  if (!r->children.empty()) {
    for (auto* child : r->children) enforce_ticket(c, child, d);
    return;
  }
  using Loss = TicketDependency::Loss;
  const bool promoted_only = d.role == Role::kPromoted;
  const bool role_matches = d.role == Role::kUnknown || d.role == r->role;
  if (!t.granted && !r->running_on.empty()) {
    switch (d.loss) {
      case Loss::kStop:
        ban_everywhere(c, r);
        break;
      case Loss::kDemote:
        if (!promoted_only) ban_everywhere(c, r);
        break;
      case Loss::kFence: {
        if (!role_matches) break;
        ban_everywhere(c, r);
        const auto where = r->running_on;
        for (Node* n : where) fence_node(c, n, "deadman ticket was lost", false);
        break;
      }
      case Loss::kFreeze:
        if (!role_matches) break;
        r->managed = false;
        r->blocked = true;
        break;
    }
  } else if (!promoted_only || d.loss == Loss::kStop) {
    ban_everywhere(c, r);
  }
}

void depend_on_ticket(Cluster& c, const std::string& id, const std::string& ticket, Resource* r,
                      const std::string& role, const std::string& loss) {
  Ticket& t = c.tickets[ticket];
  t.id = ticket;
  TicketDependency& d = c.ticket_store.emplace_back();
  d.id = id;
  d.ticket = &t;
  d.resource = r;
  d.role = role_from(role);
  using Loss = TicketDependency::Loss;
  if (loss == "fence") {
    if (c.config.fencing) {
      d.loss = Loss::kFence;
    } else {
      c.error(
          fmt::format("Resetting 'loss-policy' for ticket '{}' and resource '{}' to 'stop' because fencing "
                      "is not configured",
                      ticket, r->id));
      d.loss = Loss::kStop;
    }
  } else if (loss == "freeze") {
    d.loss = Loss::kFreeze;
  } else if (loss == "demote") {
    d.loss = Loss::kDemote;
  } else if (loss == "stop") {
    d.loss = Loss::kStop;
  } else {
    d.loss = d.role == Role::kPromoted ? Loss::kDemote : Loss::kStop;
  }
  r->tickets.push_back(&d);
  const Because why(c, r, Cause::kTicket, id, ticket);
  enforce_ticket(c, r, d);
}

}  // namespace

void unpack_ticket_constraint(Cluster& c, pugi::xml_node xml) {
  const std::string id = xml.attribute("id").value(), ticket = xml.attribute("ticket").value();
  const std::string loss = xml.attribute("loss-policy").value();
  if (ticket.empty()) {
    c.error(fmt::format("Ignoring constraint '{}' without ticket specified", id));
    return;
  }
  auto add = [&](std::string_view ref, const std::string& role) {
    const auto list = resolve(c, ref, id);
    if (list.empty())
      c.error(fmt::format("Ignoring constraint '{}' because resource '{}' does not exist", id, ref));
    for (Resource* r : list) depend_on_ticket(c, id, ticket, r, role, loss);
  };
  if (*xml.attribute("rsc").value()) add(xml.attribute("rsc").value(), xml.attribute("rsc-role").value());
  for (auto set : xml.children("resource_set"))
    for (auto ref : set.children("resource_ref"))
      add(ref.attribute("id").value(), set.attribute("role").value());
}

void require_promotion_tickets(Resource* r) {
  for (const auto* d : r->tickets)
    if (d->role == Role::kPromoted && (!d->ticket->granted || d->ticket->standby))
      for (auto& place : r->allowed) place.score = -kInfinity;
}

void unpack_constraints(Cluster& c) {
  const auto constraints = c.document->root().child("configuration").child("constraints");
  auto active = [&](pugi::xml_node xml) {
    for (auto lifetime : xml.children("lifetime"))
      for (auto rule : lifetime.children("rule"))
        if (!evaluate(parse_rule(rule), rule_input(c))) return false;
    return true;
  };
  c.reads_configuration = true;
  unpack_locations(c, constraints);
  const auto loops = order_loops(constraints);
  for (auto xml : constraints.children()) {
    const std::string_view tag = xml.name();
    if (tag == "rsc_location" || (c.scope && c.scope->leaves_out(xml)) || !active(xml)) continue;
    if (const auto loop = loops.find(xml.attribute("id").value());
        tag == "rsc_order" && loop != loops.end()) {
      c.error(fmt::format("Ignoring order constraint '{}' because it closes a loop: {}", loop->first,
                          loop->second));
      continue;
    }
    if (tag == "rsc_colocation")
      unpack_colocation(c, xml);
    else if (tag == "rsc_order")
      unpack_ordering(c, xml);
    else if (tag == "rsc_ticket")
      unpack_ticket_constraint(c, xml);
  }
  c.reads_configuration = false;
}

}  // namespace systole::pengine::engine
