// ReplayWindow: which counters of a sender have been seen, of the last `size` ones, and by which link each
// came first. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace systole::membership {

class ReplayWindow {
 public:
  explicit ReplayWindow(std::size_t size) : links_(size, 0) {}

  enum Verdict { kNew, kOtherLink, kReplay };
  Verdict judge(std::uint64_t counter, std::size_t link) const {
    if (counter == 0 || counter + links_.size() <= highest_) return kReplay;
    const std::uint8_t first = counter > highest_ ? 0 : links_[counter % links_.size()];
    if (first == 0) return kNew;
    return first == link + 1 ? kReplay : kOtherLink;
  }
  // An authentic one.
  void mark(std::uint64_t counter, std::size_t link) {
    if (counter > highest_ + links_.size()) {
      std::fill(links_.begin(), links_.end(), std::uint8_t{0});
    } else {
      for (std::uint64_t c = highest_ + 1; c < counter; ++c) links_[c % links_.size()] = 0;
    }
    links_[counter % links_.size()] = static_cast<std::uint8_t>(link + 1);
    highest_ = std::max(highest_, counter);
  }

 private:
  std::vector<std::uint8_t> links_;  // By counter's remainder: 0, or 1 + the link it came by.
  std::uint64_t highest_ = 0;
};

}  // namespace systole::membership
