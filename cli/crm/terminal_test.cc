// The interactive shell as a person meets it: on a pseudo-terminal, key by key.
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "cli/crm/main.h"

namespace systole::crm {
namespace {

constexpr int kPatienceMs = 20'000;  // For a machine that is busy: a good run needs a fraction of a second.

class TerminalTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / fmt::format("crm-terminal-{}", ::getpid());
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "cib.xml")
        << R"(<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config>)"
        << R"(<cluster_property_set id="cib-bootstrap-options"><nvpair id="s" name="stonith-enabled" value="false"/>)"
        << R"(</cluster_property_set></crm_config><nodes><node id="1" uname="node1"/></nodes><resources>)"
        << R"(<primitive id="alpha" class="ocf" provider="pacemaker" type="Dummy"/></resources><constraints/>)"
        << R"(</configuration><status/></cib>)";
    begin();
  }
  void TearDown() override {
    end();
    std::filesystem::remove_all(folder_);
  }

  void begin() {
    struct winsize size {
      .ws_row = 40, .ws_col = 200, .ws_xpixel = 0, .ws_ypixel = 0
    };
    child_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
    ASSERT_GE(child_, 0);
    if (child_ != 0) return;
    // As a login gives it: who starts the tests in the background may have left these ignored.
    for (const int number : {SIGINT, SIGQUIT, SIGHUP, SIGTERM}) ::signal(number, SIG_DFL);
    ::setenv("CIB_file", (folder_ / "cib.xml").c_str(), 1);
    ::setenv("HOME", folder_.c_str(), 1);
    ::setenv("TERM", "dumb", 1);
    ::unsetenv("XDG_DATA_HOME");
    char name[] = "crm";
    char* argv[] = {name, nullptr};
    ::_exit(crm_main(1, argv));
  }
  void end() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    ::close(terminal_);
    child_ = 0;
  }
  void type(std::string_view keys) {
    ASSERT_EQ(::write(terminal_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  // Reads until `text` has come; what was read up to its end is taken away.
  testing::AssertionResult comes(const std::string& text) {
    for (;;) {
      if (const auto at = seen_.find(text); at != std::string::npos) {
        seen_.erase(0, at + text.size());
        return testing::AssertionSuccess();
      }
      struct pollfd wait {
        .fd = terminal_, .events = POLLIN, .revents = 0
      };
      char buffer[4096];
      const bool ready = ::poll(&wait, 1, kPatienceMs) == 1;
      const ssize_t got = ready ? ::read(terminal_, buffer, sizeof buffer) : -1;
      if (got <= 0) return testing::AssertionFailure() << "did not come: " << text << "\nseen: " << seen_;
      seen_.append(buffer, static_cast<std::size_t>(got));
    }
  }
  // The exit code, once the shell has ended.
  int ended() {
    char buffer[4096];
    struct pollfd wait {
      .fd = terminal_, .events = POLLIN, .revents = 0
    };
    int ready = 0;
    while ((ready = ::poll(&wait, 1, kPatienceMs)) == 1 && ::read(terminal_, buffer, sizeof buffer) > 0) {
    }
    if (ready != 1) ::kill(child_, SIGKILL);  // It waits for something: the status tells.
    int status = 0;
    ::waitpid(child_, &status, 0);
    ::close(terminal_);
    child_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string file(const char* name) {
    std::ifstream in(folder_ / name);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::filesystem::path folder_;
  pid_t child_ = 0;
  int terminal_ = -1;
  std::string seen_;
};

TEST_F(TerminalTest, PromptNamesWhereOneIs) {
  ASSERT_TRUE(comes("crm(cib.xml)# "));
  type("configure\n");
  ASSERT_TRUE(comes("crm(cib.xml)configure# "));
  type("primitive beta ocf:pacemaker:Dummy\n");
  ASSERT_TRUE(comes("crm(cib.xml)configure*# "));
  type("up\n");
  ASSERT_TRUE(comes("There are changes pending. Commit them"));
  type("n\n");
  ASSERT_TRUE(comes("crm(cib.xml)# "));
  type("quit\n");
  EXPECT_EQ(ended(), 0);
  EXPECT_EQ(file("cib.xml").find("beta"), std::string::npos);
}

TEST_F(TerminalTest, TabCompletesCommandsAndIds) {
  ASSERT_TRUE(comes("# "));
  type("conf\t");
  ASSERT_TRUE(comes("configure "));
  type("sho\t");
  ASSERT_TRUE(comes("show "));
  type("al\t");
  ASSERT_TRUE(comes("alpha "));
  type("\n");
  ASSERT_TRUE(comes("primitive alpha ocf:pacemaker:Dummy"));
  type("resource st\t");
  ASSERT_TRUE(comes("start"));
  ASSERT_TRUE(comes("status"));
  ASSERT_TRUE(comes("stop"));
}

TEST_F(TerminalTest, LinesAreEditedAndRemembered) {
  ASSERT_TRUE(comes("# "));
  // Control-A: to the beginning; Control-K: drop the rest; up: the line before.
  type(
      "nonsense\x01\x0b"
      "configure show node1\n");
  ASSERT_TRUE(comes("node 1: node1"));
  type("\x1b[A\n");
  ASSERT_TRUE(comes("node 1: node1"));
  ASSERT_TRUE(comes("# "));  // While a command runs, Control-D is the terminal's, not the line's.
  type("\x04");
  EXPECT_EQ(ended(), 0);
  EXPECT_NE(file(".local/share/crmsh/history_systole").find("configure\\040show\\040node1"),
            std::string::npos)
      << file(".local/share/crmsh/history_systole");
  begin();
  seen_.clear();
  ASSERT_TRUE(comes("# "));
  type("\x1b[A\n");
  ASSERT_TRUE(comes("node 1: node1"));
}

TEST_F(TerminalTest, ALineEndingInABackslashGoesOn) {
  ASSERT_TRUE(comes("# "));
  type("configure show \\\n");
  ASSERT_TRUE(comes("   > "));
  type("node1\n");
  ASSERT_TRUE(comes("node 1: node1"));
}

TEST_F(TerminalTest, ControlCDropsTheLineAndEndOfInputAsksAboutChanges) {
  ASSERT_TRUE(comes("# "));
  type("configure\n");
  ASSERT_TRUE(comes("configure# "));
  type("delete alp\x03");
  ASSERT_TRUE(comes("configure# "));
  type("location l alpha 10: node1\n");
  ASSERT_TRUE(comes("configure*# "));
  type("\x04");
  ASSERT_TRUE(comes("Commit them"));
  type("y\n");
  EXPECT_EQ(ended(), 0);
  EXPECT_NE(file("cib.xml").find("<rsc_location id=\"l\" rsc=\"alpha\""), std::string::npos)
      << file("cib.xml");
}

}  // namespace
}  // namespace systole::crm
