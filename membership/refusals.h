// Refusals: the frames that were not taken, by reason and by who seems to have sent them, and one line in the
// log for each kind of trouble with each sender. Bounded: an attacker can invent senders.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/log.h"
#include "base/ports.h"
#include "membership/membership.h"
#include "membership/seal.h"

namespace systole::membership {

class Refusals {
 public:
  static constexpr std::size_t kMaxSenders = 64;

  explicit Refusals(Logger log) : log_(std::move(log)) {}

  // A datagram that seal.h refused. `own_key`: the fingerprint of this node's key.
  void refused(const Opener::Opened& opened, const Endpoint& from, std::size_t link, std::uint32_t own_key);
  // From an address that is none of a configured node's.
  void unlisted(const Endpoint& from, std::size_t link);
  // Authentic, but not what a frame looks like.
  void malformed(NodeId from);
  // A link's own frame that came by another link: the cables or addresses are crossed.
  void crossed(NodeId from, std::size_t meant, std::size_t link);

  void add_to(RingStatus& status) const;

 private:
  void count(const std::string& reason, const std::string& sender);
  template <typename... Args>
  void once(const std::string& key, Level level, fmt::format_string<Args...> format, Args&&... args) {
    if (said_.size() < 4 * kMaxSenders && said_.insert(key).second)
      log_.log(level, format, std::forward<Args>(args)...);
  }

  Logger log_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts_;  // (reason, sender)
  std::set<std::string> said_;
};

}  // namespace systole::membership
