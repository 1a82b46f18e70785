#include "controller/test_cluster.h"

#include "controller/properties.h"

namespace systole::controller {

// --- Loop -------------------------------------------------------------------------------------------------

Timers::Id TestLoop::after(Duration delay, std::function<void()> fire) {
  const Id id = next_++;
  const Time when = now_ + std::max(delay, Duration::zero());
  queue_.emplace(std::pair(when, id), std::move(fire));
  when_.emplace(id, when);
  return id;
}

void TestLoop::cancel(Id id) {
  const auto found = when_.find(id);
  if (found == when_.end()) return;
  queue_.erase({found->second, id});
  when_.erase(found);
}

bool TestLoop::step() {
  if (queue_.empty()) return false;
  const auto first = queue_.begin();
  now_ = first->first.first;
  when_.erase(first->first.second);
  const auto fire = std::move(first->second);
  queue_.erase(first);
  fire();
  return true;
}

void TestLoop::run_for(Duration span) {
  const Time end = now_ + span;
  while (!queue_.empty() && queue_.begin()->first.first <= end) step();
  now_ = end;
}

// --- Ring: views are what the test says; messages of a view reach its members in one order
// ------------------

class TestCluster::Member : public membership::Membership {
 public:
  Member(Ring& ring, NodeLife self) : ring_(ring), self_(self) {}
  ~Member() override;
  void start(Handler handler) override;
  Result<void> multicast(Bytes message, membership::Delivery) override;
  void leave() override;
  membership::RingStatus status() const override { return {}; }
  Result<void> set_expected_votes(unsigned) override { return {}; }
  Result<void> set_device_vote(const RingId&, const membership::QuorumDeviceVote&) override { return {}; }

  Ring& ring_;
  NodeLife self_;
  Handler handler_;
  membership::View view_;
};

class TestCluster::Ring {
 public:
  Ring(TestLoop& loop, unsigned nodes) : loop_(loop), nodes_(nodes) {}

  void add(Member& m) {
    members_[m.self_.node] = &m;
    form();
  }
  void remove(const Member& m) {
    const auto found = members_.find(m.self_.node);
    if (found == members_.end() || found->second != &m) return;
    members_.erase(found);
    form();
  }
  void partition(std::vector<std::set<NodeId>> parts) {
    parts_ = std::move(parts);
    form();
  }
  void send(const Member& from, Bytes bytes) {
    loop_.after(std::chrono::microseconds(100),
                [this, view = from.view_.id, sender = from.self_, bytes = std::move(bytes)] {
                  // In the view it was sent in or, when that has ended, in the sender's present one.
                  const auto source = members_.find(sender.node);
                  if (source == members_.end() || source->second->self_ != sender) return;
                  const RingId in = source->second->view_.id;
                  // Who leaves on hearing it does not keep the others from hearing it.
                  std::vector<Member*> hearers = everybody();
                  std::erase_if(hearers, [&](const Member* m) { return m->view_.id != in; });
                  for (Member* m : hearers) {
                    if (alive(m)) m->handler_.message(sender.node, bytes);
                  }
                });
  }

 private:
  std::vector<Member*> everybody() const {
    std::vector<Member*> list;
    for (const auto& [id, m] : members_) list.push_back(m);
    return list;
  }
  bool alive(const Member* m) const {
    return std::any_of(members_.begin(), members_.end(), [m](const auto& e) { return e.second == m; });
  }
  std::size_t part_of(NodeId id) const {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      if (parts_[i].contains(id)) return i;
    }
    return parts_.size();
  }
  // New views for the parts whose members changed.
  void form() {
    std::map<std::size_t, std::vector<Member*>> groups;
    for (const auto& [id, m] : members_) groups[part_of(id)].push_back(m);
    for (const auto& [part, group] : groups) {
      std::vector<NodeLife> lives;
      for (const Member* m : group) lives.push_back(m->self_);
      const bool same =
          std::all_of(group.begin(), group.end(), [&](const Member* m) { return m->view_.members == lives; });
      if (same) continue;
      const membership::View view{{++sequence_, lives.front().node}, lives};
      membership::Quorum quorum;
      quorum.votes = static_cast<unsigned>(lives.size());
      quorum.expected_votes = nodes_;
      quorum.threshold = nodes_ / 2 + 1;
      quorum.quorate = quorum.votes >= quorum.threshold;
      for (Member* m : group) m->view_ = view;
      loop_.post([this, group, view, quorum] {
        for (Member* m : group) {
          if (alive(m) && m->view_ == view) m->handler_.view(view, quorum);
        }
      });
    }
  }

  TestLoop& loop_;
  unsigned nodes_;
  std::map<NodeId, Member*> members_;
  std::vector<std::set<NodeId>> parts_;
  std::uint64_t sequence_ = 0;
};

TestCluster::Member::~Member() { ring_.remove(*this); }
void TestCluster::Member::start(Handler handler) {
  handler_ = std::move(handler);
  ring_.add(*this);
}
Result<void> TestCluster::Member::multicast(Bytes message, membership::Delivery) {
  ring_.send(*this, std::move(message));
  return {};
}
void TestCluster::Member::leave() { ring_.remove(*this); }

namespace {

// --- Small ports ------------------------------------------------------------------------------------------

class TestRandom : public Random {
 public:
  std::uint64_t next() override { return state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL; }
  void fill(std::span<std::uint8_t> out) override {
    for (auto& b : out) b = static_cast<std::uint8_t>(next() >> 32);
  }

 private:
  std::uint64_t state_ = 42;
};

// Every program is installed; nothing else is there.
class TestFiles : public Files {
 public:
  Result<Bytes> read(const std::string& p) override { return fail(Errc::kNotFound, "{}", p); }
  Result<void> write_atomic(const std::string&, ByteView, unsigned) override { return {}; }
  Result<Status> status(const std::string&) override { return Status{100, 0755, 0, false, {}}; }
  Result<std::vector<std::string>> list(const std::string& p) override {
    return fail(Errc::kNotFound, "{}", p);
  }
  Result<void> remove(const std::string&) override { return {}; }
  Result<void> make_directory(const std::string&, unsigned) override { return {}; }
};

class TestJournal : public cib::Journal {
 public:
  TestJournal(std::vector<cib::JournalEntry>& disk, Timers& timers) : disk_(disk), timers_(timers) {}
  Result<Loaded> load() override {
    Loaded loaded;
    for (auto e = disk_.rbegin(); e != disk_.rend() && !loaded.document; ++e) {
      if (e->document.empty()) continue;
      auto document = cib::Document::parse(e->document);
      if (!document) return fail(document.error());
      for (auto patch = e.base(); patch != disk_.end(); ++patch) {
        if (!patch->patch.empty()) (void)cib::replay(*document, patch->patch);
      }
      loaded.document = std::move(*document);
    }
    return loaded;
  }
  void append(cib::JournalEntry entry, std::function<void(Result<void>)> done) override {
    timers_.after(Milliseconds(1), [this, entry = std::move(entry), done = std::move(done)]() mutable {
      disk_.push_back(std::move(entry));
      done({});
    });
  }
  Result<std::vector<cib::JournalEntry>> history(std::size_t) override { return disk_; }

 private:
  std::vector<cib::JournalEntry>& disk_;
  Timers& timers_;
};

// --- Planner ----------------------------------------------------------------------------------------------

bool is(pugi::xml_node node, const char* name, const char* value) {
  return std::string_view(node.attribute(name).value()) == value;
}

class Draft {
 public:
  explicit Draft(const cib::Document& d) : document_(d) {}

  pengine::Plan make() {
    const bool fencing = property_is(document_, "stonith-enabled", true);
    std::vector<std::string> usable, probing, leaving;
    for (const pugi::xml_node n : document_.section("nodes").children("node")) {
      const std::string name = n.attribute("uname").value();
      const pugi::xml_node s = node_state(document_, std::string_view(name));
      const bool online = is(s, "in_ccm", "true") && is(s, "join", "member") && is(s, "crmd", "online");
      const bool down = s && is(s, "expected", "down");
      if (online && !is(s, "expected", "down")) {
        (leaves(s) ? leaving : usable).push_back(name);
        probing.push_back(name);
      } else if (!down && fencing && is(document_.root(), "have-quorum", "1") && !is(s, "join", "pending")) {
        plan_.fence.push_back(name);
        add(pengine::Action::Kind::kCluster, "stonith", "", name, {{"CRM_meta_stonith_action", "off"}});
      }
    }
    const std::vector<int> all_fenced = actions_;
    if (!is(document_.root(), "have-quorum", "1")) usable.clear();
    for (const pugi::xml_node p : document_.section("resources").children("primitive")) {
      if (!is(p, "class", "stonith")) place(p, usable, probing, all_fenced);
    }
    for (const std::string& name : leaving) {
      const int go = add(pengine::Action::Kind::kCluster, "do_shutdown", "", name, {});
      plan_.graph.synapses.back().inputs = stops_[name];
      (void)go;
    }
    plan_.graph.failed_start_offset = plan_.graph.failed_stop_offset = "INFINITY";
    return std::move(plan_);
  }

 private:
  static bool leaves(pugi::xml_node state) {
    for (const pugi::xml_node pair :
         state.child("transient_attributes").child("instance_attributes").children()) {
      if (is(pair, "name", "shutdown")) return true;
    }
    return false;
  }
  pugi::xml_node history(const std::string& node, const std::string& id) const {
    return node_state(document_, std::string_view(node))
        .child("lrm")
        .child("lrm_resources")
        .find_child_by_attribute("lrm_resource", "id", id.c_str());
  }
  // -1 not known, 0 stopped, 1 active
  int activity(const std::string& node, const std::string& id) const {
    const pugi::xml_node last =
        history(node, id).find_child_by_attribute("lrm_rsc_op", "id", (id + "_last_0").c_str());
    if (!last) return -1;
    const std::string task = last.attribute("operation").value();
    const int rc = last.attribute("rc-code").as_int();
    const bool pending = is(last, "op-status", "-1");
    if (task == "monitor") return pending ? -1 : rc == 7 ? 0 : 1;
    if (task == "stop") return !pending && rc == 0 ? 0 : 1;
    return 1;
  }
  bool failed(const std::string& node, const std::string& id) const {
    const pugi::xml_node r = history(node, id);
    const pugi::xml_node failure =
        r.find_child_by_attribute("lrm_rsc_op", "id", (id + "_last_failure_0").c_str());
    const pugi::xml_node last = r.find_child_by_attribute("lrm_rsc_op", "id", (id + "_last_0").c_str());
    // A probe that found it running "failed" too.
    const bool bad = failure && failure.attribute("rc-code").as_int() != 0;
    return bad && failure.attribute("call-id").as_int() >= last.attribute("call-id").as_int();
  }
  int add(pengine::Action::Kind kind, const std::string& task, const std::string& resource,
          const std::string& node, std::vector<std::pair<std::string, std::string>> attributes,
          std::vector<int> inputs = {}) {
    pengine::Action a;
    const auto index = static_cast<int>(plan_.graph.actions.size());
    a.id = index;
    a.kind = kind;
    a.task = task;
    a.resource = resource;
    a.node = node;
    a.agent_class = "ocf";
    a.provider = "pacemaker";
    a.agent_type = "Dummy";
    a.attributes = std::move(attributes);
    const std::string interval = [&] {
      for (const auto& [n, v] : a.attributes) {
        if (n == "CRM_meta_interval") return v;
      }
      return std::string("0");
    }();
    a.key = (resource.empty() ? node : resource) + "_" + task + "_" + interval;
    plan_.graph.actions.push_back(std::move(a));
    plan_.graph.synapses.push_back({index, 0, index, std::move(inputs)});
    if (kind == pengine::Action::Kind::kCluster && task == "stonith") actions_.push_back(index);
    return index;
  }
  int add_op(const std::string& task, const std::string& id, const std::string& node, std::vector<int> inputs,
             const std::string& interval = "0", const std::string& expected = "0") {
    return add(
        pengine::Action::Kind::kResource, task, id, node,
        {{"CRM_meta_interval", interval}, {"CRM_meta_op_target_rc", expected}, {"CRM_meta_timeout", "5000"}},
        std::move(inputs));
  }
  void place(pugi::xml_node p, const std::vector<std::string>& usable,
             const std::vector<std::string>& probing, std::vector<int> before) {
    const std::string id = p.attribute("id").value();
    std::vector<int> probes;
    for (const std::string& node : probing) {
      if (activity(node, id) == -1) probes.push_back(add_op("monitor", id, node, before, "0", "7"));
    }
    std::vector<std::string> active;
    for (const pugi::xml_node s : document_.section("status").children("node_state")) {
      const std::string node = s.attribute("uname").value();
      if (activity(node, id) == 1 && !is(s, "expected", "down")) active.push_back(node);
    }
    const std::string chosen = usable.empty() ? std::string() : usable.front();
    std::vector<int> inputs = before;
    inputs.insert(inputs.end(), probes.begin(), probes.end());
    bool stays = false;
    for (const std::string& node : active) {
      const bool here = std::find(probing.begin(), probing.end(), node) != probing.end();
      const bool keep = here && active.size() == 1 && !failed(node, id) &&
                        std::find(usable.begin(), usable.end(), node) != usable.end() && !pending(node, id);
      if (keep) {
        stays = true;
        if (!p.child("operations") ||
            history(node, id).find_child_by_attribute("lrm_rsc_op", "operation", "monitor"))
          continue;
        add_op("monitor", id, node, {}, p.child("operations").child("op").attribute("interval").value());
      } else if (here && pending(node, id) && node == chosen) {
        // Asked for again: the node answers with what is under way.
      } else if (here) {
        inputs.push_back(add_op("stop", id, node, {}));
        stops_[node].push_back(inputs.back());
      } else if (!property_is(document_, "stonith-enabled", true)) {
        continue;
      }
    }
    if (stays || chosen.empty()) return;
    const int start = add_op("start", id, chosen, inputs);
    if (p.child("operations")) {
      add_op("monitor", id, chosen, {start}, p.child("operations").child("op").attribute("interval").value());
    }
  }
  bool pending(const std::string& node, const std::string& id) const {
    const pugi::xml_node last =
        history(node, id).find_child_by_attribute("lrm_rsc_op", "id", (id + "_last_0").c_str());
    return is(last, "op-status", "-1");
  }

  const cib::Document& document_;
  pengine::Plan plan_;
  std::vector<int> actions_;  // Fencing.
  std::map<std::string, std::vector<int>> stops_;
};

}  // namespace

class TestCluster::Planner : public SchedulerPort {
 public:
  explicit Planner(Timers& timers) : timers_(timers) {}
  void schedule(cib::Document snapshot, WallTime, std::function<void(pengine::Plan)> done) override {
    auto document = std::make_shared<cib::Document>(std::move(snapshot));
    timers_.after(Milliseconds(2), [document, done = std::move(done)] { done(Draft(*document).make()); });
  }

 private:
  Timers& timers_;
};

// --- Agents: what really runs -----------------------------------------------------------------------------

struct TestCluster::Host {
  explicit Host(const TestLoop& loop) : clock(loop) {}
  HostClock clock;
  std::string name;
  NodeId id{};
  bool power = false;
  std::set<std::string> active;
  std::map<std::string, int> failures;  // "r start" -> code, once.
  std::vector<cib::JournalEntry> disk;
  std::uint64_t incarnation = 100;
  // One life of the daemon.
  std::unique_ptr<LifeTimers> timers;
  std::unique_ptr<TestRandom> random;
  std::unique_ptr<TestFiles> files;
  std::unique_ptr<Processes> processes;
  std::unique_ptr<TestJournal> journal;
  std::unique_ptr<Planner> planner;
  std::unique_ptr<Member> member;
  std::unique_ptr<Node> node;

  void end_daemon() {
    if (timers) timers->end();
    node.reset();
    member.reset();
    planner.reset();
    journal.reset();
    processes.reset();
  }
};

class TestCluster::Agents : public Processes {
 public:
  Agents(TestCluster& cluster, Host& host) : cluster_(cluster), host_(host) {}

  Id start(ProcessSpec spec, std::function<void(ProcessResult)> done) override {
    const Id id = ++last_;
    running_[id] = done;
    if (spec.argv.at(0) == "/bin/fence") {
      const std::string action = spec.argv.at(1), target = spec.argv.at(2);
      cluster_.fenced.push_back(target);
      host_.timers->after(Milliseconds(30), [this, id, target] {
        if (cluster_.fence_exit == 0) cluster_.crash(target);
        end(id, cluster_.fence_exit);
      });
      return id;
    }
    std::string resource;
    for (const auto& [name, value] : spec.environment) {
      if (name == "OCF_RESOURCE_INSTANCE") resource = value;
    }
    const std::string action = spec.argv.back();
    if (action != "monitor") cluster_.ran.push_back(host_.name + " " + resource + " " + action);
    // A start counts as active from its beginning, a stop until its end.
    if (action == "start") activate(resource);
    host_.timers->after(cluster_.agent_takes,
                        [this, id, resource, action] { end(id, carry_out(resource, action)); });
    return id;
  }
  void kill(Id, int) override {}

 private:
  void activate(const std::string& resource) {
    host_.active.insert(resource);
    cluster_.note_start(resource);
  }
  int carry_out(const std::string& resource, const std::string& action) {
    if (const auto failure = host_.failures.extract(resource + " " + action); !failure.empty())
      return failure.mapped();
    if (action == "stop") host_.active.erase(resource);
    if (action == "monitor") return host_.active.contains(resource) ? 0 : 7;
    return 0;
  }
  void end(Id id, int code) {
    const auto done = running_.extract(id);
    if (done.empty()) return;
    ProcessResult result;
    result.code = code;
    result.ran = cluster_.agent_takes;
    done.mapped()(result);
  }

  TestCluster& cluster_;
  Host& host_;
  std::map<Id, std::function<void(ProcessResult)>> running_;
  Id last_ = 0;
};

// --- Cluster ----------------------------------------------------------------------------------------------

TestCluster::TestCluster(unsigned nodes) : ring_(std::make_unique<Ring>(loop, nodes)) {
  config_.totem.cluster_name = "test";
  for (unsigned i = 1; i <= nodes; ++i) {
    const std::string name = fmt::format("n{}", i);
    config_.nodes.push_back({NodeId{i}, name, {}, 1});
    auto host = std::make_unique<Host>(loop);
    host->name = name;
    host->id = NodeId{i};
    hosts_.emplace(name, std::move(host));
  }
}

TestCluster::~TestCluster() {
  for (auto& [name, host] : hosts_) host->end_daemon();
}

void TestCluster::boot(const std::string& name) {
  Host& h = *hosts_.at(name);
  h.end_daemon();
  h.power = true;
  h.timers = std::make_unique<LifeTimers>(loop);
  h.random = std::make_unique<TestRandom>();
  h.files = std::make_unique<TestFiles>();
  h.processes = std::make_unique<Agents>(*this, h);
  h.journal = std::make_unique<TestJournal>(h.disk, *h.timers);
  h.planner = std::make_unique<Planner>(*h.timers);
  const NodeLife self{h.id, Incarnation{++h.incarnation}};
  h.member = std::make_unique<Member>(*ring_, self);
  Node::Parts parts;
  parts.ports = {&h.clock,      h.timers.get(),    h.random.get(), nullptr,
                 h.files.get(), h.processes.get(), nullptr};
  if (std::getenv("SYSTOLE_TEST_LOG") != nullptr) {
    parts.log = Logger(
        [name, this](Level, std::string_view s, std::string_view m) {
          fmt::print(stderr, "{:8.3f} {} [{}] {}\n", static_cast<double>(to_ms(loop.now() - Time{})) / 1000.0,
                     name, s, m);
        },
        "test", Level::kDebug);
  }
  parts.config = config_;
  parts.self = self;
  parts.membership = h.member.get();
  parts.journal = h.journal.get();
  parts.scheduler = h.planner.get();
  parts.stopped = [this, name] { loop.post([this, name] { crash_daemon(name); }); };
  h.node = std::make_unique<Node>(std::move(parts));
  const auto started = h.node->start();
  ASSERT_TRUE(started) << started.error().message;
}

void TestCluster::crash_daemon(const std::string& name) {
  // The caller may be one of its own callbacks: nothing of it runs any more, and it is freed a turn later.
  Host& h = *hosts_.at(name);
  if (!h.node) return;
  h.timers->end();
  auto dead = std::make_shared<Host>(loop);
  dead->timers = std::move(h.timers);
  dead->node = std::move(h.node);
  dead->member = std::move(h.member);
  dead->planner = std::move(h.planner);
  dead->journal = std::move(h.journal);
  dead->processes = std::move(h.processes);
  dead->files = std::move(h.files);
  dead->random = std::move(h.random);
  ring_->remove(*dead->member);
  loop.post([dead] { dead->end_daemon(); });
}

void TestCluster::crash(const std::string& name) {
  Host& h = *hosts_.at(name);
  h.power = false;
  h.active.clear();
  crash_daemon(name);
}

void TestCluster::partition(const std::vector<std::vector<std::string>>& parts) {
  std::vector<std::set<NodeId>> ids;
  for (const auto& part : parts) {
    auto& set = ids.emplace_back();
    for (const std::string& name : part) set.insert(hosts_.at(name)->id);
  }
  ring_->partition(std::move(ids));
}

bool TestCluster::settle(Duration most) {
  const Time end = loop.now() + most;
  while (loop.now() < end) {
    loop.run_for(Milliseconds(100));
    bool still = true;
    for (const auto& [name, h] : hosts_) {
      if (!h->node) continue;
      const NodeStatus s = h->node->status();
      still = still && s.synced && !s.dc.empty() && (s.state == "S_IDLE" || s.state == "S_NOT_DC");
    }
    if (still) return true;
  }
  return false;
}

Node& TestCluster::node(const std::string& name) { return *hosts_.at(name)->node; }
bool TestCluster::up(const std::string& name) const { return hosts_.at(name)->node != nullptr; }

void TestCluster::change(cib::Op op) {
  for (const auto& [name, h] : hosts_) {
    if (!h->node || !h->node->cib().synced()) continue;
    std::optional<Result<cib::Applied>> done;
    op.user = "root";
    h->node->cib().submit(op, [&done](const Result<cib::Applied>& applied) { done = applied; });
    for (int i = 0; i < 10'000 && !done; ++i) loop.step();
    ASSERT_TRUE(done);
    ASSERT_TRUE(*done) << done->error().message;
    return;
  }
  FAIL() << "no node takes changes";
}

void TestCluster::configure(const std::string& section, const std::string& xml) {
  cib::Op op;
  op.kind = cib::Op::Kind::kModify;
  op.section = section;
  op.xml = xml;
  op.allow_create = true;
  change(op);
}

void TestCluster::primitive(const std::string& id, Milliseconds monitor) {
  const std::string ops =
      monitor.count() == 0
          ? std::string()
          : fmt::format(R"(<operations><op id="{0}-m" name="monitor" interval="{1}"/></operations>)", id,
                        monitor.count());
  configure("resources",
            fmt::format(R"(<primitive id="{}" class="ocf" provider="pacemaker" type="Dummy">{}</primitive>)",
                        id, ops));
}

std::string TestCluster::query(const std::string& on, const std::string& xpath) {
  const auto found = node(on).cib().document().root().parent().select_node(xpath.c_str());
  if (found.attribute()) return found.attribute().value();
  return found.node() ? cib::to_xml(found.node()) : std::string();
}

std::string TestCluster::state(const std::string& of, const char* attribute, const std::string& seen_by) {
  return node_state(node(seen_by).cib().document(), std::string_view(of)).attribute(attribute).value();
}

std::set<std::string> TestCluster::running(const std::string& name) const { return hosts_.at(name)->active; }

std::set<std::string> TestCluster::where(const std::string& resource) const {
  std::set<std::string> names;
  for (const auto& [name, h] : hosts_) {
    if (h->power && h->active.contains(resource)) names.insert(name);
  }
  return names;
}

void TestCluster::note_start(const std::string& resource) { twice = twice || where(resource).size() > 1; }
void TestCluster::fails_next(const std::string& node, const std::string& resource, const std::string& action,
                             int rc) {
  hosts_.at(node)->failures[resource + " " + action] = rc;
}
void TestCluster::clock_is_wrong(const std::string& node, Duration by) { hosts_.at(node)->clock.wrong = by; }
void TestCluster::dies(const std::string& node, const std::string& resource) {
  hosts_.at(node)->active.erase(resource);
}

}  // namespace systole::controller
