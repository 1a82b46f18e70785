// Registry: the fencing devices and topology that a CIB configures. Pure: XML ends here.
//
// Sources: Pacemaker Explained, "Fencing" (properties of fencing devices, fencing-topology); the special
// parameters pcmk_* of its "Special Meta-Attributes for Fencing Resources".
#pragma once

#include <map>
#include <optional>
#include <pugixml.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace systole::stonith {

// "30", "30s", "5min", "100ms", "1h", "PT30S": a bare number means seconds. Nothing else: nullopt.
std::optional<Milliseconds> parse_span(std::string_view text);

// How the nodes that a device can fence are found.
enum class HostCheck { kDefault, kStaticList, kDynamicList, kStatus, kNone };

struct Device {
  std::string id;                                 // Of the primitive.
  std::string type;                               // "fence_ipmilan", "fence_test"
  std::map<std::string, std::string> parameters;  // For the agent: without pcmk_*.
  HostCheck host_check = HostCheck::kDefault;
  std::vector<std::string> hosts;               // pcmk_host_list
  std::map<std::string, std::string> host_map;  // pcmk_host_map: node to port.
  std::string host_argument;                    // pcmk_host_argument; empty: what the agent has.
  Milliseconds delay_base{0}, delay_max{0};
  std::map<std::string, Milliseconds> delay_by_node;  // pcmk_delay_base="node1:1s;node2:5s"
  std::map<std::string, std::string> action_names;  // pcmk_reboot_action: "reboot" to what is called for it.
  std::map<std::string, Milliseconds> timeouts;     // pcmk_off_timeout
  std::map<std::string, unsigned> retries;          // pcmk_off_retries
  int action_limit = 1;                             // pcmk_action_limit; -1: none.
  int priority = 0;
  bool unfences = false;               // Meta attribute provides=unfencing.
  std::set<std::string> banned_nodes;  // By location constraints of -INFINITY: not run there.
  std::string defect;                  // Why it cannot be used; empty: it can.

  bool lists_hosts() const { return !hosts.empty() || !host_map.empty(); }
  bool names_host(const std::string& node) const;
  std::string port_of(const std::string& node) const;
  bool has_delay() const;
};

struct Level {
  int index = 1;
  std::string target, pattern, attribute, value;  // One of name, regular expression, node attribute.
  std::vector<std::string> devices;               // All must succeed.
};

struct Registry {
  std::map<std::string, Device> devices;
  std::vector<Level> levels;
  std::map<std::string, NodeId> nodes;                                   // Configured cluster nodes.
  std::map<std::string, std::map<std::string, std::string>> attributes;  // Permanent, by node.

  // The levels that topology gives `target`, by index; none: topology says nothing of it. A name goes before
  // a pattern, a pattern before an attribute.
  std::vector<Level> topology_of(const std::string& target) const;
};

// Whatever the document holds; what cannot be understood is left out, or becomes a device's defect.
Registry parse_registry(pugi::xml_node cib);

}  // namespace systole::stonith
