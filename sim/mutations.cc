#include "sim/mutations.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "base/mutation.h"

namespace systole {
namespace {
std::string active;
}
#ifdef SYSTOLE_MUTATIONS
bool mutation(std::string_view name) { return active == name; }
#endif
}  // namespace systole

namespace systole::sim {
namespace {

constexpr std::uint64_t kEnough = 5, kMostSeeds = 2000;

constexpr Mutation kMutations[] = {
    {"ack-before-disk", "a change is acknowledged before it is on the disks of a majority", Arena::kCluster,
     "cold-start"},
    {"older-document-wins", "where documents meet, the worse one is taken", Arena::kCluster, ""},
    {"answer-forgotten", "who asked for a change is never answered", Arena::kCluster, ""},
    {"deliver-before-safe", "a safe message is delivered before every member has it", Arena::kRing, ""},
    {"gap-skipped", "a message that is missing is skipped instead of waited for", Arena::kRing, ""},
    {"rings-do-not-merge", "two rings that hear each other stay apart", Arena::kCluster, ""},
    {"ring-sequence-not-stored", "a restarted node counts views from the beginning", Arena::kCluster, ""},
    {"life-reused", "a node's new life may have its old number, or a lower one", Arena::kCluster, ""},
    {"replay-window-off", "a datagram is taken twice", Arena::kCluster, ""},
    {"majority-counted-wrong", "half of the votes is a quorum", Arena::kCluster, ""},
    {"no-quorum-ignored", "no-quorum-policy is taken as \"ignore\"", Arena::kCluster, ""},
    {"start-before-fencing", "what follows a fencing starts when it is asked for, not when it is confirmed",
     Arena::kCluster, ""},
    {"failed-fencing-done", "a fencing that failed counts as done", Arena::kCluster, ""},
    {"device-trusted", "a device's word counts, its state is not read back", Arena::kCluster, ""},
    {"no-tie-break", "two nodes that lose each other shoot at once", Arena::kCluster, "death-match"},
    {"no-storm-brake", "a minority shoots whom it wants", Arena::kCluster, ""},
    {"token-reused", "activation tokens begin anew with each DC", Arena::kCluster, ""},
    {"stale-view-accepted", "actions of an earlier view are carried out", Arena::kCluster, ""},
    {"old-dc-acts", "who was DC in the last view goes on as one", Arena::kCluster, ""},
    {"older-life-confirmed", "a fencing of an earlier life confirms the present one down", Arena::kCluster,
     "fenced-after-return"},
    {"order-dropped", "mandatory orders are taken as optional", Arena::kCluster, ""},
    {"apart-dropped", "colocations of -INFINITY are forgotten", Arena::kCluster, ""},
    {"promoted-max-ignored", "more instances are promoted than may be", Arena::kCluster, ""},
    {"maintenance-ignored", "maintenance-mode changes nothing", Arena::kCluster, ""},
    {"timeout-without-kill", "an agent that timed out goes on beside the next one", Arena::kCluster, ""},
    {"secret-logged", "parameters are logged", Arena::kCluster, ""},
};

// Whether it was caught.
bool try_mutation(const Mutation& mutation, unsigned jobs) {
  set_mutation(mutation.name);
  CampaignOptions options;
  options.arena = mutation.arena;
  options.seed.scenario = mutation.scenario;
  options.count = kMostSeeds;
  options.jobs = jobs;
  options.enough = kEnough;
  const CampaignResult result = run_campaign(options);
  set_mutation("");
  std::string by;
  for (const auto& [checker, count] : result.by_checker())
    by += fmt::format("{}{} ({})", by.empty() ? "" : ", ", checker, count);
  std::printf("%-6s %-26s in %zu of %llu seeds%s%s: %s\n", result.failures.empty() ? "MISSED" : "caught",
              mutation.name, result.failures.size(), static_cast<unsigned long long>(result.seeds),
              *mutation.scenario == 0 ? "" : " of ", mutation.scenario,
              by.empty() ? mutation.says : by.c_str());
  std::fflush(stdout);
  return !result.failures.empty();
}

}  // namespace

std::span<const Mutation> mutations() { return kMutations; }

bool mutations_built() {
#ifdef SYSTOLE_MUTATIONS
  return true;
#else
  return false;
#endif
}

void set_mutation(const std::string& name) { active = name; }

int run_mutations(unsigned jobs, const std::string& only) {
  int missed = 0, tried = 0;
  for (const Mutation& mutation : kMutations) {
    if (!only.empty() && only != mutation.name) continue;
    ++tried;
    if (!try_mutation(mutation, jobs)) ++missed;
  }
  std::printf("%d passed, %d failed\n", tried - missed, missed);
  return missed == 0 && tried > 0 ? 0 : 1;
}

}  // namespace systole::sim
