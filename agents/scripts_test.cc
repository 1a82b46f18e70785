// The script agents and everybody's metadata, as the executor runs them.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace systole::agents {
namespace {

const std::string kDirectory = SYSTOLE_AGENTS_BUILT;

class Scripts : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "systole-agents-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    state_ = pattern;
  }
  void TearDown() override {
    for (const char* file : {"/Dummy-a.state", "/Stateful-a.state"}) ::unlink((state_ + file).c_str());
    ::rmdir(state_.c_str());
  }

  int run(const std::string& agent, const std::string& action, const std::string& parameters = "") {
    const std::string command =
        fmt::format("env -i PATH=/usr/bin:/bin HA_RSCTMP={} OCF_RESOURCE_INSTANCE=a {} {}/{} {} 2>&1", state_,
                    parameters, kDirectory, agent, action);
    output_.clear();
    std::FILE* pipe = ::popen(command.c_str(), "r");
    std::array<char, 4096> buffer{};
    while (std::fgets(buffer.data(), static_cast<int>(buffer.size()), pipe) != nullptr)
      output_ += buffer.data();
    const int status = ::pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string state_, output_;
};

TEST_F(Scripts, DummyRemembersWhetherItRuns) {
  for (const char* agent : {"pacemaker/Dummy", "systole/Dummy"}) {
    EXPECT_EQ(run(agent, "monitor"), 7);
    EXPECT_EQ(run(agent, "stop"), 0);
    EXPECT_EQ(run(agent, "start"), 0);
    EXPECT_EQ(run(agent, "start"), 0);
    EXPECT_EQ(run(agent, "monitor"), 0);
    EXPECT_EQ(run(agent, "validate-all"), 0);
    EXPECT_EQ(run(agent, "stop"), 0);
    EXPECT_EQ(run(agent, "monitor"), 7);
    EXPECT_EQ(run(agent, "dance"), 3);
  }
}

TEST_F(Scripts, DummyFailsWhereItIsToldTo) {
  std::array<char, 256> host{};
  ASSERT_EQ(::gethostname(host.data(), host.size() - 1), 0);
  EXPECT_EQ(run("pacemaker/Dummy", "start", fmt::format("OCF_RESKEY_fail_start_on={}", host.data())), 1);
  EXPECT_NE(output_.find("ocf-exit-reason:"), std::string::npos);
  EXPECT_EQ(run("pacemaker/Dummy", "monitor"), 0) << "it runs all the same";
  EXPECT_EQ(run("pacemaker/Dummy", "stop"), 0);
}

TEST_F(Scripts, StatefulHasTwoRoles) {
  for (const char* agent : {"pacemaker/Stateful", "systole/Stateful"}) {
    EXPECT_EQ(run(agent, "monitor"), 7);
    EXPECT_EQ(run(agent, "promote"), 7) << "what does not run is not promoted";
    EXPECT_EQ(run(agent, "start"), 0);
    EXPECT_EQ(run(agent, "monitor"), 0);
    EXPECT_EQ(run(agent, "promote"), 0);
    EXPECT_EQ(run(agent, "monitor"), 8);
    EXPECT_EQ(run(agent, "demote"), 0);
    EXPECT_EQ(run(agent, "monitor"), 0);
    EXPECT_EQ(run(agent, "notify"), 0);
    EXPECT_EQ(run(agent, "stop"), 0);
    EXPECT_EQ(run(agent, "monitor"), 7);
  }
}

TEST_F(Scripts, EveryAgentHasMetadataThatNamesItsActions) {
  for (const char* agent :
       {"systole/IPaddr2", "systole/Dummy", "systole/Stateful", "pacemaker/Dummy", "pacemaker/Stateful"}) {
    ASSERT_EQ(run(agent, "meta-data"), 0) << agent;
    for (const char* word :
         {"<resource-agent name=", "<shortdesc", "<parameter name=", "<action name=\"start\"",
          "<action name=\"stop\"", "<action name=\"monitor\"", "</resource-agent>"})
      EXPECT_NE(output_.find(word), std::string::npos) << agent << ": " << word;
  }
}

}  // namespace
}  // namespace systole::agents
