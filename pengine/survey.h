// Survey: every single or double failure, one after the other, and which service does not survive it. Pure.
//
// What fails: each cluster node; each primitive, for good, where it runs; each fencing device. Cases that
// cannot touch each other are not simulated twice: services without constraints between them fail in one
// simulation, a device counts only where somebody has to be fenced, and failures of unrelated resources add
// up. With a placement strategy other than default, where everything shares the nodes' capacity, each case is
// simulated on its own.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pengine/whatif.h"

namespace systole::pengine {

struct Fault {
  enum class Kind : std::uint8_t { kNode, kResource, kDevice } kind = Kind::kNode;
  std::string name;
  bool operator==(const Fault&) const = default;
};
std::string fault_text(const Fault& fault);  // "node2 dies", "web fails for good", "device pdu1 fails"

struct Casualty {
  std::vector<Fault> faults;
  std::vector<std::string> lost;      // Services that ran and do not run afterwards; "db (promoted)".
  std::vector<std::string> unfenced;  // Nodes that could not be fenced.
};
struct Survey {
  std::vector<Casualty> casualties;  // Of doubles: what neither failure alone costs.
  std::size_t nodes = 0, resources = 0, devices = 0;
  std::size_t cases = 0;  // Combinations that are covered.
  std::size_t simulations = 0;
  std::vector<std::string> never_run;  // Do not run even without a failure.
  bool independent = true;             // Unrelated services were taken together.
};

struct SurveyOptions {
  bool doubles = false;
  Votes votes = {};
  // Runs n independent jobs; empty: one after the other. May use threads.
  std::function<void(std::size_t n, const std::function<void(std::size_t)>& job)> parallel = {};
  std::function<void(std::size_t done, std::size_t total)> progress = {};  // Of simulations; from any thread.
};
Survey survey(const cib::Document& document, WallTime now, const SurveyOptions& options = {});

}  // namespace systole::pengine
