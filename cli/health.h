// What `crm cluster health` finds: a list of what was looked at, what is wrong, and what to do about it.
// Pure: what the daemon and the host say in, findings out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cib/document.h"
#include "cli/session.h"

namespace systole::cli {

struct Finding {
  enum class Grade { kGood, kNote, kWrong };  // kNote: works, but a person should know.
  Grade grade = Grade::kGood;
  std::string area;  // ring, quorum, nodes, links, key, clock, disk, fencing
  std::string text;
  std::string remedy;  // Empty when all is well.
};

struct HealthInput {
  ClusterInfo info;  // With the ring.
  const cib::Document* document = nullptr;
  std::vector<FenceEvent> fencing;
  std::optional<JournalVersion> last_change;
  WallTime now{};
  // Of this host; nothing: it could not be told.
  std::optional<bool> clock_synchronised;
  struct Disk {
    std::string path;
    std::uint64_t free = 0, size = 0;  // Bytes.
  };
  std::optional<Disk> disk;  // That the state is on.
};

// By area; each area has at least one finding.
std::vector<Finding> check_health(const HealthInput& input);
std::string health_text(const std::vector<Finding>& findings);

}  // namespace systole::cli
