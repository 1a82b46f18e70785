// The process helper with real programs: what they print, how they end, what they leave behind.
#include "lrmd/helper_codec.h"
#include "lrmd/test_world.h"

namespace systole::lrmd {
namespace {

using End = ProcessResult::End;

class Helper : public testing::Test {
 protected:
  ProcessSpec spec(const std::string& program) {
    ProcessSpec s;
    s.argv = {program};
    s.environment = {{"PATH", "/usr/bin:/bin"}, {"D", world.dir}};
    return s;
  }
  TestWorld world;
};

TEST_F(Helper, ReportsOutputErrorsAndExitCode) {
  const auto result = world.run(spec(world.script("a", "echo out; echo err >&2; exit 7\n")));
  EXPECT_EQ(result.end, End::kExited);
  EXPECT_EQ(result.code, 7);
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.errors, "err\n");
  EXPECT_FALSE(result.output_truncated);
  EXPECT_GT(result.ran, Duration::zero());
  EXPECT_GE(result.ran, result.starved);
}

TEST_F(Helper, GivesExactlyTheEnvironmentArgumentsAndFolderAskedFor) {
  auto s = spec("/usr/bin/env");
  s.environment = {{"ONE", "1 and \"quotes\" $HOME"}, {"TWO", ""}};
  EXPECT_EQ(world.run(s).output, "ONE=1 and \"quotes\" $HOME\nTWO=\n");
  s.argv = {"/usr/bin/printf", "%s|", "a b", "$(id)", ""};
  EXPECT_EQ(world.run(s).output, "a b|$(id)||");
  s.argv = {"/bin/pwd"};
  s.working_directory = world.dir;
  EXPECT_EQ(world.run(s).output, world.dir + "\n");
}

TEST_F(Helper, InheritsNoDescriptorsAndStandardSignals) {
  // ls has 0, 1, 2 and the folder that it reads.
  EXPECT_EQ(world.run(spec(world.script("a", "ls /proc/self/fd | wc -l\n"))).output, "4\n");
  auto s = spec("/bin/cat");
  s.argv.push_back("/proc/self/status");
  const std::string status = world.run(s).output;
  const auto mask = [&](const std::string& name) {
    const auto at = status.find(name + ":");
    // 32 and 33 belong to the C library, which does not let us touch them.
    return std::strtoull(status.c_str() + at + name.size() + 1, nullptr, 16) & ~0x180000000ULL;
  };
  ASSERT_NE(status.find("SigIgn:"), std::string::npos);
  EXPECT_EQ(mask("SigBlk"), 0U);
  EXPECT_EQ(mask("SigIgn"), 0U);
}

TEST_F(Helper, FeedsStandardInputOfAnySize) {
  auto s = spec("/usr/bin/wc");
  s.argv.push_back("-c");
  s.input.assign(1 << 20, 'x');
  EXPECT_EQ(world.run(s).output, "1048576\n");
  EXPECT_EQ(world.run(spec("/bin/cat")).output, "");  // No input: at its end at once.
}

TEST_F(Helper, AProgramThatDoesNotReadItsInputEndsAsUsual) {
  auto s = spec("/bin/true");
  s.input.assign(1 << 20, 'x');
  EXPECT_EQ(world.run(s).code, 0);
}

TEST_F(Helper, KeepsOnlyTheBeginningOfAFlood) {
  auto s = spec(world.script("a", "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; exit 3\n"));
  s.output_limit = 1000;
  const auto result = world.run(s);
  EXPECT_EQ(result.code, 3);
  EXPECT_EQ(result.output.size(), 1000U);
  EXPECT_EQ(result.errors.size(), 1000U);
  EXPECT_TRUE(result.output_truncated);
}

TEST_F(Helper, SaysWhyAProgramCannotBeStarted) {
  auto result = world.run(spec(world.dir + "/absent"));
  EXPECT_EQ(result.end, End::kFailedToStart);
  EXPECT_EQ(result.code, ENOENT);
  result = world.run(spec(world.write("plain", "text", 0644)));
  EXPECT_EQ(result.code, EACCES);
  result = world.run(spec(world.write("no-interpreter", "echo hello\n")));
  EXPECT_EQ(result.code, ENOEXEC);  // Never tried with a shell.
  auto s = spec("/bin/true");
  s.working_directory = world.dir + "/absent";
  EXPECT_EQ(world.run(s).end, End::kFailedToStart);
  s = spec("true");
  EXPECT_EQ(world.run(s).code, EINVAL);
}

TEST_F(Helper, RefusesAnArgumentListBeyondItsLimit) {
  auto s = spec("/bin/true");
  s.input.assign(kMaxFrame, 'x');
  const auto result = world.run(s);
  EXPECT_EQ(result.end, End::kFailedToStart);
  EXPECT_EQ(result.code, E2BIG);
  EXPECT_EQ(world.run(spec("/bin/true")).code, 0);  // The others are not harmed.
}

TEST_F(Helper, TellsDeathByASignalFromAnExitCode) {
  const auto result = world.run(spec(world.script("a", "kill -TERM $$\n")));
  EXPECT_EQ(result.end, End::kSignalled);
  EXPECT_EQ(result.code, SIGTERM);
}

TEST_F(Helper, KillsAWholeGroupThatIgnoresSigterm) {
  const auto program = world.script("a",
                                    "trap '' TERM\nsh -c 'trap \"\" TERM; echo $$ > $D/child; exec sleep "
                                    "1000' &\necho $$ > $D/leader\nwait\n");
  std::optional<ProcessResult> result;
  const auto id = world.processes->start(spec(program), [&](ProcessResult r) { result = std::move(r); });
  ASSERT_TRUE(world.wait_until([&] { return world.read_pid("child") > 0 && world.read_pid("leader") > 0; }));
  world.processes->kill(id, SIGTERM);
  EXPECT_EQ(world.run(spec("/bin/true")).code, 0);
  EXPECT_FALSE(result);
  world.processes->kill(id, SIGKILL);
  ASSERT_TRUE(world.wait_until([&] { return result.has_value(); }));
  EXPECT_EQ(result->end, End::kKilledByUs);
  EXPECT_FALSE(is_alive(world.read_pid("leader")));
  EXPECT_FALSE(is_alive(world.read_pid("child")));
}

// A service that became a daemon, as init scripts start them, with our pipes still open in it.
constexpr const char* kDaemonise =
    "setsid sh -c 'echo $$ > $D/daemon.new; mv $D/daemon.new $D/daemon; exec sleep 1000' &\n"
    "while [ ! -e $D/daemon ]; do sleep 0.01; done\n";

TEST_F(Helper, ADaemonNeitherDelaysTheReportNorDiesWithIt) {
  const auto result = world.run(spec(world.script("a", std::string(kDaemonise) + "exit 0\n")));
  EXPECT_EQ(result.end, End::kExited);
  EXPECT_EQ(result.code, 0);
  const int daemon = world.read_pid("daemon");
  EXPECT_TRUE(is_alive(daemon));
  ASSERT_GT(daemon, 0);
  ::kill(daemon, SIGKILL);
  // Its parent is gone: the helper, as subreaper, reaps it.
  EXPECT_TRUE(world.wait_until([&] { return ::kill(daemon, 0) != 0; }));
}

TEST_F(Helper, WhenSystoledIsGoneOperationsDieAndDaemonsLive) {
  std::optional<ProcessResult> result;
  world.processes->start(
      spec(world.script("a", std::string(kDaemonise) + "echo $$ > $D/agent\nsleep 1000\n")),
      [&](ProcessResult r) { result = std::move(r); });
  ASSERT_TRUE(world.wait_until([&] { return world.read_pid("agent") > 0; }));
  world.processes.reset();
  EXPECT_EQ(world.wait_for_helper(), 0);
  const int daemon = world.read_pid("daemon");
  EXPECT_TRUE(world.wait_until([&] { return !is_alive(world.read_pid("agent")); }));
  EXPECT_TRUE(is_alive(daemon));
  EXPECT_FALSE(result);
  ASSERT_GT(daemon, 0);
  ::kill(daemon, SIGKILL);
}

TEST_F(Helper, WhenItDiesEverythingIsReportedAndTheProgramIsTold) {
  std::optional<ProcessResult> result;
  auto s = spec("/bin/sleep");
  s.argv.push_back("3");
  world.processes->start(s, [&](ProcessResult r) { result = std::move(r); });
  ::kill(world.helper_pid, SIGKILL);
  ASSERT_TRUE(world.wait_until([&] { return world.lost; }));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->end, End::kFailedToStart);
  EXPECT_EQ(world.run(spec("/bin/true")).end, End::kFailedToStart);
}

TEST_F(Helper, RunsManyAtOnceAndUrgentOnesBeforeThoseThatWait) {
  // Every place is taken by a program that waits for a file.
  const auto blocker = world.script("block", "while [ ! -e $D/go ]; do sleep 0.05; done\n");
  int blocked = 0, waited = 0;
  for (int i = 0; i < 64; ++i) world.processes->start(spec(blocker), [&](ProcessResult) { ++blocked; });
  for (int i = 0; i < 10; ++i) world.processes->start(spec("/bin/true"), [&](ProcessResult) { ++waited; });
  std::optional<ProcessResult> killed;
  const auto victim =
      world.processes->start(spec("/bin/true"), [&](ProcessResult r) { killed = std::move(r); });
  world.processes->kill(victim, SIGKILL);
  auto urgent = spec("/bin/true");
  urgent.urgent = true;
  EXPECT_EQ(world.run(urgent).end, End::kExited);
  EXPECT_EQ(waited, 0);
  ASSERT_TRUE(world.wait_until([&] { return killed.has_value(); }));
  EXPECT_EQ(killed->end, End::kKilledByUs);
  world.write("go", "");
  EXPECT_TRUE(world.wait_until([&] { return blocked == 64 && waited == 10; }));
}

}  // namespace
}  // namespace systole::lrmd
