// The address agent's metadata: parameters with the names and defaults of ocf:heartbeat:IPaddr2 and IPaddr,
// so that configurations move over as they are.
#include "agents/ip_agent.h"

namespace systole::agents {
namespace {

struct Parameter {
  const char *name, *type, *otherwise, *brief, *text;
};

constexpr Parameter kParameters[] = {
    {"ip", "string", "", "IPv4 or IPv6 address", "The address that floats, in dotted or colon notation."},
    {"nic", "string", "", "Network interface",
     "The interface that gets the address. Left out, it is the one whose network contains the address."},
    {"cidr_netmask", "string", "", "Prefix length",
     "Prefix length (24) or, for IPv4, a netmask (255.255.255.0). Left out, it is that of the matching "
     "network."},
    {"broadcast", "string", "", "Broadcast address",
     "IPv4 broadcast address. Left out or +, it is computed from the prefix; - sets none."},
    {"iflabel", "string", "", "Interface label",
     "Label of an IPv4 address, shown after the interface's name."},
    {"conflict_check", "integer", "20", "Time to look for another holder, in milliseconds",
     "Before the address is set, the network is asked this long whether another host has it; if one answers, "
     "the start "
     "fails and says which. 0 starts without asking."},
    {"check_link_status", "boolean", "true", "Watch the link",
     "Whether an interface that is down or has no carrier makes start and monitor fail."},
    {"arp_count", "integer", "5", "Number of announcements",
     "How many times the address is announced after a start: gratuitous ARP request and reply, or an "
     "unsolicited IPv6 "
     "neighbour advertisement."},
    {"arp_interval", "integer", "200", "Milliseconds between announcements",
     "The pause between two announcements."},
    {"arp_bg", "boolean", "true", "Announce in the background",
     "Whether start returns after the first announcement, the others following in the background."},
    {"arp_count_refresh", "integer", "0", "Accepted for compatibility", "Has no effect."},
    {"arp_sender", "string", "", "Accepted for compatibility",
     "Has no effect: the agent sends announcements itself."},
    {"send_arp_opts", "string", "", "Accepted for compatibility", "Has no effect."},
    {"run_arping", "string", "false", "Accepted for compatibility", "Has no effect: see conflict_check."},
    {"nodad", "boolean", "false", "Start without looking for another holder",
     "The same as conflict_check=0."},
    {"noprefixroute", "boolean", "false", "No prefix route",
     "Do not add the network's route with the address."},
    {"preferred_lft", "string", "forever", "Preferred lifetime in seconds",
     "How long the address is preferred as source; 0 keeps it from being chosen for outgoing connections."},
    {"lvs_support", "boolean", "false", "Address of a load balancer's service",
     "The address may sit on the loopback interface while it is not served here; it is taken off there at "
     "start and "
     "put back at stop."},
    {"lvs_ipv6_addrlabel", "boolean", "false", "Accepted for compatibility", "Has no effect."},
    {"lvs_ipv6_addrlabel_value", "integer", "99", "Accepted for compatibility", "Has no effect."},
    {"flush_routes", "boolean", "false", "Accepted for compatibility",
     "Has no effect: the kernel forgets routes with an address that is removed."},
    {"mac", "string", "", "Accepted for compatibility", "Has no effect."},
    {"clusterip_hash", "string", "sourceip-sourceport", "Accepted for compatibility",
     "Has no effect: Linux no longer has CLUSTERIP."},
    {"unique_clone_address", "boolean", "false", "Accepted for compatibility", "Has no effect."},
    {"network_namespace", "string", "", "Network namespace",
     "Name of the network namespace (ip-netns) to act in."},
    {"ARP_INTERVAL_MS", "integer", "200", "IPaddr's name of arp_interval", "See arp_interval."},
    {"ARP_REPEAT", "integer", "5", "IPaddr's name of arp_count", "See arp_count."},
    {"ARP_BACKGROUND", "boolean", "true", "IPaddr's name of arp_bg", "See arp_bg."},
    {"ARP_NETMASK", "string", "ffffffffffff", "Accepted for compatibility", "Has no effect."},
    {"local_start_script", "string", "", "Accepted for compatibility", "Has no effect."},
    {"local_stop_script", "string", "", "Accepted for compatibility", "Has no effect."},
};

}  // namespace

std::string ip_metadata() {
  std::string xml =
      R"(<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="IPaddr2" version="1.0">
<version>1.1</version>
<longdesc lang="en">A floating IPv4 or IPv6 address: set on an interface of the node, announced to the network,
refused where another host already has it. Works without external programs. Answers also as ocf:heartbeat:IPaddr and
ocf:heartbeat:IPaddr2 where the resource-agents package is not installed.</longdesc>
<shortdesc lang="en">Floating IPv4 and IPv6 address</shortdesc>
<parameters>
)";
  for (const Parameter& p : kParameters) {
    const bool ip = std::string_view(p.name) == "ip";
    xml += fmt::format(
        R"(<parameter name="{}"{}>
<longdesc lang="en">{}</longdesc>
<shortdesc lang="en">{}</shortdesc>
<content type="{}"{}/>
</parameter>
)",
        p.name, ip ? R"( unique="1" required="1")" : "", p.text, p.brief, p.type,
        *p.otherwise == '\0' ? std::string() : fmt::format(" default=\"{}\"", p.otherwise));
  }
  xml += R"(</parameters>
<actions>
<action name="start" timeout="20s"/>
<action name="stop" timeout="20s"/>
<action name="status" depth="0" timeout="20s" interval="10s"/>
<action name="monitor" depth="0" timeout="20s" interval="10s"/>
<action name="meta-data" timeout="5s"/>
<action name="validate-all" timeout="20s"/>
</actions>
</resource-agent>
)";
  return xml;
}

}  // namespace systole::agents
