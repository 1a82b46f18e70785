#include "membership/next_line.h"

namespace systole::membership {
namespace {

constexpr Duration kSettle = Milliseconds(100);  // A new view may be followed by others.
constexpr Duration kPatience = Seconds(5);       // With a host that does not answer.
constexpr Duration kFirstWait = Seconds(1), kLongestWait = Seconds(30);

}  // namespace

NextLine::NextLine(Lines* lines, Clock& clock, Logger log, Handler handler)
    : lines_(lines), clock_(clock), log_(std::move(log)), handler_(std::move(handler)) {}

void NextLine::configure(const ClusterConfig& config, NodeId self) {
  if (lines_ == nullptr) return;
  const ConfiguredNode* own = config.find(self);
  auto before = std::move(listeners_);
  listeners_.clear();
  std::erase_if(before, [&](const auto& each) {
    const auto& [link, open] = each;
    return !open.listener || open.local != Endpoint{config.local_address(self, link), config.port_of(link)};
  });
  for (unsigned link = 0; own != nullptr && link < own->addresses.size(); ++link) {
    if (own->addresses[link].empty()) continue;
    std::vector<std::string> peers;
    for (const ConfiguredNode& node : config.nodes) {
      if (node.id != self && link < node.addresses.size() && !node.addresses[link].empty())
        peers.push_back(node.addresses[link]);
    }
    const Endpoint local{config.local_address(self, link), config.port_of(link)};
    Open& open = listeners_[link];
    open.local = local;
    if (const auto had = before.find(link); had != before.end()) {
      open.listener = std::move(had->second.listener);
      open.listener->admit(peers);
      continue;
    }
    auto listener = lines_->listen(local, peers);
    if (listener) {
      open.listener = std::move(*listener);
    } else {
      log_.info("link {}: {}: the end of this process is known to others by its refused datagrams alone",
                link, listener.error().message);
    }
  }
  if (line_ || due_ != Time::max()) hang_up(clock_.now() + kSettle);
}

void NextLine::follow(std::optional<NodeLife> next) {
  if (lines_ == nullptr) return;
  wait_ = kFirstWait;
  if (next == next_ && stands_since_) return;
  next_ = next;
  hang_up(next ? clock_.now() + kSettle : Time::max());
}

void NextLine::stop() {
  listeners_.clear();
  hang_up(Time::max());
}

void NextLine::hang_up(Time again_at) {
  line_.reset();
  stands_since_.reset();
  due_ = again_at;
}

std::optional<unsigned> NextLine::stands(NodeId peer) const {
  if (!stands_since_ || next_->node != peer) return {};
  return link_;
}

void NextLine::advance(Time now) {
  if (now < due_) return;
  if (line_) {
    closed();  // There was no answer.
  } else {
    dial(now);
  }
}

void NextLine::dial(Time now) {
  const auto ends = handler_.ends(next_->node);
  due_ = now + (ends ? kPatience : kLongestWait);
  if (!ends) return;
  link_ = ends->link;
  line_ = lines_->connect(ends->local.address, ends->remote, {[this] { opened(); }, [this] { closed(); }});
}

void NextLine::opened() {
  stands_since_ = clock_.now();
  due_ = Time::max();
  log_.debug("the line to node {} stands, by link {}", raw(next_->node), link_);
  handler_.changed();
}

void NextLine::closed() {
  const Time now = clock_.now();
  const bool stood = stands_since_.has_value();
  if (stood && now - *stands_since_ > kLongestWait) wait_ = kFirstWait;
  hang_up(now + wait_);
  wait_ = std::min(2 * wait_, kLongestWait);
  log_.debug("the line to node {} {}", raw(next_->node), stood ? "has ended" : "cannot be opened");
  if (stood) handler_.broken(next_->node);
  handler_.changed();
}

}  // namespace systole::membership
