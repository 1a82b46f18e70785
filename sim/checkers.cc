#include "sim/checkers.h"

#include <algorithm>

namespace systole::sim {
namespace {

using Kind = ClusterWorld::Event::Kind;

constexpr CheckerName kNames[] = {
    {"S1 single activation",
     "what may be active once is active once, a clone no oftener than it may, on hosts with power"},
    {"S2 fencing before recovery",
     "what a lost node may hold starts elsewhere only after that life of it is confirmed down"},
    {"S3 true fencing",
     "a fencing counts as done only if the target had no power at some moment of the life it was meant for"},
    {"S4 who may fence", "nobody without quorum shoots whom it cannot see; of two nodes only one shoots"},
    {"S5 stale orders",
     "no action of another view, another DC or an earlier life runs; activation tokens grow"},
    {"S6 views", "a view's id means one set of members, ids of a node grow over its lives, lives grow"},
    {"S6 quorum", "who is quorate has more than half of the nodes (or is one of two, as configured)"},
    {"S7 total order",
     "members of a view deliver the same messages in the same order, and those who move on together the "
     "same "
     "set"},
    {"S7 outsiders", "no altered, foreign or repeated datagram is taken"},
    {"S8 one document", "members of a view have one document under one version"},
    {"S8 acknowledged change",
     "what was acknowledged is still there in the end, after crashes and power losses"},
    {"S9 replay", "a digest kept step by step is the document's; the journal gives back the configuration"},
    {"S10 order",
     "`then` starts only while `first` is not stopped, and is not ordered to 30 s after it is known dead"},
    {"S10 colocation",
     "what must not be together is not together; at rest what must run with something does"},
    {"S11 one action", "a resource on a node has one action at a time"},
    {"S12 promoted", "no more instances are promoted than may be"},
    {"S16 pure plans",
     "the same document gives the same plan, whether planned anew or followed step by step"},
    {"S17 secrets", "no parameter's secret and no key is in a log"},
    {"S18 maintenance", "in maintenance mode nothing is started, stopped, promoted or demoted"},
    {"N no-quorum-policy", "nothing starts without quorum, and what runs stops where the policy says so"},
    {"S15 fencing storm", "a minority shoots no more nodes in 10 s than it has members"},
    {"L1 one view", "within 300 s after faults stop there is one view of all nodes"},
    {"L2 one DC", "and one DC, which is idle"},
    {"L3 what runs", "and every service runs where the document says, and nothing remains to be done"},
    {"L5 one configuration", "and one document on all nodes"},
    {"L6 no ping-pong", "no service is started more than 30 times on the way"},
    {"L7 answers", "every administrator's question is answered"},
    {"L8 calm ring", "no more than 40 views are formed on the way, none once it is calm"},
    {"L9 silent hosts",
     "a node that dies is out of its peers' views in 2 s, in 6 s while others come and die, if nothing ails "
     "them"},
    {"D determinism", "one seed gives one story (--twice)"},
};

}  // namespace

std::span<const CheckerName> checker_names() { return kNames; }

void Bench::violated(const char* checker, const std::string& what) {
  if (!violation.empty()) return;
  violation = fmt::format("{}: {}", checker, what);
  world().trace("VIOLATION " + violation);
}

Checkers::Checkers(Cluster& cluster, const Workload& workload) : bench_{cluster, workload, {}} {
  auto promises = std::make_unique<Promises>(bench_);
  auto rest = std::make_unique<Rest>(bench_);
  promises_ = promises.get();
  rest_ = rest.get();
  checkers_.push_back(check_services(bench_));
  checkers_.push_back(check_recovery(bench_));
  checkers_.push_back(check_agents(bench_));
  checkers_.push_back(check_views(bench_));
  checkers_.push_back(check_delivery(bench_));
  checkers_.push_back(check_departures(bench_));
  checkers_.push_back(check_documents(bench_));
  checkers_.push_back(check_fencing(bench_));
  checkers_.push_back(check_orders(bench_));
  checkers_.push_back(check_plans(bench_));
  checkers_.push_back(std::move(promises));
  checkers_.push_back(std::move(rest));
  for (auto& checker : checkers_) cluster.observe(checker.get());
  cluster.real().listen([this](const ClusterWorld::Event& event) {
    story(event);
    for (auto& checker : checkers_) checker->happened(event);
  });
}

Checkers::~Checkers() { bench_.cluster.forget_observers(); }

void Checkers::story(const ClusterWorld::Event& event) {
  if (!bench_.world().traced()) return;
  const char* verb = nullptr;
  switch (event.kind) {
    case Kind::kStarted:
      verb = "runs";
      break;
    case Kind::kStopped:
      verb = "is stopped";
      break;
    case Kind::kDied:
      verb = "has died";
      break;
    case Kind::kPromoted:
      verb = "is promoted";
      break;
    case Kind::kDemoted:
      verb = "is demoted";
      break;
    case Kind::kPowerOff:
      return bench_.world().trace(fmt::format("WORLD {} has no power, by {}", event.node, event.by));
    case Kind::kPowerOn:
      return bench_.world().trace(fmt::format("WORLD {} has power again, by {}", event.node, event.by));
    case Kind::kFenceRuns:
      return bench_.world().trace(
          fmt::format("WORLD {} asks a device: {} {}", event.by, event.action, event.node));
    default:
      return;
  }
  bench_.world().trace(fmt::format("WORLD {} {} on {}", event.resource, verb, event.node));
}

void Checkers::acknowledged(const std::string& mark, bool set) { promises_->acknowledged(mark, set); }
void Checkers::asked(const std::string& what) { promises_->asked(what); }
void Checkers::answered(const std::string& what) { promises_->answered(what); }
std::string Checkers::not_yet_stable() { return rest_->not_yet_stable(); }
std::string Checkers::left_to_do() { return rest_->left_to_do(); }
void Checkers::calm() { rest_->calm(); }

void Checkers::at_rest() {
  for (auto& checker : checkers_) checker->at_rest();
}

// --- S8 and L7 --------------------------------------------------------------------------------------------

void Promises::acknowledged(const std::string& mark, bool set) {
  if (set)
    marks_.insert(mark);
  else
    marks_.erase(mark);
}

void Promises::answered(const std::string& what) {
  if (--owed_[what] < 0) bench_.violated("L7 answers", what + " was answered twice");
}

void Promises::at_rest() {
  for (const auto& [what, owed] : owed_) {
    if (owed > 0) return bench_.violated("L7 answers", what + " was never answered");
  }
  // Disks that lied about more than one node's writes may have lost what a majority was told.
  std::size_t liars = 0;
  for (const auto& m : bench_.cluster.machines()) liars += m->disk.lied > 0 ? 1 : 0;
  if (liars > 0) return;
  const std::string document = bench_.cluster.machines()[0]->node->cib().document().serialize();
  for (const std::string& mark : marks_) {
    if (document.find('"' + mark + '"') == std::string::npos)
      return bench_.violated("S8 acknowledged change", mark + " is lost");
  }
}

}  // namespace systole::sim
