#include "cli/health.h"

#include <algorithm>
#include <map>

#include "cli/output.h"
#include "cli/ring_view.h"

namespace systole::cli {
namespace {

using Grade = Finding::Grade;

constexpr double kLossWrong = 0.05, kLossNoted = 0.01;
constexpr std::uint64_t kDiskLeast = 64ULL << 20;
constexpr std::int64_t kClockAhead = 60;  // Seconds.
constexpr unsigned kSmallestPacket = 1280;

class Checks {
 public:
  explicit Checks(const HealthInput& input) : in_(input), info_(input.info) {}

  std::vector<Finding> run() {
    check_ring();
    check_nodes();
    check_quorum();
    check_links();
    check_refused();
    check_clock();
    check_disk();
    check_fencing();
    return std::move(findings_);
  }

 private:
  void begin(const char* area) {
    area_ = area;
    clean_ = true;
  }
  void add(Grade grade, std::string text, std::string remedy) {
    findings_.push_back({grade, area_, std::move(text), std::move(remedy)});
    clean_ = false;
  }
  void wrong(std::string text, std::string remedy) { add(Grade::kWrong, std::move(text), std::move(remedy)); }
  void note(std::string text, std::string remedy) { add(Grade::kNote, std::move(text), std::move(remedy)); }
  // What is said of an area in which nothing was found.
  void good(std::string text) {
    if (clean_) findings_.push_back({Grade::kGood, area_, std::move(text), ""});
  }

  std::uint64_t token_us() const {
    const auto found = info_.totem.find("token");
    return (found == info_.totem.end() ? 1000 : found->second) * 1000;
  }
  std::size_t members() const {
    return static_cast<std::size_t>(
        std::count_if(info_.nodes.begin(), info_.nodes.end(), [](const auto& n) { return n.member; }));
  }
  const ClusterInfo::Peer* peer(std::uint32_t id) const {
    for (const auto& each : info_.peers) {
      if (each.id == id) return &each;
    }
    return nullptr;
  }

  void check_ring();
  void check_nodes();
  void check_quorum();
  void check_links();
  void check_refused();
  void check_clock();
  void check_disk();
  void check_fencing();

  const HealthInput& in_;
  const ClusterInfo& info_;
  std::vector<Finding> findings_;
  const char* area_ = "";
  bool clean_ = true;
};

void Checks::check_ring() {
  begin("ring");
  if (info_.ring_state != "OPERATIONAL")
    wrong(fmt::format("it is in the state {}: a view is being formed", info_.ring_state),
          "if this lasts, look at the links and at the log");
  if (info_.dc.empty())
    wrong("there is no DC: nothing is decided", "it comes with quorum; see the log if it does not");
  if (!info_.synced)
    wrong("this node does not have the cluster's configuration yet", "wait; see the log if this lasts");
  if (info_.token_rotation_us > token_us() / 2)
    wrong(fmt::format("the token takes {} ms for a round, and is lost after {} ms",
                      info_.token_rotation_us / 1000, token_us() / 1000),
          "raise totem.token in corosync.conf and run: crm cluster reload; find out which host or network is "
          "slow");
  if (info_.delays > 0)
    note(fmt::format("the ring's loop ran late {} times, at worst {} ms", info_.delays,
                     info_.worst_delay_us / 1000),
         "this host was starved or stopped: look at its load and at its hypervisor");
  if (!info_.key_waiting_for.empty())
    note(fmt::format("a new key waits for {} nodes", info_.key_waiting_for.size()),
         "systole ring -1 names them");
  good(fmt::format("{}, view {:x}.{:x}, DC {}", info_.ring_state, info_.ring_representative,
                   info_.ring_sequence, info_.dc));
}

void Checks::check_nodes() {
  begin("nodes");
  for (const auto& node : info_.nodes) {
    const std::string name = node_name(info_, node.id);
    const auto* seen = peer(node.id);
    if (seen != nullptr && seen->quarantine_ms > 0) {
      wrong(fmt::format("{} left {} times lately and is kept out for {} s more", name, seen->flaps,
                        (seen->quarantine_ms + 999) / 1000),
            "find out why it comes and goes (its links, its load, its log): it is let in when the time is "
            "over");
    } else if (!node.member && seen != nullptr && seen->heard && !seen->hears_us) {
      wrong(fmt::format("{} is heard but does not hear this node", name),
            "look at the firewall for UDP in its direction, and at its log for refused frames");
    } else if (!node.member) {
      wrong(fmt::format("{} {}", name, node.joins > 0 ? "is lost" : "was not seen since this node's start"),
            "start it (crm cluster start there), or look at the links to it");
    } else if (seen != nullptr && seen->flaps > 0) {
      note(fmt::format("{} left {} times lately", name, seen->flaps), "look at its links, load and log");
    }
  }
  good(fmt::format("all {} are members", info_.nodes.size()));
}

void Checks::check_quorum() {
  begin("quorum");
  const bool device = info_.device_votes > 0;
  if (!info_.quorate && info_.waiting_for_all) {
    wrong(fmt::format("none yet: wait_for_all waits until all {} nodes have been seen", info_.nodes.size()),
          "start the missing nodes");
  } else if (!info_.quorate) {
    wrong(fmt::format("none: {} of {} votes, {} needed", info_.votes, info_.expected_votes, info_.threshold),
          "bring the lost nodes back; where they are certainly off for good: corosync-quorumtool -e VOTES");
  } else if (info_.votes < info_.expected_votes && info_.votes <= info_.threshold && !info_.two_node) {
    note(fmt::format("{} of {} votes, {} needed: one node less and there is none", info_.votes,
                     info_.expected_votes, info_.threshold),
         "bring the lost nodes back");
  }
  if (device && !info_.device_casts)
    wrong(fmt::format("the quorum device does not vote (its {} votes are missing)", info_.device_votes),
          "look at the arbitrator or the quorum disk, and at the log");
  if (info_.nodes.size() == 2 && !info_.two_node && !device)
    note("two nodes without two_node and without a device: the loss of one stops the other",
         "set two_node: 1 in the quorum section of corosync.conf, or have a quorum device");
  good(fmt::format("{} of {} votes, {} needed", info_.votes, info_.expected_votes, info_.threshold));
}

void Checks::check_links() {
  begin("links");
  std::uint32_t numbers = 0;
  for (const auto& link : info_.links) {
    numbers = std::max(numbers, link.link + 1);
    const auto* node = info_.find(link.peer);
    if (node == nullptr || !node->member) continue;  // It is told of as a node.
    const std::string name = fmt::format("link {} to {}", link.link, node_name(info_, link.peer));
    const std::string addresses = fmt::format("{} -> {}", printable(link.local), printable(link.remote));
    if (!link.up) {
      wrong(fmt::format("{} is down ({})", name, addresses),
            "look at its cable, switch, address and firewall (UDP)");
      continue;
    }
    if (link.loss >= kLossNoted)
      add(link.loss >= kLossWrong ? Grade::kWrong : Grade::kNote,
          fmt::format("{} loses {:.1f}% of its beats ({})", name, 100 * link.loss, addresses),
          "look at the network's errors and load");
    if (link.latency_us > token_us() / 4)
      wrong(fmt::format("{} has a latency of {} ms", name, link.latency_us / 1000),
            "prefer another network, or raise totem.token in corosync.conf and run: crm cluster reload");
    if (link.mtu != 0 && link.mtu < kSmallestPacket)
      note(fmt::format("{} takes packets of {} bytes at most", name, link.mtu),
           "look at the MTU of the interfaces on it");
  }
  if (info_.nodes.size() > 1 && numbers == 1)
    note("there is one network only: its loss splits the cluster",
         "give every node a ring1_addr in corosync.conf and run: crm cluster reload");
  good(fmt::format("all {} are up", info_.links.size()));
}

void Checks::check_refused() {
  begin("frames");
  for (const auto& each : info_.refused) {
    // Of a node that belongs here and is not in: that may be why. Other senders are none of ours.
    const bool missing = std::any_of(info_.nodes.begin(), info_.nodes.end(), [&](const auto& node) {
      return !node.member && each.sender == fmt::format("node {}", node.id);
    });
    const RefusalWords words = refusal_words(each.reason);
    add(missing ? Grade::kWrong : Grade::kNote,
        fmt::format("{} of {} were refused since the start: {}", each.frames, printable(each.sender),
                    words.what),
        words.remedy);
  }
  good("none was refused");
}

void Checks::check_clock() {
  begin("clock");
  const std::int64_t now = epoch_seconds(in_.now);
  if (in_.last_change && in_.last_change->when > now + kClockAhead)
    wrong(fmt::format("the last change ({}) was made {} s after this host's present",
                      printable(in_.last_change->author), in_.last_change->when - now),
          "the nodes' clocks differ: synchronise them (chrony)");
  if (in_.clock_synchronised == false)
    note("this host's clock is not synchronised", "run chrony, or another client of NTP, on every node");
  good(in_.clock_synchronised ? "this host's is synchronised, and ahead of the last change"
                              : "this host's is ahead of the last change");
}

void Checks::check_disk() {
  begin("disk");
  if (!in_.disk || in_.disk->size == 0) {
    note("its free space could not be told", "look at the folder of the state by hand: df");
    return;
  }
  const auto& disk = *in_.disk;
  const std::string text =
      fmt::format("{}: {} MiB of {} MiB are free", printable(disk.path), disk.free >> 20, disk.size >> 20);
  const std::string remedy = "make room: a change that cannot be written is not acknowledged";
  if (disk.free < kDiskLeast || disk.free < disk.size / 50)
    wrong(text, remedy);
  else if (disk.free < disk.size / 10)
    note(text, remedy);
  good(text);
}

std::string property(const cib::Document& document, std::string_view name) {
  for (const pugi::xml_node set : document.section("crm_config").children("cluster_property_set")) {
    for (const pugi::xml_node pair : set.children("nvpair")) {
      if (name == pair.attribute("name").value()) return pair.attribute("value").value();
    }
  }
  return "";
}

void Checks::check_fencing() {
  begin("fencing");
  if (in_.document == nullptr) return;
  std::size_t devices = 0;
  const auto count = [&](const auto& self, pugi::xml_node parent) -> void {
    for (const pugi::xml_node child : parent.children()) {
      const bool device = std::string_view(child.name()) == "primitive" &&
                          std::string_view(child.attribute("class").value()) == "stonith";
      devices += device ? 1 : 0;
      if (!device) self(self, child);
    }
  };
  count(count, in_.document->section("resources"));
  const std::string enabled = property(*in_.document, "stonith-enabled");
  const std::string watchdog = property(*in_.document, "stonith-watchdog-timeout");
  const bool off =
      enabled == "false" || enabled == "no" || enabled == "off" || enabled == "0" || enabled == "n";
  const bool by_watchdog = !watchdog.empty() && watchdog != "0" && watchdog != "0s";
  if (off)
    wrong("it is disabled (stonith-enabled=false): a lost node's resources may run twice",
          "configure a device, then: crm configure property stonith-enabled=true");
  else if (devices == 0 && !by_watchdog)
    wrong("it is enabled, but there is no device: resources are not started",
          "configure one: crm ra list stonith; crm configure primitive ... stonith:...");
  std::map<std::string, const FenceEvent*> last;
  for (const FenceEvent& event : in_.fencing) {
    const auto found = last.find(event.target);
    if (event.completed != 0 && (found == last.end() || found->second->completed <= event.completed))
      last[event.target] = &event;
  }
  for (const auto& [target, event] : last) {
    if (!event->succeeded)
      wrong(fmt::format("{} could not be fenced ({}): {}", printable(target), printable(event->action),
                        printable(event->reason)),
            "make its device work, or, if it is certainly off: stonith_admin --confirm " + printable(target));
  }
  good(devices == 0 ? "by watchdog" : fmt::format("{} device{}", devices, devices == 1 ? "" : "s"));
}

}  // namespace

std::vector<Finding> check_health(const HealthInput& input) { return Checks(input).run(); }

std::string health_text(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& each : findings) {
    const char* grade = each.grade == Grade::kGood ? "ok" : each.grade == Grade::kNote ? "note" : "WRONG";
    text += fmt::format("{:<6} {:<8} {}\n", grade, each.area, each.text);
    if (!each.remedy.empty()) text += fmt::format("{:<15} -> {}\n", "", each.remedy);
  }
  return text;
}

}  // namespace systole::cli
