// For tests: several fencers on a totally ordered bus, in virtual time, with fencing devices that fail, hang,
// lie or answer late as told.
#pragma once

#include <gtest/gtest.h>

#include <csignal>
#include <deque>
#include <queue>

#include "cib/document.h"
#include "stonith/fencer.h"

namespace systole::stonith {

class FakeTime : public Clock, public Timers {
 public:
  Time now() const override { return now_; }
  WallTime wall() const override { return WallTime(Seconds(1'700'000'000) + now_.time_since_epoch()); }
  Id after(Duration delay, std::function<void()> fire) override {
    const Id id = ++last_;
    due_.emplace(std::pair(now_ + std::max(delay, Duration::zero()), id), std::move(fire));
    return id;
  }
  void cancel(Id id) override {
    std::erase_if(due_, [&](const auto& item) { return item.first.second == id; });
  }
  void post(std::function<void()> task) override { after(Duration::zero(), std::move(task)); }
  // Everything that falls due within `span`.
  void run(Duration span) {
    const Time end = now_ + span;
    while (!due_.empty() && due_.begin()->first.first <= end) {
      auto first = due_.extract(due_.begin());
      now_ = first.key().first;
      first.mapped()();
    }
    now_ = end;
  }

 private:
  Time now_{Seconds(1000)};
  Id last_ = 0;
  std::map<std::pair<Time, Id>, std::function<void()>> due_;
};

class FakeFiles : public Files {
 public:
  std::set<std::string> programs{"/usr/sbin/fence_fake", "/usr/sbin/fence_plain", "/bin/power"};
  Result<Bytes> read(const std::string& path) override { return fail(Errc::kNotFound, "no {}", path); }
  Result<void> write_atomic(const std::string&, ByteView, unsigned) override { return {}; }
  Result<Status> status(const std::string& path) override {
    if (programs.count(path) == 0) return fail(Errc::kNotFound, "cannot look at {}: no such file", path);
    return Status{1, 0755, 0, false, {}};
  }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    std::vector<std::string> names;
    for (const auto& p : programs) {
      if (p.starts_with(directory + "/")) names.push_back(p.substr(directory.size() + 1));
    }
    return names;
  }
  Result<void> remove(const std::string&) override { return {}; }
  Result<void> make_directory(const std::string&, unsigned) override { return {}; }
};

class FakeRandom : public Random {
 public:
  std::uint64_t next() override { return 12345; }
  void fill(std::span<std::uint8_t> out) override { std::fill(out.begin(), out.end(), std::uint8_t{0}); }
};

// What a device does, by the value of its parameter "name".
struct Behaviour {
  Duration time = Milliseconds(100);
  bool lies = false;   // Says yes and does nothing.
  bool hangs = false;  // Power actions never end.
  int fails = 0;       // So many power actions end with 1 before the first works.
  Duration late{};     // Added to power actions.
  std::string list;    // Answer to the action list.
};

struct Plant {
  std::map<std::string, Behaviour> devices;
  std::set<std::string> off;       // Targets without power.
  std::vector<std::string> calls;  // "n1 pdu off n3", power actions only
  bool metadata_hangs = false;
  std::vector<std::string> others;  // The same of status, monitor, list.
};

class FakeProcesses : public Processes {
 public:
  FakeProcesses(FakeTime& time, Plant& plant, std::string node)
      : time_(time), plant_(plant), node_(std::move(node)) {}

  Id start(ProcessSpec spec, std::function<void(ProcessResult)> done) override {
    const Id id = ++last_;
    running_[id].done = std::move(done);
    if (spec.argv[0] == "/bin/power") return run_command(id, spec);
    std::map<std::string, std::string> options;
    for (std::size_t at = 0; at < spec.input.size();) {
      const std::size_t end = spec.input.find('\n', at);
      const std::string line = spec.input.substr(at, end - at);
      options[line.substr(0, line.find('='))] = line.substr(line.find('=') + 1);
      at = end + 1;
    }
    run_agent(id, spec.argv[0], options);
    return id;
  }
  void kill(Id id, int signal) override {
    if (running_.count(id) == 0 || signal != SIGKILL) return;
    time_.cancel(running_[id].timer);
    ProcessResult result;
    result.end = ProcessResult::End::kKilledByUs;
    end_after(id, Milliseconds(1), result);
  }
  std::size_t running() const { return running_.size(); }
  bool dead = false;  // The node has no power: nothing ends any more.

 private:
  struct Running {
    std::function<void(ProcessResult)> done;
    Timers::Id timer = 0;
  };
  void end_after(Id id, Duration delay, ProcessResult result) {
    running_[id].timer = time_.after(delay, [this, id, result = std::move(result)] {
      if (dead) return;
      const auto done = std::move(running_[id].done);
      running_.erase(id);
      done(result);
    });
  }
  void exit_after(Id id, Duration delay, int code, std::string output = {}) {
    ProcessResult result;
    result.code = code;
    result.output = std::move(output);
    end_after(id, delay, std::move(result));
  }
  Id run_command(Id id, const ProcessSpec& spec) {
    std::string call = node_;
    for (std::size_t i = 1; i < spec.argv.size(); ++i) call += " " + spec.argv[i];
    plant_.calls.push_back(call);
    exit_after(id, Milliseconds(10), 0);
    return id;
  }
  void run_agent(Id id, const std::string& program, std::map<std::string, std::string>& o) {
    const std::string action = o["action"], target = o["port"];
    Behaviour& b = plant_.devices[o["name"]];
    if (action == "metadata") {
      if (plant_.metadata_hangs) return;
      std::string actions =
          R"(<action name="off"/><action name="on"/><action name="reboot"/><action name="monitor"/>)";
      if (program.ends_with("fake")) actions += R"(<action name="status"/><action name="list"/>)";
      return exit_after(
          id, Milliseconds(20), 0,
          R"(<resource-agent name="x"><parameters><parameter name="port"/></parameters><actions>)" + actions +
              "</actions></resource-agent>");
    }
    const std::string call = node_ + " " + o["name"] + " " + action + (target.empty() ? "" : " " + target);
    if (action == "status" || action == "monitor" || action == "list") {
      plant_.others.push_back(call);
      const int code = action == "status" && plant_.off.count(target) != 0 ? 2 : 0;
      return exit_after(id, b.time, code, action == "list" ? b.list : "");
    }
    plant_.calls.push_back(call);
    if (b.hangs) return;
    if (b.fails > 0) {
      --b.fails;
      return exit_after(id, b.time, 1, "out of order");
    }
    running_[id].timer = time_.after(b.time + b.late, [this, id, &b, action, target] {
      if (dead) return;
      if (!b.lies && action == "on") plant_.off.erase(target);
      if (!b.lies && action == "off") plant_.off.insert(target);
      exit_after(id, Duration::zero(), 0);
    });
  }

  FakeTime& time_;
  Plant& plant_;
  std::string node_;
  std::map<Id, Running> running_;
  Id last_ = 0;
};

// Nodes n1, n2, … with ids 1, 2, …
class TestCluster {
 public:
  struct Node {
    std::string name;
    NodeLife life;
    std::unique_ptr<FakeProcesses> processes;
    std::unique_ptr<Fencer> fencer;
    std::vector<Outcome> outcomes;
  };

  TestCluster(unsigned count, const std::string& resources, const std::string& topology = "",
              const std::string& constraints = "", Plant with = {})
      : plant(std::move(with)) {
    std::string xml = "<cib><configuration><nodes>";
    for (unsigned i = 1; i <= count; ++i) xml += fmt::format(R"(<node id="{0}" uname="n{0}"/>)", i);
    xml += "</nodes><resources>" + resources + "</resources><constraints>" + constraints +
           "</constraints><fencing-topology>" + topology +
           "</fencing-topology></configuration><status/></cib>";
    document = std::make_unique<cib::Document>(cib::Document::parse(xml).value());
    for (unsigned i = 1; i <= count; ++i) boot(i, 1);
    std::vector<unsigned> all;
    for (unsigned i = 1; i <= count; ++i) all.push_back(i);
    view(all);
    time.run(Seconds(1));
  }
  ~TestCluster() { nodes.clear(); }
  TestCluster(const TestCluster&) = delete;
  TestCluster& operator=(const TestCluster&) = delete;

  void boot(unsigned id, std::uint64_t incarnation) {
    auto node = std::make_unique<Node>();
    node->name = "n" + std::to_string(id);
    node->life = {NodeId{id}, Incarnation{incarnation}};
    node->processes = std::make_unique<FakeProcesses>(time, plant, node->name);
    Ports ports;
    ports.clock = &time;
    ports.timers = &time;
    ports.random = &random;
    ports.files = &files;
    ports.processes = node->processes.get();
    Node* raw_node = node.get();
    Fencer::Effects effects;
    effects.multicast = [this, id](Bytes message) -> Result<void> {
      if (refuse_messages) return fail(Errc::kUnavailable, "full");
      const unsigned long generation = generation_;
      time.after(Milliseconds(1), [this, id, generation, message = std::move(message)] {
        if (generation == generation_) deliver(id, message);
      });
      return {};
    };
    effects.outcome = [raw_node](const Outcome& o) { raw_node->outcomes.push_back(o); };
    node->fencer =
        std::make_unique<Fencer>(ports, Logger(), Paths{}, node->life, node->name, std::move(effects));
    node->fencer->configure(*document);
    nodes[id] = std::move(node);
  }
  // Members of the one view that counts. Others hear nothing. Messages under way are lost.
  void view(const std::vector<unsigned>& ids) {
    ++generation_;
    members_ = ids;
    membership::View v;
    v.id = {generation_, NodeId{ids.front()}};
    std::vector<std::string> names;
    for (const unsigned id : ids) {
      v.members.push_back(nodes[id]->life);
      names.push_back(nodes[id]->name);
    }
    for (const unsigned id : ids) nodes[id]->fencer->on_view(v, names);
  }
  void deliver(unsigned sender, const Bytes& message) {
    const auto to = members_;
    for (const unsigned id : to) nodes[id]->fencer->on_message(NodeId{sender}, message);
  }
  Request request(const std::string& target, const std::string& action = "off") {
    Request r;
    r.target = target;
    r.life = {NodeId{static_cast<unsigned>(std::stoul(target.substr(1)))}, Incarnation{1}};
    r.action = action;
    r.timeout = Seconds(20);
    r.origin = "test";
    return r;
  }
  // Asks on `node`, remembers the answer.
  void fence(unsigned node, const Request& r) {
    nodes[node]->fencer->fence(r, [this](const Outcome& o) { answers.push_back(o); });
  }

  FakeTime time;
  FakeFiles files;
  FakeRandom random;
  Plant plant;
  std::unique_ptr<cib::Document> document;
  std::map<unsigned, std::unique_ptr<Node>> nodes;
  std::vector<Outcome> answers;
  bool refuse_messages = false;

 private:
  std::vector<unsigned> members_;
  unsigned long generation_ = 0;
};

// A stonith primitive of type fence_fake (or another), with parameters "a=1 b=2".
inline std::string device(const std::string& id,
                          const std::vector<std::pair<std::string, std::string>>& parameters,
                          const std::string& type = "fence_fake", const std::string& meta = "") {
  std::string xml =
      fmt::format(R"(<primitive id="{0}" class="stonith" type="{1}"><instance_attributes id="{0}-a">)"
                  R"(<nvpair id="{0}-name" name="name" value="{0}"/>)",
                  id, type);
  for (const auto& [name, value] : parameters) {
    xml += fmt::format(R"(<nvpair id="{0}-{1}" name="{1}" value="{2}"/>)", id, name, value);
  }
  return xml + "</instance_attributes>" + meta + "</primitive>";
}

}  // namespace systole::stonith
