// ring_formation: how long rings take to form and to lose a member, and with how many datagrams, by their
// number of nodes. Virtual time: the protocol's own, without the machine's load. ring_formation [--nodes
// 3,16] [--runs N]
//
// One line for each number of nodes: medians and maxima over the runs (each of another seed).
//   formed   all nodes started at once, to one view of all
//   silent   a host that says nothing more (power, network), to one view of the others; default timers
//   killed   a process that ends while its host goes on, likewise
//   joined   a node comes back, to one view of all
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "base/check.h"
#include "sim/ring_cluster.h"

namespace systole::sim {
namespace {

constexpr Duration kLimit = Seconds(60);
constexpr Duration kSettle = Seconds(2), kCalm = Seconds(2);

struct Phase {
  std::vector<double> milliseconds, datagrams, bytes;
};
struct Figures {
  Phase formed, silent, killed, joined, idle;
};

class Run {
 public:
  Run(std::size_t nodes, std::uint64_t seed)
      : world_(seed), ring_(world_, nodes, RingCluster::make_config(nodes), Logger()) {
    world_.tap = [this](const Endpoint&, const Endpoint&, ByteView datagram) {
      ++datagrams_;
      bytes_ += datagram.size();
    };
  }

  bool measure(Figures& figures) {
    const std::size_t last = ring_.size() - 1;
    return phase(figures.formed,
                 [&] {
                   for (std::size_t i = 0; i <= last; ++i) check(ring_.start(i), "a node starts");
                 }) &&
           calm(figures.idle) && phase(figures.silent, [&] { ring_.power_off(last); }) &&
           phase(figures.joined, [&] { check(ring_.start(last), "a node starts"); }) && calm(figures.idle) &&
           phase(figures.killed, [&] { ring_.kill(last / 2); });
  }

 private:
  bool phase(Phase& phase, const std::function<void()>& event) {
    const Time began = world_.now();
    datagrams_ = bytes_ = 0;
    event();
    if (!ring_.run_until([this] { return ring_.agreed(); }, kLimit)) return false;
    note(phase, world_.now() - began);
    return true;
  }
  // What an idle ring sends, once it has found out what its paths carry.
  bool calm(Phase& phase) {
    ring_.run_until([] { return false; }, kSettle);
    datagrams_ = bytes_ = 0;
    ring_.run_until([] { return false; }, kCalm);
    note(phase, kCalm);
    return ring_.agreed();
  }
  void note(Phase& phase, Duration taken) const {
    phase.milliseconds.push_back(std::chrono::duration<double, std::milli>(taken).count());
    phase.datagrams.push_back(static_cast<double>(datagrams_));
    phase.bytes.push_back(static_cast<double>(bytes_));
  }

  World world_;
  RingCluster ring_;
  std::uint64_t datagrams_ = 0, bytes_ = 0;
};

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}
double most(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

void print(std::size_t nodes, const Figures& f, bool json) {
  const auto per_second = median(f.idle.datagrams) / std::chrono::duration<double>(kCalm).count();
  if (json) {
    std::printf("{\"nodes\": %zu, \"idle_datagrams_per_second\": %.0f", nodes, per_second);
    for (const auto& [name, phase] : {std::pair<const char*, const Phase&>{"formed", f.formed},
                                      {"silent", f.silent},
                                      {"killed", f.killed},
                                      {"joined", f.joined}}) {
      std::printf(", \"%s\": {\"ms\": %.0f, \"ms_most\": %.0f, \"datagrams\": %.0f, \"bytes\": %.0f}", name,
                  median(phase.milliseconds), most(phase.milliseconds), median(phase.datagrams),
                  median(phase.bytes));
    }
    std::printf("}\n");
  } else {
    std::printf("%5zu", nodes);
    for (const Phase* phase : {&f.formed, &f.silent, &f.killed, &f.joined}) {
      std::printf("  %6.0f %6.0f %8.0f", median(phase->milliseconds), most(phase->milliseconds),
                  median(phase->datagrams));
    }
    std::printf("  %8.0f\n", per_second);
  }
  std::fflush(stdout);
}

}  // namespace
}  // namespace systole::sim

int main(int argc, char** argv) {
  CLI::App app("Simulated rings: time and datagrams until there is a view, by the number of nodes.");
  std::vector<std::size_t> sizes{3, 16, 32, 64, 128};
  std::size_t runs = 5;
  bool json = false;
  app.add_option("--nodes", sizes, "How many nodes, separated by commas")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--runs", runs, "Seeds for each")->capture_default_str();
  app.add_flag("--json", json, "One JSON object a line");
  CLI11_PARSE(app, argc, argv);
  if (!json)
    std::printf(
        "           formed, ms             silent, ms             killed, ms             joined, ms        "
        "idle\nnodes  median   most    grams  median   most    grams  median   most    grams  median   most  "
        "  "
        "grams   grams/s\n");
  bool complete = true;
  for (const std::size_t nodes : sizes) {
    systole::sim::Figures figures;
    for (std::size_t seed = 1; seed <= runs; ++seed) {
      systole::sim::Run run(nodes, seed);
      if (run.measure(figures)) continue;
      std::fprintf(stderr, "%zu nodes, seed %zu: no agreed view within a minute of virtual time\n", nodes,
                   seed);
      complete = false;
    }
    systole::sim::print(nodes, figures, json);
  }
  return complete ? 0 : 1;
}
