#include "agents/ip_agent.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "agents/announce.h"
#include "agents/netlink.h"
#include "agents/packet.h"

namespace systole::agents {
namespace {

struct Settings {
  Wish wish;
  AddressOptions options;
  AnnounceOptions announce;
  unsigned conflict_check_ms = 20;
  bool lvs_support = false;
  bool check_link = true;
};

Ocf code_of(const Error& error) {
  switch (error.code) {
    case Errc::kInvalidArgument:
      return Ocf::kNotConfigured;
    case Errc::kNotFound:
      return Ocf::kNotInstalled;
    case Errc::kDenied:
      return Ocf::kPermission;
    default:
      return Ocf::kGeneric;
  }
}

Ocf report(const Error& error) {
  exit_reason(error.message);
  return code_of(error);
}

AnnounceOptions announce_options() {
  // IPaddr's names are honoured where IPaddr2's are not given.
  AnnounceOptions options;
  options.count = number_parameter("arp_count", number_parameter("ARP_REPEAT", 5, 1000), 1000);
  options.interval_ms =
      number_parameter("arp_interval", number_parameter("ARP_INTERVAL_MS", 200, 60000), 60000);
  options.background = boolean_parameter("arp_bg", boolean_parameter("ARP_BACKGROUND", true));
  return options;
}

Result<Settings> settings() {
  Settings s;
  const std::string ip = parameter("ip");
  if (ip.empty())
    return fail(Errc::kInvalidArgument, "the parameter ip is missing: which address is to float?");
  const auto address = parse_address(ip);
  if (!address) return fail(Errc::kInvalidArgument, "the parameter ip: {}", address.error().message);
  s.wish = {*address, parameter("nic"), std::nullopt, parameter("broadcast"), parameter("iflabel")};
  if (const std::string mask = parameter("cidr_netmask"); !mask.empty()) {
    const auto prefix = parse_prefix(mask, address->v6);
    if (!prefix)
      return fail(Errc::kInvalidArgument, "the parameter cidr_netmask: {}", prefix.error().message);
    s.wish.prefix = *prefix;
  }
  s.options.no_prefix_route = boolean_parameter("noprefixroute", false);
  s.options.no_dad =
      true;  // Our own check comes before, and takes milliseconds where the kernel's takes a second.
  if (const std::string life = parameter("preferred_lft", "forever"); life != "forever")
    s.options.preferred_lft_s = number_parameter("preferred_lft", 0, 0xfffffffeU);
  s.announce = announce_options();
  s.conflict_check_ms = number_parameter("conflict_check", 20, 10000);
  if (boolean_parameter("nodad", false)) s.conflict_check_ms = 0;
  s.lvs_support = boolean_parameter("lvs_support", false);
  s.check_link = boolean_parameter("check_link_status", true);
  if (boolean_parameter("CRM_meta_globally_unique", false) &&
      number_parameter("CRM_meta_clone_max", 1, 100000) > 1)
    return fail(Errc::kUnsupported,
                "a globally unique clone of an address needs the kernel's CLUSTERIP, which Linux no longer "
                "has: use a "
                "load balancer");
  return s;
}

// The whole agent may act in a named network namespace (ip-netns(8)).
Result<void> enter_network_namespace() {
  const std::string name = parameter("network_namespace");
  if (name.empty()) return {};
  if (name.find('/') != std::string::npos)
    return fail(Errc::kInvalidArgument, "'{}' is no name of a network namespace", name);
  const int fd = ::open(("/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return fail(Errc::kNotFound, "there is no network namespace {} (parameter network_namespace)", name);
  const int entered = ::setns(fd, CLONE_NEWNET);
  ::close(fd);
  if (entered != 0) return fail(Errc::kDenied, "entering the network namespace {} is not permitted", name);
  return {};
}

struct Holding {
  std::optional<AddressEntry> entry;  // The address, where it counts as served.
  std::optional<Link> link;
  std::optional<AddressEntry> on_loopback;  // Of a director's real server, aside from the service.
};

Result<Holding> look(Netlink& netlink, const Settings& s) {
  const auto links = netlink.links();
  if (!links) return fail(links.error());
  const auto entries = netlink.addresses(s.wish.ip.v6);
  if (!entries) return fail(entries.error());
  Holding holding;
  for (const AddressEntry& entry : *entries) {
    if (entry.address != s.wish.ip) continue;
    const auto link =
        std::find_if(links->begin(), links->end(), [&](const Link& l) { return l.index == entry.link; });
    if (link == links->end()) continue;
    if (link->loopback && s.lvs_support) {
      holding.on_loopback = entry;
    } else {
      holding.entry = entry;
      holding.link = *link;
    }
  }
  return holding;
}

std::string loopback_note(const Settings& s) {
  return state_directory() + "/systole-ip-loopback-" + to_string(s.wish.ip);
}

void take_off_loopback(Netlink& netlink, const Settings& s, const AddressEntry& entry) {
  if (!netlink.delete_address(entry)) return;
  if (std::FILE* note = std::fopen(loopback_note(s).c_str(), "w"); note != nullptr) {
    fmt::print(note, "{}\n", entry.prefix);
    std::fclose(note);
  }
}

void put_back_on_loopback(Netlink& netlink, const Settings& s) {
  std::FILE* note = std::fopen(loopback_note(s).c_str(), "r");
  if (note == nullptr) return;
  unsigned prefix = s.wish.ip.bits();
  if (std::fscanf(note, "%u", &prefix) == 1 && prefix <= s.wish.ip.bits())
    if (const auto links = netlink.links())
      for (const Link& link : *links)
        if (link.loopback) (void)netlink.add_address(s.wish.ip, {link, prefix, std::nullopt, ""}, s.options);
  std::fclose(note);
  ::unlink(loopback_note(s).c_str());
}

Result<Placement> place_here(Netlink& netlink, const Settings& s) {
  const auto links = netlink.links();
  if (!links) return fail(links.error());
  const auto routes = netlink.routes(s.wish.ip.v6);
  if (!routes) return fail(routes.error());
  return place(s.wish, *links, *routes);
}

// The link is up and has a carrier, or soon: a link that was down is given a moment.
Result<void> await_link(Netlink& netlink, const Settings& s, Link& link) {
  if (!link.up) {
    if (auto up = netlink.set_up(link.index); !up) return up;
  }
  for (int attempt = 0; s.check_link; ++attempt) {
    const auto links = netlink.links();
    if (!links) return fail(links.error());
    for (const Link& now : *links)
      if (now.index == link.index) link = now;
    if (link.up && link.carrier) return {};
    if (attempt == 40)
      return fail(Errc::kIo, "{} has no carrier: its cable or switch port is dead", link.name);
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  return {};
}

Result<void> refuse_conflict(const Settings& s, const Link& link) {
  if (s.conflict_check_ms == 0 || !link.ethernet) return {};
  const auto other = find_other_holder(s.wish.ip, link, static_cast<int>(s.conflict_check_ms));
  if (!other) return fail(other.error());
  if (!*other) return {};
  return fail(
      Errc::kConflict,
      "{} is already in use on the network of {}, by the host with hardware address {}: take it away there "
      "first (conflict_check=0 would start without this check)",
      to_string(s.wish.ip), link.name, to_string(**other));
}

Result<void> start(Netlink& netlink, const Settings& s) {
  auto held = look(netlink, s);
  if (!held) return fail(held.error());
  if (held->entry) return announce(s.wish.ip, *held->link, s.announce);
  auto placement = place_here(netlink, s);
  if (!placement) return fail(placement.error());
  if (auto up = await_link(netlink, s, placement->link); !up) return up;
  if (auto clear = refuse_conflict(s, placement->link); !clear) return clear;
  if (held->on_loopback) take_off_loopback(netlink, s, *held->on_loopback);
  auto added = netlink.add_address(s.wish.ip, *placement, s.options);
  if (!added && added.error().code != Errc::kExists)
    return fail(added.error().code, "{} could not be set on {}: {}", to_string(s.wish.ip),
                placement->link.name, added.error().message);
  return announce(s.wish.ip, placement->link, s.announce);
}

Result<void> stop(Netlink& netlink, const Settings& s) {
  const auto held = look(netlink, s);
  if (!held) return fail(held.error());
  if (held->entry) {
    auto removed = netlink.delete_address(*held->entry);
    if (!removed && removed.error().code != Errc::kNotFound)
      return fail(removed.error().code, "{} could not be removed from {}: {}", to_string(s.wish.ip),
                  held->link->name, removed.error().message);
  }
  if (s.lvs_support) put_back_on_loopback(netlink, s);
  return {};
}

Ocf monitor(Netlink& netlink, const Settings& s) {
  const auto held = look(netlink, s);
  if (!held) return report(held.error());
  if (!held->entry) return Ocf::kNotRunning;
  if (held->entry->dad_failed) {
    exit_reason(
        fmt::format("{} on {} is a duplicate: another host has it", to_string(s.wish.ip), held->link->name));
    return Ocf::kGeneric;
  }
  if (s.check_link && !held->link->up) {
    exit_reason(fmt::format("{} is on {}, which is down", to_string(s.wish.ip), held->link->name));
    return Ocf::kGeneric;
  }
  if (s.check_link && !held->link->carrier) {
    exit_reason(fmt::format("{} is on {}, which has no carrier: its cable or switch port is dead",
                            to_string(s.wish.ip), held->link->name));
    return Ocf::kGeneric;
  }
  return Ocf::kSuccess;
}

Ocf validate(Netlink& netlink, const Settings& s) {
  const auto placement = place_here(netlink, s);
  return placement ? Ocf::kSuccess : report(placement.error());
}

Ocf done(const Result<void>& result) { return result ? Ocf::kSuccess : report(result.error()); }

}  // namespace

Ocf ip_action(std::string_view action) {
  auto s = settings();
  if (!s) {
    if (s.error().code == Errc::kUnsupported) {
      exit_reason(s.error().message);
      return Ocf::kUnimplemented;
    }
    // What cannot be a resource cannot be running either, and must not keep a node from being cleaned.
    if (action == "stop") return Ocf::kSuccess;
    return report(s.error());
  }
  if (auto entered = enter_network_namespace(); !entered) {
    if (entered.error().code == Errc::kNotFound && action == "stop") return Ocf::kSuccess;
    if (entered.error().code == Errc::kNotFound && action == "monitor") return Ocf::kNotRunning;
    return report(entered.error());
  }
  auto netlink = Netlink::open();
  if (!netlink) return report(netlink.error());
  if (action == "start") return done(start(*netlink, *s));
  if (action == "stop") return done(stop(*netlink, *s));
  if (action == "monitor" || action == "status") return monitor(*netlink, *s);
  if (action == "validate-all") return validate(*netlink, *s);
  exit_reason(fmt::format("the action {} is not one of start stop monitor validate-all meta-data", action));
  return Ocf::kUnimplemented;
}

}  // namespace systole::agents
