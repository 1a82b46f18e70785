#include "membership/refusals.h"

namespace systole::membership {
namespace {

const char* reason_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
    case Refusal::kDuplicate:
      return "duplicate";
    case Refusal::kMalformed:
      return "malformed";
    case Refusal::kVersion:
      return "version";
    case Refusal::kCluster:
      return "cluster";
    case Refusal::kUnknownPeer:
      return "unknown-peer";
    case Refusal::kKey:
      return "key";
    case Refusal::kAuth:
      return "auth";
    case Refusal::kReplay:
      return "replay";
    case Refusal::kOldLife:
      return "old-life";
    case Refusal::kReflected:
      return "reflected";
    case Refusal::kTwin:
      return "twin";
  }
  return "other";
}

}  // namespace

void Refusals::count(const std::string& reason, const std::string& sender) {
  auto found = counts_.find({reason, sender});
  if (found == counts_.end()) {
    const bool room = counts_.size() < kMaxSenders;
    found = counts_.try_emplace({reason, room ? sender : "others"}, 0).first;
  }
  ++found->second;
}

void Refusals::refused(const Opener::Opened& opened, const Endpoint& from, std::size_t link,
                       std::uint32_t own_key) {
  const unsigned id = raw(opened.from.node);
  const bool claims = opened.refusal != Refusal::kMalformed && opened.refusal != Refusal::kVersion &&
                      opened.refusal != Refusal::kCluster && opened.refusal != Refusal::kUnknownPeer;
  const char* reason = reason_of(opened.refusal);
  count(reason, claims ? fmt::format("node {}", id) : from.address);
  const std::string key = fmt::format("{} {} {}", reason, from.address, claims ? id : 0U);
  switch (opened.refusal) {
    case Refusal::kMalformed:
      once(key, Level::kWarning, "what comes from {} on link {} is no frame of a cluster: it is dropped",
           from.address, link);
      break;
    case Refusal::kVersion:
      once(
          key, Level::kWarning,
          "frames from {} have version {} of the protocol, which this node does not speak: bring both to one "
          "version of Systole",
          from.address, opened.version);
      break;
    case Refusal::kCluster:
      once(key, Level::kWarning,
           "frames from {} are of a cluster with another cluster_name: give each cluster its own port or "
           "network, or correct cluster_name in its corosync.conf",
           from.address);
      break;
    case Refusal::kUnknownPeer:
      once(key, Level::kWarning,
           "frames from {} claim to be of node {}, which is not in this node's nodelist: add it to "
           "corosync.conf here and run  crm cluster reload",
           from.address, id);
      break;
    case Refusal::kKey:
      once(key, Level::kError,
           "node {} at {} seals its frames with another cluster key ({:08x}, here {:08x}): if the key was "
           "rotated, copy authkey from a node that is in the cluster to the one that is not, and restart it",
           id, from.address, opened.key, own_key);
      break;
    case Refusal::kAuth:
      once(key, Level::kError,
           "frames from {} that claim to be of node {} are forged or damaged on the way: they are dropped",
           from.address, id);
      break;
    case Refusal::kReplay:
      once(key, Level::kInfo, "frames of node {} came a second time, from {}: they are dropped", id,
           from.address);
      break;
    case Refusal::kOldLife:
      once(key, Level::kWarning,
           "frames of an earlier life of node {} came from {}: somebody plays them back, or that node lost "
           "its "
           "ring state and its clock is behind: then set its clock and restart it",
           id, from.address);
      break;
    case Refusal::kReflected:
      once(key, Level::kWarning, "this node's own frames come back to it from {}: they are dropped",
           from.address);
      break;
    case Refusal::kTwin:
      once(key, Level::kError, "the host {} uses this node's id {}: give each node a nodeid of its own",
           from.address, id);
      break;
    case Refusal::kNone:
    case Refusal::kDuplicate:
      break;
  }
}

void Refusals::unlisted(const Endpoint& from, std::size_t link) {
  count("unlisted", from.address);
  once("unlisted " + from.address, Level::kWarning,
       "datagrams come from {} on link {}, which is no configured node's address there: they are dropped "
       "unread (block_unlisted_ips)",
       from.address, link);
}

void Refusals::malformed(NodeId from) {
  count("malformed", fmt::format("node {}", raw(from)));
  once(fmt::format("malformed {}", raw(from)), Level::kError,
       "node {} sends frames that this node does not understand, sealed with the right key: compare the "
       "versions of both",
       raw(from));
}

void Refusals::crossed(NodeId from, std::size_t meant, std::size_t link) {
  count("crossed", fmt::format("node {}", raw(from)));
  once(fmt::format("crossed {} {} {}", raw(from), meant, link), Level::kError,
       "node {} sends by its link {} what arrives here by link {}: compare the ringX_addr of both", raw(from),
       meant, link);
}

void Refusals::add_to(RingStatus& status) const {
  auto& c = status.counters;
  for (const auto& [what, times] : counts_) {
    const auto& [reason, sender] = what;
    status.refused.push_back({sender, reason, times});
    if (reason == "auth" || reason == "key") c.frames_refused_auth += times;
    if (reason == "replay" || reason == "old-life" || reason == "reflected") c.frames_refused_replay += times;
    if (reason == "unknown-peer" || reason == "unlisted" || reason == "twin")
      c.frames_refused_unknown_peer += times;
    if (reason == "malformed" || reason == "version" || reason == "cluster" || reason == "crossed")
      c.frames_refused_malformed += times;
  }
}

}  // namespace systole::membership
