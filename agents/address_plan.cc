#include "agents/address_plan.h"

#include <algorithm>
#include <tuple>

namespace systole::agents {
namespace {

constexpr std::size_t kLabelMost = 15;  // IFNAMSIZ - 1

const Link* find_link(const std::vector<Link>& links, const std::string& name) {
  const auto it = std::find_if(links.begin(), links.end(), [&](const Link& l) { return l.name == name; });
  return it == links.end() ? nullptr : &*it;
}

const Link* find_link(const std::vector<Link>& links, int index) {
  const auto it = std::find_if(links.begin(), links.end(), [&](const Link& l) { return l.index == index; });
  return it == links.end() ? nullptr : &*it;
}

// The most specific route to `ip` of those that `usable` admits; then the least metric, then the first link.
template <typename Usable>
const Route* best_route(const Address& ip, const std::vector<Route>& routes, Usable usable) {
  const Route* best = nullptr;
  for (const Route& route : routes) {
    if (!usable(route) || !within(ip, route.destination, route.prefix)) continue;
    const auto rank = [](const Route& r) {
      return std::tuple(-static_cast<int>(r.prefix), r.metric, r.link);
    };
    if (best == nullptr || rank(route) < rank(*best)) best = &route;
  }
  return best;
}

struct Found {
  const Link* link;
  unsigned prefix;
};

Result<Found> by_name(const Wish& wish, const std::string& nic, const std::vector<Link>& links,
                      const std::vector<Route>& routes) {
  const Link* link = find_link(links, nic);
  if (link == nullptr) return fail(Errc::kNotFound, "there is no network interface {} (parameter nic)", nic);
  if (wish.prefix) return Found{link, *wish.prefix};
  const Route* route = best_route(
      wish.ip, routes, [&](const Route& r) { return r.on_link && r.link == link->index && r.prefix > 0; });
  return Found{link, route != nullptr ? route->prefix : wish.ip.bits()};
}

Result<Found> by_route(const Wish& wish, const std::vector<Link>& links, const std::vector<Route>& routes) {
  if (wish.ip.link_local())
    return fail(Errc::kInvalidArgument,
                "{} is link-local: every link has such addresses, so the parameter nic must say which",
                to_string(wish.ip));
  const auto fits = [&](const Route& r) {
    const Link* link = find_link(links, r.link);
    return link != nullptr && !link->loopback && r.prefix > 0 && r.on_link;
  };
  const Route* route = best_route(wish.ip, routes, fits);
  if (route == nullptr && wish.prefix)
    route = best_route(wish.ip, routes, [](const Route& r) { return r.prefix == 0; });
  const Link* link = route != nullptr ? find_link(links, route->link) : nullptr;
  if (link == nullptr)
    return fail(
        Errc::kNotFound,
        "no network of this host contains {}: give the parameters nic and cidr_netmask, or set up an address "
        "of that network on this host",
        to_string(wish.ip));
  return Found{link, wish.prefix.value_or(route->prefix)};
}

}  // namespace

Result<Placement> place(const Wish& wish, const std::vector<Link>& links, const std::vector<Route>& routes) {
  // "eth0:1" is the old way to write a label.
  const std::size_t colon = wish.nic.find(':');
  const std::string nic = wish.nic.substr(0, colon);
  const std::string label = !wish.label.empty()          ? wish.label
                            : colon == std::string::npos ? ""
                                                         : wish.nic.substr(colon + 1);
  const auto found = nic.empty() ? by_route(wish, links, routes) : by_name(wish, nic, links, routes);
  if (!found) return fail(found.error());
  Placement placement{*found->link, found->prefix, std::nullopt, ""};
  if (!label.empty() && !wish.ip.v6) {
    placement.label = placement.link.name + ":" + label;
    if (placement.label.size() > kLabelMost)
      return fail(Errc::kInvalidArgument, "the label {} is longer than {} characters: shorten iflabel",
                  placement.label, kLabelMost);
  }
  if (!wish.ip.v6 && wish.broadcast != "-") {
    if (wish.broadcast.empty() || wish.broadcast == "+") {
      if (placement.prefix < 31) placement.broadcast = broadcast_of(wish.ip, placement.prefix);
    } else if (const auto given = parse_address(wish.broadcast); given && !given->v6) {
      placement.broadcast = *given;
    } else {
      return fail(Errc::kInvalidArgument, "the parameter broadcast, {}, is not an IPv4 address",
                  wish.broadcast);
    }
  }
  return placement;
}

}  // namespace systole::agents
