// quorum.device of corosync.conf: its options, taken one by one and then checked as a whole. Of the parser in
// config.cc, which adds the lines' numbers to the errors.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "membership/config.h"

namespace systole::membership {

class DeviceSection {
 public:
  // `section`: "quorum.device" and what is in it. False: the option is not known. Errors (kInvalidConfig) say
  // what the value must be.
  Result<bool> take(std::string_view section, std::string_view key, std::string_view value);

  struct Cluster {
    std::string_view name;
    unsigned votes = 0;  // Of all nodes.
    bool one_vote_each = true;
    bool expected_votes = false;  // Given.
  };
  struct Checked {
    DeviceOptions device;
    unsigned votes = 0;
    std::vector<std::string> warnings;
  };
  // Errors (kInvalidConfig) name what is missing or excludes what, and the remedy.
  Result<Checked> finish(const Cluster& cluster) const;

 private:
  Result<bool> general(std::string_view key, std::string_view value);
  Result<bool> net(std::string_view key, std::string_view value);
  Result<bool> disk(std::string_view key, std::string_view value);
  Result<bool> heuristics(std::string_view key, std::string_view value);

  DeviceOptions device_;
  bool model_given_ = false;
  std::optional<unsigned> votes_;
  bool connect_given_ = false;
};

// Words as a shell would split them: blanks part them, double quotes and backslashes keep them. Error
// (kInvalidConfig): a quote that is not closed, or nothing at all.
Result<std::vector<std::string>> split_command(std::string_view text);

}  // namespace systole::membership
