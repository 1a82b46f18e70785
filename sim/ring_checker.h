// RingChecker: watches what the nodes of a simulated cluster deliver and says which promise of extended
// virtual synchrony (membership/membership.h) was broken. One instance sees all nodes and all their lives.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "membership/membership.h"

namespace systole::sim {

// What the test's messages say of themselves.
struct MessageId {
  NodeLife sender;
  std::uint64_t number = 0;  // From 1, without gaps, in each life.
  bool safe = false;
  auto operator<=>(const MessageId&) const = default;
};
Bytes make_message(const MessageId& id, std::size_t size);
std::optional<MessageId> read_message(ByteView message);  // Nothing: its bytes are not what was sent.

class RingChecker {
 public:
  void on_transitional(NodeLife at, const membership::View& surviving);
  void on_view(NodeLife at, const membership::View& view);
  void on_message(NodeLife at, NodeId sender, ByteView message);
  // What can only be judged at the end. `alive`: the lives that still run.
  void finish();

  bool has_delivered(NodeLife at, const MessageId& id) const;
  const std::vector<std::string>& violations() const { return violations_; }
  std::uint64_t deliveries() const { return deliveries_; }
  std::uint64_t views() const { return views_; }

 private:
  // What one life delivered from one view to the next.
  struct Epoch {
    std::optional<membership::View> view;  // None: before its first.
    std::vector<MessageId> regular, transitional;
    std::optional<std::vector<NodeLife>> survivors;
    std::optional<RingId> next;  // The view that followed.
  };
  struct Life {
    std::vector<Epoch> epochs{Epoch{}};
    std::map<NodeLife, std::pair<std::uint64_t, std::size_t>> last_from;  // Number, epoch.
  };
  void violated(std::string what);
  void check_pairs();
  void check_prefixes();
  void check_safe();

  std::map<NodeLife, Life> lives_;
  std::map<NodeId, RingId> last_view_;
  std::map<RingId, std::vector<NodeLife>> members_;
  std::map<MessageId, RingId> delivered_in_;
  std::vector<std::string> violations_;
  std::uint64_t deliveries_ = 0, views_ = 0;
};

}  // namespace systole::sim
