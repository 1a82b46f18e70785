// The executor with real scripts through the real process helper.
#include "lrmd/executor.h"

#include "lrmd/test_world.h"

namespace systole::lrmd {
namespace {

class ExecutorTest : public testing::Test {
 protected:
  ExecutorTest() {
    paths.ocf_root = world.dir + "/ocf";
    paths.own_agents = world.dir + "/own";
    paths.lsb = world.dir + "/init.d";
    executor = std::make_unique<Executor>(world.ports(), Logger(), paths, "n1");
  }
  // An OCF agent; $D is the test's folder.
  void agent(const std::string& type, const std::string& body) {
    world.script("ocf/resource.d/test/" + type, "D=" + world.dir + "\nPATH=/usr/bin:/bin\n" + body);
  }
  Operation operation(const std::string& type, const std::string& task, const std::string& resource = "r") {
    Operation op;
    op.resource = resource;
    op.agent = {"ocf", "test", type};
    op.task = task;
    return op;
  }
  Executor::Report collect() {
    return [this](const OpResult& r) { results.push_back(r); };
  }
  OpResult run(Operation op) {
    std::optional<OpResult> result;
    executor->execute(std::move(op), [&](const OpResult& r) { result = r; });
    EXPECT_TRUE(world.wait_until([&] { return result.has_value(); }));
    return result.value_or(OpResult{});
  }
  std::size_t lines(const std::string& file) const {
    const std::string text = world.read(file);
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  TestWorld world;
  Paths paths;
  std::unique_ptr<Executor> executor;
  std::vector<OpResult> results;
};

TEST_F(ExecutorTest, RunsAnOcfAgentAndReportsWhatItSaid) {
  agent("A",
        "echo \"$1 $OCF_RESOURCE_INSTANCE $OCF_RESKEY_ip\"; echo 'ocf-exit-reason:no device' >&2; exit 6\n");
  Operation op = operation("A", "start", "web");
  op.parameters = {{"ip", "192.0.2.1"}};
  op.transition_key = "1:2:0:uuid";
  const auto result = run(op);
  EXPECT_EQ(result.rc, ocf::kNotConfigured);
  EXPECT_EQ(result.status, OpStatus::kDone);
  EXPECT_EQ(result.exit_reason, "no device");
  EXPECT_EQ(result.output, "start web 192.0.2.1\n");
  EXPECT_EQ(result.resource, "web");
  EXPECT_EQ(result.task, "start");
  EXPECT_EQ(result.transition_key, "1:2:0:uuid");
  EXPECT_GT(result.exec_time, Duration::zero());
  EXPECT_EQ(result.run_at, result.changed_at);
  EXPECT_EQ(executor->running(), 0U);
}

TEST_F(ExecutorTest, CallIdsGrowWithEachOperation) {
  agent("A", "exit 0\n");
  const int first = executor->execute(operation("A", "start"), collect());
  EXPECT_EQ(executor->execute(operation("A", "stop"), collect()), first + 1);
  ASSERT_TRUE(world.wait_until([&] { return results.size() == 2; }));
  EXPECT_EQ(results[0].call_id, first);
  EXPECT_EQ(results[1].call_id, first + 1);
}

TEST_F(ExecutorTest, OneResourceDoesOneThingAtATimeInOrder) {
  agent("A", "echo \"begin $1\" >> $D/log; sleep 0.02; echo \"end $1\" >> $D/log\n");
  for (const char* task : {"start", "monitor", "stop"}) executor->execute(operation("A", task), collect());
  EXPECT_EQ(executor->running(), 1U);
  ASSERT_TRUE(world.wait_until([&] { return results.size() == 3; }));
  EXPECT_EQ(world.read("log"), "begin start\nend start\nbegin monitor\nend monitor\nbegin stop\nend stop\n");
  EXPECT_GE(results[2].queue_time, results[0].exec_time);
}

TEST_F(ExecutorTest, ResourcesDoNotWaitForEachOther) {
  agent("Wait", "while [ ! -e $D/go ]; do sleep 0.01; done\n");
  agent("Go", "touch $D/go\n");
  executor->execute(operation("Wait", "start", "a"), collect());
  executor->execute(operation("Go", "start", "b"), collect());
  EXPECT_TRUE(world.wait_until([&] { return results.size() == 2; }));
}

TEST_F(ExecutorTest, AMissingAgentIsNotInstalledAndSaysWhereItWasLookedFor) {
  const auto result = run(operation("Absent", "monitor"));
  EXPECT_EQ(result.rc, ocf::kNotInstalled);
  EXPECT_EQ(result.status, OpStatus::kNotInstalled);
  EXPECT_NE(result.exit_reason.find("/resource.d/test/Absent"), std::string::npos);
  Operation op = operation("x", "start");
  op.agent = {"systemd", "", "nginx"};
  EXPECT_EQ(run(op).status, OpStatus::kNotSupported);
  op.agent = {"ocf", "test", "../../../bin/sh"};
  EXPECT_EQ(run(op).status, OpStatus::kInvalid);
}

TEST_F(ExecutorTest, AHangingAgentIsKilledWithItsChildrenBeforeTheNextOperationStarts) {
  agent("Hang",
        "if [ $1 = stop ]; then kill -0 $(cat $D/leader) 2>/dev/null || kill -0 $(cat $D/child) 2>/dev/null "
        "&& exit 1\n"
        "exit 0; fi\n"
        "trap '' TERM HUP INT\n"
        "sh -c 'trap \"\" TERM; sleep 1000' & echo $! > $D/child\n"
        "echo $$ > $D/leader; echo about to hang >&2\nwhile :; do sleep 1000; done\n");
  Operation op = operation("Hang", "start");
  op.timeout = Milliseconds(300);
  executor->execute(op, collect());
  executor->execute(operation("Hang", "stop"), collect());
  ASSERT_TRUE(world.wait_until([&] { return results.size() == 2; }));
  EXPECT_EQ(results[0].status, OpStatus::kTimedOut);
  EXPECT_EQ(results[0].rc, ocf::kGenericError);
  EXPECT_EQ(results[0].exit_reason, "start timed out after 300ms; its last words: about to hang");
  EXPECT_EQ(results[1].rc, ocf::kOk) << "the stop met what the start had left running";
}

TEST_F(ExecutorTest, AnAgentThatPrintsWithoutEndIsStoppedByItsTimeoutAndKeptShort) {
  agent("Flood", "exec yes flood\n");
  Operation op = operation("Flood", "monitor");
  op.timeout = Milliseconds(200);
  const auto result = run(op);
  EXPECT_EQ(result.status, OpStatus::kTimedOut);
  EXPECT_LE(result.output.size(), 4096U);
}

TEST_F(ExecutorTest, AnAgentThatLeavesADaemonWithItsPipesOpenIsDoneAtOnce) {
  agent("Daemon", "setsid sleep 1000 & echo $! > $D/pid; exit 0\n");
  EXPECT_EQ(run(operation("Daemon", "start")).rc, ocf::kOk);
  ASSERT_GT(world.read_pid("pid"), 0);
  EXPECT_TRUE(is_alive(world.read_pid("pid")));
  ::kill(world.read_pid("pid"), SIGKILL);
}

TEST_F(ExecutorTest, ARecurringMonitorReportsFirstAndOnlyChanges) {
  agent("M", "echo x >> $D/runs; [ -e $D/up ]\n");
  world.write("up", "");
  Operation op = operation("M", "monitor");
  op.interval = Milliseconds(5);
  executor->execute(op, collect());
  ASSERT_TRUE(world.wait_until([&] { return lines("runs") >= 4; }));
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].rc, ocf::kOk);
  std::filesystem::remove(world.dir + "/up");
  ASSERT_TRUE(world.wait_until([&] { return results.size() == 2; }));
  EXPECT_EQ(results[1].rc, ocf::kGenericError);
  EXPECT_EQ(results[1].call_id, results[0].call_id);
  EXPECT_EQ(results[1].interval, Milliseconds(5));
  EXPECT_GT(results[1].changed_at, results[0].changed_at);
}

TEST_F(ExecutorTest, ACancelledMonitorIsNeverHeardOfAgain) {
  agent("M", "echo x >> $D/runs; exit 0\n");
  Operation op = operation("M", "monitor");
  op.interval = Milliseconds(5);
  executor->execute(op, collect());
  ASSERT_TRUE(world.wait_until([&] { return results.size() == 1; }));
  std::optional<bool> found, again;
  executor->cancel("r", "monitor", Milliseconds(5), [&](bool f) { found = f; });
  executor->cancel("r", "monitor", Milliseconds(5), [&](bool f) { again = f; });
  ASSERT_TRUE(world.wait_until([&] { return found && again; }));
  EXPECT_TRUE(*found);
  EXPECT_FALSE(*again);
  ASSERT_TRUE(world.wait_until([&] { return executor->running() == 0; }));
  const std::size_t runs = lines("runs");
  agent("Other", "sleep 0.05\n");
  run(operation("Other", "start", "other"));
  EXPECT_EQ(lines("runs"), runs);
  EXPECT_EQ(results.size(), 1U);
}

TEST_F(ExecutorTest, AMonitorIsCancelledWhileItRunsWithoutAReport) {
  agent("M", "while [ ! -e $D/go ]; do sleep 0.01; done; echo ended > $D/ended\n");
  Operation op = operation("M", "monitor");
  op.interval = Milliseconds(5);
  executor->execute(op, collect());
  executor->cancel("r", "monitor", Milliseconds(5), nullptr);
  world.write("go", "");
  ASSERT_TRUE(world.wait_until([&] { return executor->running() == 0; }));
  EXPECT_EQ(world.read("ended"), "ended\n");  // It was let finish.
  EXPECT_TRUE(results.empty());
}

TEST_F(ExecutorTest, ASecondMonitorOfTheSameKindReplacesTheFirst) {
  agent("M", "exit ${OCF_RESKEY_rc}\n");
  Operation op = operation("M", "monitor");
  op.interval = Milliseconds(5);
  op.parameters = {{"rc", "0"}};
  executor->execute(op, collect());
  op.parameters = {{"rc", "7"}};
  const int second = executor->execute(op, collect());
  ASSERT_TRUE(world.wait_until([&] { return !results.empty(); }));
  EXPECT_EQ(results.back().rc, 7);
  EXPECT_EQ(results.back().call_id, second);
}

TEST_F(ExecutorTest, ForgettingKillsWhatRunsAndTheNextWaitsForIt) {
  agent("Slow",
        "if [ $1 = start ]; then echo $$ > $D/pid; exec sleep 1000; fi\n"
        "kill -0 $(cat $D/pid) 2>/dev/null && exit 1; exit 0\n");
  executor->execute(operation("Slow", "start"), collect());
  executor->execute(operation("Slow", "monitor"), collect());
  ASSERT_TRUE(world.wait_until([&] { return world.read_pid("pid") > 0; }));
  executor->forget("r");
  const auto stop = run(operation("Slow", "stop"));
  EXPECT_EQ(stop.rc, ocf::kOk);
  EXPECT_TRUE(results.empty());
  EXPECT_EQ(executor->running(), 0U);
}

TEST_F(ExecutorTest, AStartDelayHoldsBackOnlyItsOwnOperation) {
  agent("A", "echo $1 >> $D/log\n");
  Operation late = operation("A", "monitor");
  late.start_delay = Milliseconds(100);
  executor->execute(late, collect());
  executor->execute(operation("A", "start"), collect());
  ASSERT_TRUE(world.wait_until([&] { return results.size() == 2; }));
  EXPECT_EQ(world.read("log"), "start\nmonitor\n");
}

TEST_F(ExecutorTest, InitScriptsSpeakLsb) {
  world.script("init.d/web", "case $1 in status) exit 3;; stop) exit 7;; *) exit 0;; esac\n");
  Operation op = operation("", "monitor");
  op.agent = {"lsb", "", "web"};
  EXPECT_EQ(run(op).rc, ocf::kNotRunning);
  op.task = "stop";
  EXPECT_EQ(run(op).rc, ocf::kOk);
  op.task = "start";
  EXPECT_EQ(run(op).rc, ocf::kOk);
}

TEST_F(ExecutorTest, MetadataIsAskedOnceForEachVersionOfTheAgent) {
  const auto ask = [&](const AgentId& id) {
    std::optional<Result<std::string>> answer;
    executor->metadata(id, [&](Result<std::string> a) { answer = std::move(a); });
    EXPECT_TRUE(world.wait_until([&] { return answer.has_value(); }));
    return answer.value_or(fail(Errc::kTimeout, "never"));
  };
  const AgentId id{"ocf", "test", "Meta"};
  agent("Meta", "echo x >> $D/asked; echo '<resource-agent name=\"one\"/>'\n");
  int answers = 0;
  for (int i = 0; i < 3; ++i)
    executor->metadata(id, [&](const Result<std::string>& a) { answers += a ? 1 : 0; });
  ASSERT_TRUE(world.wait_until([&] { return answers == 3; }));
  EXPECT_NE(ask(id)->find("one"), std::string::npos);
  EXPECT_EQ(lines("asked"), 1U);
  agent("Meta", "echo '<resource-agent name=\"another\"/>'\n");
  EXPECT_NE(ask(id)->find("another"), std::string::npos);
  EXPECT_EQ(ask({"ocf", "test", "Absent"}).error().code, Errc::kNotFound);
  agent("Bad", "echo usage; exit 1\n");
  EXPECT_EQ(ask({"ocf", "test", "Bad"}).error().code, Errc::kParse);
  world.script("init.d/web", "### BEGIN INIT INFO\n# Short-Description: A server\n### END INIT INFO\n");
  EXPECT_NE(ask({"lsb", "", "web"})->find("A server"), std::string::npos);
}

TEST_F(ExecutorTest, DebiansDummyRunsUnmodified) {
  if (!std::filesystem::exists("/usr/lib/ocf/resource.d/heartbeat/Dummy"))
    GTEST_SKIP() << "no resource-agents";
  Executor real(world.ports(), Logger(), Paths{}, "n1");
  const auto perform = [&](const std::string& task) {
    Operation op = operation("Dummy", task, "dummy-of-test");
    op.agent = {"ocf", "heartbeat", "Dummy"};
    op.parameters = {{"state", world.dir + "/state"}};
    std::optional<OpResult> result;
    real.execute(op, [&](const OpResult& r) { result = r; });
    EXPECT_TRUE(world.wait_until([&] { return result.has_value(); }));
    return result->rc;
  };
  EXPECT_EQ(perform("monitor"), ocf::kNotRunning);
  EXPECT_EQ(perform("start"), ocf::kOk);
  EXPECT_EQ(perform("monitor"), ocf::kOk);
  EXPECT_EQ(perform("stop"), ocf::kOk);
  EXPECT_EQ(perform("monitor"), ocf::kNotRunning);
}

}  // namespace
}  // namespace systole::lrmd
