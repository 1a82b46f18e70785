// Where an address goes: which link, with which prefix, broadcast and label, from the resource's parameters
// and this host's links and routes. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agents/address.h"

namespace systole::agents {

struct Link {
  int index = 0;
  std::string name;
  bool up = false;       // Administratively.
  bool carrier = false;  // Something is at the other end.
  bool loopback = false;
  bool ethernet = false;
  Mac mac{};
};

struct AddressEntry {
  int link = 0;
  Address address;
  unsigned prefix = 0;
  bool dad_failed = false;
};

struct Route {
  Address destination;  // Zero with prefix 0: the default route.
  unsigned prefix = 0;
  int link = 0;
  bool on_link = false;  // No gateway: hosts of `destination` answer here.
  unsigned metric = 0;
};

// The resource's parameters, parsed.
struct Wish {
  Address ip;
  std::string nic;  // Empty: found by the routes.
  std::optional<unsigned> prefix;
  std::string broadcast;  // An address, "+" or empty (computed), "-" (none).
  std::string label;      // iflabel, without the link's name.
};

struct Placement {
  Link link;
  unsigned prefix = 0;
  std::optional<Address> broadcast;
  std::string label;  // "eth0:web"; empty: none.
};

// Errors: kNotFound where no link fits, naming what was looked for; kInvalidArgument for what can never fit.
Result<Placement> place(const Wish& wish, const std::vector<Link>& links, const std::vector<Route>& routes);

}  // namespace systole::agents
