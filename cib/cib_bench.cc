// What one small change of a CIB costs, with 200 and 2000 resources: the figures behind "a change costs what
// it touches". Operations run as a replica runs them: validated, with patch and digest.
#include <benchmark/benchmark.h>

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>

#include "cib/ops.h"
#include "cib/schema.h"
#include "cib/sqlite_journal.h"

namespace systole::cib {
namespace {

// A primitive with two operations and parameters, and its history on one of three nodes, for each resource.
Document synthetic(std::int64_t resources) {
  std::string primitives, constraints, histories[3];
  for (std::int64_t i = 0; i < resources; ++i) {
    primitives += fmt::format(
        "<primitive id=\"r{0}\" class=\"ocf\" provider=\"heartbeat\" type=\"Dummy\"><instance_attributes "
        "id=\"r{0}-ia\"><nvpair id=\"r{0}-ia-fake\" name=\"fake\" value=\"{0}\"/><nvpair "
        "id=\"r{0}-ia-state\" "
        "name=\"state\" value=\"/run/r{0}\"/></instance_attributes><meta_attributes id=\"r{0}-meta\"><nvpair "
        "id=\"r{0}-meta-tr\" name=\"target-role\" value=\"Started\"/></meta_attributes><operations><op "
        "id=\"r{0}-monitor-10s\" name=\"monitor\" interval=\"10s\" timeout=\"20s\"/><op id=\"r{0}-start-0\" "
        "name=\"start\" interval=\"0\" timeout=\"20s\"/></operations></primitive>",
        i);
    constraints +=
        fmt::format("<rsc_location id=\"l{0}\" rsc=\"r{0}\" node=\"n{1}\" score=\"100\"/>", i, i % 3 + 1);
    for (int node = 0; node < 3; ++node)
      histories[node] += fmt::format(
          "<lrm_resource id=\"r{0}\" class=\"ocf\" provider=\"heartbeat\" type=\"Dummy\"><lrm_rsc_op "
          "id=\"r{0}_last_0\" "
          "operation_key=\"r{0}_start_0\" operation=\"start\" crm_feature_set=\"3.16.1\" "
          "transition-key=\"5:7:0:3b4f6a0e-9c1d-4c7e-8f9a-1f2e3d4c5b6a\" "
          "transition-magic=\"0:0;5:7:0:3b4f6a0e-9c1d-4c7e-8f9a-1f2e3d4c5b6a\" exit-reason=\"\" "
          "on_node=\"n1\" "
          "call-id=\"{0}\" rc-code=\"0\" op-status=\"0\" interval=\"0\" last-rc-change=\"1700000000\" "
          "exec-time=\"12\" "
          "queue-time=\"0\" op-digest=\"f2317cad3d54cec5d7d7aa7d0bf35cf8\"/></lrm_resource>",
          i);
  }
  std::string nodes, status;
  for (int node = 1; node <= 3; ++node) {
    nodes += fmt::format("<node id=\"{0}\" uname=\"n{0}\"/>", node);
    status += fmt::format(
        "<node_state id=\"{0}\" uname=\"n{0}\" in_ccm=\"true\" crmd=\"online\" join=\"member\" "
        "expected=\"member\"><lrm "
        "id=\"{0}\"><lrm_resources>{1}</lrm_resources></lrm></node_state>",
        node, histories[node - 1]);
  }
  auto document = Document::parse(fmt::format(
      "<cib crm_feature_set=\"3.16.1\" validate-with=\"pacemaker-3.9\" epoch=\"1\" num_updates=\"0\" "
      "admin_epoch=\"0\">"
      "<configuration><crm_config/><nodes>{}</nodes><resources>{}</resources><constraints>{}</constraints>"
      "</configuration><status>{}</status></cib>",
      nodes, primitives, constraints, status));
  document->track_digest();
  return std::move(*document);
}

void apply_all(benchmark::State& state, const std::function<Op(int)>& make) {
  Document document = synthetic(state.range(0));
  int n = 0;
  for (auto _ : state) {
    auto applied = apply(document, make(++n));
    if (!applied) state.SkipWithError(applied.error().message.c_str());
    benchmark::DoNotOptimize(document.digest());
  }
  state.SetLabel(fmt::format("{} KiB", document.serialize().size() / 1024));
}

void ChangeOfAParameter(benchmark::State& state) {
  apply_all(state, [&](int n) {
    Op op;
    op.kind = Op::Kind::kModify;
    op.section = "resources";
    op.xml = fmt::format("<nvpair id=\"r{}-ia-fake\" name=\"fake\" value=\"x{}\"/>", n % state.range(0), n);
    return op;
  });
}

void NewConstraint(benchmark::State& state) {
  Document document = synthetic(state.range(0));
  for (auto _ : state) {
    Op op;
    op.kind = Op::Kind::kCreate;
    op.xml = "<rsc_location id=\"new\" rsc=\"r7\" node=\"n1\" score=\"100\"/>";
    if (!apply(document, op)) state.SkipWithError("create");
    op.kind = Op::Kind::kDelete;
    op.xml = "<rsc_location id=\"new\"/>";
    if (!apply(document, op)) state.SkipWithError("delete");
    benchmark::DoNotOptimize(document.digest());
  }
  state.SetLabel("two changes");
}

void ResultOfAnOperation(benchmark::State& state) {
  apply_all(state, [&](int n) {
    Op op;
    op.kind = Op::Kind::kModify;
    op.section = "status";
    op.allow_create = true;
    op.xml = fmt::format(
        "<node_state id=\"3\"><lrm id=\"3\"><lrm_resources><lrm_resource id=\"r{0}\"><lrm_rsc_op "
        "id=\"r{0}_last_0\" "
        "rc-code=\"0\" op-status=\"0\" call-id=\"{1}\"/></lrm_resource></lrm_resources></lrm></node_state>",
        n % state.range(0), 1000 + n);
    return op;
  });
}

void Clone(benchmark::State& state) {
  const Document document = synthetic(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(document.clone());
}

void DigestFromNothing(benchmark::State& state) {
  const Document document = synthetic(state.range(0)).clone();
  for (auto _ : state) benchmark::DoNotOptimize(document.digest());
}

void DiffOfOneAttribute(benchmark::State& state) {
  const Document before = synthetic(state.range(0));
  Document after = before.clone();
  after.section("resources").last_child().attribute("type").set_value("Stateful");
  for (auto _ : state) benchmark::DoNotOptimize(diff(before, after, true));
}

void ParseAndSerialize(benchmark::State& state) {
  const std::string text = synthetic(state.range(0)).serialize();
  for (auto _ : state) benchmark::DoNotOptimize(Document::parse(text)->serialize());
}

void ValidateAll(benchmark::State& state) {
  const Document document = synthetic(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(validate(document));
}

// One durable change after another: append, commit, sync, answer.
class Loop : public Timers {
 public:
  Id after(Duration, std::function<void()>) override { return 1; }
  void cancel(Id) override {}
  void post(std::function<void()> task) override {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    wake_.notify_one();
  }
  void run_one() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return !tasks_.empty(); });
    const auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
};

void JournalAppend(benchmark::State& state) {
  const std::string path = std::filesystem::current_path() / "cib_bench.sqlite";
  Loop loop;
  {
    SqliteJournal journal(path, loop, Logger());
    if (!journal.load()) state.SkipWithError("load");
    const Document document = Document::empty();
    JournalEntry entry;
    entry.digest = document.configuration_digest();
    entry.document = document.serialize();
    for (auto _ : state) {
      journal.append(entry, [&](Result<void> r) {
        if (!r) state.SkipWithError(r.error().message.c_str());
      });
      loop.run_one();
      entry.document.clear();
      entry.patch = std::string(600, 'p');
    }
  }
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
}

BENCHMARK(JournalAppend)->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK(ChangeOfAParameter)->Arg(200)->Arg(2000)->Unit(benchmark::kMicrosecond);
BENCHMARK(NewConstraint)->Arg(200)->Arg(2000)->Unit(benchmark::kMicrosecond);
BENCHMARK(ResultOfAnOperation)->Arg(200)->Arg(2000)->Unit(benchmark::kMicrosecond);
BENCHMARK(Clone)->Arg(200)->Arg(2000)->Unit(benchmark::kMicrosecond);
BENCHMARK(DigestFromNothing)->Arg(200)->Arg(2000)->Unit(benchmark::kMicrosecond);
BENCHMARK(DiffOfOneAttribute)->Arg(200)->Arg(2000)->Unit(benchmark::kMicrosecond);
BENCHMARK(ParseAndSerialize)->Arg(200)->Arg(2000)->Unit(benchmark::kMicrosecond);
BENCHMARK(ValidateAll)->Arg(200)->Arg(2000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace systole::cib
