// The world of the replica's tests: virtual time, journals in memory that delay, refuse and survive crashes,
// and a bus that delivers messages in one order in each partition.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "cib/replica.h"

namespace systole::cib {

class FakeWorld : public Clock, public Timers {
 public:
  Time now() const override { return now_; }
  WallTime wall() const override { return WallTime(Seconds(1700000000)) + now_.time_since_epoch(); }
  Id after(Duration delay, std::function<void()> fire) override {
    timers_[{now_ + delay, ++last_}] = std::move(fire);
    return last_;
  }
  void cancel(Id id) override {
    for (auto t = timers_.begin(); t != timers_.end(); ++t)
      if (t->first.second == id) {
        timers_.erase(t);
        return;
      }
  }
  void post(std::function<void()> task) override { posted_.push_back(std::move(task)); }

  bool step() {  // One posted task.
    if (posted_.empty()) return false;
    auto task = std::move(posted_.front());
    posted_.pop_front();
    task();
    return true;
  }
  void advance(Duration by) {
    const Time until = now_ + by;
    while (!timers_.empty() && timers_.begin()->first.first <= until) {
      now_ = timers_.begin()->first.first;
      auto fire = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
      fire();
    }
    now_ = until;
  }

 private:
  Time now_{};
  Id last_ = 0;
  std::map<std::pair<Time, Id>, std::function<void()>> timers_;
  std::deque<std::function<void()>> posted_;
};

// What is on it outlives the node; what was not written when the node died does not.
class FakeJournal : public Journal {
 public:
  explicit FakeJournal(FakeWorld& world, const bool& hold) : world_(world), hold_(hold) {}
  Result<Loaded> load() override {
    Loaded loaded;
    std::optional<Document> document;
    for (const JournalEntry& e : disk) {
      if (!e.document.empty()) {
        document = Document::parse(e.document).value();
      } else {
        auto ok = replay(*document, e.patch);
        EXPECT_TRUE(ok) << ok.error().message << e.patch;
      }
      EXPECT_EQ(document->configuration_digest(), e.digest) << to_string(e.version);
    }
    loaded.document = std::move(document);
    return loaded;
  }
  void append(JournalEntry entry, std::function<void(Result<void>)> done) override {
    add({std::move(entry), {}, std::move(done), false});
  }
  // As late as the port allows.
  void append_quietly(JournalEntry entry, Word word, std::function<void(Result<void>)> done) override {
    add({std::move(entry), std::move(word), std::move(done), true});
  }
  void collect() override {
    for (Waiting& w : waiting_) w.quiet = false;
    take();
  }
  Result<std::vector<JournalEntry>> history(std::size_t) override { return disk; }
  void release() {
    while (!waiting_.empty()) {
      Waiting w = std::move(waiting_.front());
      waiting_.pop_front();
      if (full || (broken_ && w.entry.document.empty())) {
        broken_ = true;
        ended_.emplace_back(std::move(w.done), fail(Errc::kIo, "no space left on device"));
        world_.post([this] { take(); });
        continue;
      }
      broken_ = false;
      disk.push_back(std::move(w.entry));
      if (w.word.say) w.word.say();
      ended_.emplace_back(std::move(w.done), Result<void>{});
      if (!w.quiet) world_.post([this] { take(); });
    }
  }
  void crash() {
    waiting_.clear();
    ended_.clear();
  }
  bool has(const Version& v, const std::string& digest) const {
    for (const JournalEntry& e : disk)
      if (e.version == v && e.digest == digest) return true;
    return false;
  }

  std::vector<JournalEntry> disk;
  bool full = false;

 private:
  struct Waiting {
    JournalEntry entry;
    Word word;
    std::function<void(Result<void>)> done;
    bool quiet = false;
  };
  void add(Waiting waiting) {
    waiting_.push_back(std::move(waiting));
    if (!hold_) release();
  }
  void take() {
    for (auto& [done, result] : std::exchange(ended_, {})) done(result);
  }

  FakeWorld& world_;
  const bool& hold_;
  bool broken_ = false;
  std::deque<Waiting> waiting_;
  std::vector<std::pair<std::function<void(Result<void>)>, Result<void>>> ended_;
};

inline Op make_primitive(const std::string& id) {
  Op op;
  op.kind = Op::Kind::kCreate;
  op.section = "resources";
  op.xml = "<primitive id=\"" + id + "\" class=\"ocf\" provider=\"heartbeat\" type=\"Dummy\"/>";
  op.user = "root";
  op.client = "cibadmin";
  return op;
}

inline Op status_change(const std::string& node, const std::string& value) {
  Op op;
  op.kind = Op::Kind::kModify;
  op.section = "status";
  op.allow_create = true;
  op.xml = "<node_state id=\"" + node + "\" uname=\"n" + node + "\" crmd=\"" + value + "\"/>";
  return op;
}

// Not the same when it is applied twice.
inline Op counting_change() {
  Op op;
  op.kind = Op::Kind::kModify;
  op.section = "crm_config";
  op.allow_create = true;
  op.xml =
      "<cluster_property_set id=\"s\"><nvpair id=\"s-n\" name=\"n\" "
      "value=\"value++\"/></cluster_property_set>";
  return op;
}

class TestBus {
 public:
  using Answer = std::optional<Result<Applied>>;

  struct TestNode {
    NodeLife life;
    FakeJournal journal;
    std::unique_ptr<Replica> replica;  // None: down.
    membership::View view;
    std::vector<NodeId> joined;
    int synced = 0;
    std::vector<std::string> log;
  };
  struct Frame {
    NodeId sender;
    Bytes bytes;
  };

  // `tells`: members can say something to one another beside the order.
  explicit TestBus(unsigned nodes, bool tells = false) : tells_(tells) {
    for (unsigned id = 1; id <= nodes; ++id) {
      nodes_[id] = std::unique_ptr<TestNode>(
          new TestNode{{NodeId{id}, Incarnation{0}}, FakeJournal(world, hold_disks), nullptr, {}, {}, 0, {}});
      start(id);
    }
  }

  // The answer is filled in when it comes.
  const Answer& submit(unsigned id, Op op) {
    answers_.push_back(std::make_unique<Answer>());
    Answer* const answer = answers_.back().get();
    node(id).replica->submit(std::move(op), [answer](Result<Applied> r) {
      EXPECT_FALSE(answer->has_value()) << "answered twice";
      *answer = std::move(r);
    });
    return *answer;
  }
  std::string digest(unsigned id) { return node(id).replica->document().digest(); }
  std::string resources(unsigned id) {
    std::string out;
    for (const auto r : node(id).replica->document().section("resources").children())
      out += std::string(r.attribute("id").value()) + " ";
    return out;
  }
  std::string counter(unsigned id) {
    const auto set = node(id).replica->document().section("crm_config").first_child();
    return set.first_child().attribute("value").value();
  }
  bool logged(unsigned id, std::string_view part) {
    for (const std::string& line : node(id).log)
      if (line.find(part) != std::string::npos) return true;
    return false;
  }

  std::string last_words(unsigned id) {
    const auto& log = node(id).log;
    std::string out = "\nnode " + std::to_string(id) + ":\n";
    for (std::size_t i = log.size() > 12 ? log.size() - 12 : 0; i < log.size(); ++i)
      out += "  " + log[i] + "\n";
    return out;
  }

  TestNode& node(unsigned id) { return *nodes_.at(id); }

  void start(unsigned id) {
    TestNode& n = node(id);
    n.life.incarnation = Incarnation{raw(n.life.incarnation) + 1};
    Ports ports;
    ports.clock = &world;
    ports.timers = &world;
    Logger log([&n](Level, std::string_view, std::string_view text) { n.log.emplace_back(text); }, "cib");
    Replica::Effects effects;
    effects.multicast = [this, id](Bytes b) -> Result<void> {
      if (refuse_sending) return fail(Errc::kUnavailable, "queue full");
      outgoing_[id].push_back(std::move(b));
      return {};
    };
    effects.synced = [&n](const membership::View&, const std::vector<NodeId>& joined) {
      n.joined = joined;
      ++n.synced;
    };
    if (tells_) {
      effects.tell = [this, id](NodeId to, Bytes b) { told_.push_back({id, raw(to), std::move(b)}); };
    }
    n.replica = std::make_unique<Replica>(ports, log, n.life, "n" + std::to_string(id), n.journal, effects);
    const auto started = n.replica->start();
    EXPECT_TRUE(started) << started.error().message;
  }

  void crash(unsigned id) {
    node(id).journal.crash();
    outgoing_[id].clear();
    node(id).replica.reset();
  }

  // A new view of these nodes. What they had sent and was not ordered yet goes into the new view.
  void view(const std::vector<unsigned>& members, bool majority = false) {
    membership::View v;
    v.id = {++ring_, NodeId{members.front()}};
    for (const unsigned id : members) v.members.push_back(node(id).life);
    for (const unsigned id : members) {
      node(id).view = v;
      node(id).replica->on_view(v, majority);
    }
  }

  // Their view ends, and these of it go on together.
  void transitional(const std::vector<unsigned>& members) {
    membership::View v = node(members.front()).view;
    std::erase_if(v.members, [&](const NodeLife& life) {
      return std::find(members.begin(), members.end(), raw(life.node)) == members.end();
    });
    for (const unsigned id : members) node(id).replica->on_transitional(v);
  }

  // Alone and without a view: nothing that it sends goes anywhere until the next one.
  void silence(unsigned id) { node(id).view = {}; }

  // Orders one frame of `sender` in its view and delivers it; to these members only when the view is ending.
  bool order_one(unsigned sender, const std::vector<unsigned>& only = {}) {
    auto& queue = outgoing_[sender];
    if (queue.empty() || !node(sender).replica || node(sender).view.members.empty()) return false;
    const Bytes frame = std::move(queue.front());
    longest_frame = std::max(longest_frame, frame.size());
    queue.pop_front();
    const membership::View v = node(sender).view;
    for (const NodeLife& member : v.members) {
      const unsigned id = raw(member.node);
      if (!only.empty() && std::find(only.begin(), only.end(), id) == only.end()) continue;
      TestNode& n = node(id);
      if (n.replica && n.view == v && n.life == member) n.replica->on_message(NodeId{sender}, frame);
    }
    return true;
  }

  // One word beside the order, if there is any: a late one too.
  bool tell_one(bool lose = false) {
    if (told_.empty()) return false;
    const Told told = std::move(told_.front());
    told_.pop_front();
    if (!lose && node(told.to).replica) node(told.to).replica->on_told(NodeId{told.from}, told.bytes);
    return true;
  }

  std::vector<unsigned> words_from() const {
    std::vector<unsigned> from;
    for (const Told& told : told_) from.push_back(told.from);
    return from;
  }

  void run() {  // Until nothing happens any more for three seconds, for ten seconds at most.
    for (int quiet = 0, seconds = 0; quiet < 3 && seconds < 10;) {
      bool busy = world.step();
      for (auto& [id, n] : nodes_) busy = order_one(id) || busy;
      busy = tell_one() || busy;
      if (busy) {
        quiet = 0;
      } else {
        ++quiet;
        ++seconds;
        world.advance(Seconds(1));
      }
    }
  }

  FakeWorld world;
  bool hold_disks = false, refuse_sending = false;
  std::size_t longest_frame = 0;

 private:
  std::vector<std::unique_ptr<Answer>> answers_;  // Outlive the nodes, which answer when they go.
  std::map<unsigned, std::unique_ptr<TestNode>> nodes_;
  std::map<unsigned, std::deque<Bytes>> outgoing_;
  struct Told {
    unsigned from = 0, to = 0;
    Bytes bytes;
  };
  std::deque<Told> told_;
  const bool tells_;
  std::uint64_t ring_ = 0;
};

}  // namespace systole::cib
