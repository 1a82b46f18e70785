// A shell on a CIB in memory, with a few agents of its own, whose output is collected.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "cib/document.h"
#include "cli/crm/main.h"
#include "cli/crm/shell.h"

namespace systole::crm {

struct FakeConsole : cli::Console {
  std::string all, input_text;
  void out(std::string_view text) override { all += text; }
  void err(std::string_view text) override { all += text; }
  void flush() override {}
  Result<std::string> input() override { return input_text; }
  bool colour() const override { return false; }
  Result<void> redirect(const std::string&) { return {}; }
  bool terminal() const { return false; }
};

inline void write_agent(const std::filesystem::path& path, const std::string& parameters) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path)
      << "#!/bin/sh\ncat <<'END'\n<?xml version=\"1.0\"?>\n<resource-agent name=\"x\"><version>1.0</version>"
         "<longdesc lang=\"en\">A test agent.\n\nSecond paragraph.</longdesc><shortdesc lang=\"en\">A "
         "test</shortdesc>"
         "<parameters>" +
             parameters +
             "</parameters><actions><action name=\"start\" timeout=\"20s\"/>"
             "<action name=\"stop\" timeout=\"20s\"/><action name=\"monitor\" timeout=\"20s\" "
             "interval=\"10s\"/>"
             "<action name=\"meta-data\" timeout=\"5s\"/></actions></resource-agent>\nEND\n";
  ::chmod(path.c_str(), 0755);
}

class ShellTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / fmt::format("crm-test-{}", ::getpid());
    std::filesystem::create_directories(folder_ / "cib");
    paths_.ocf_root = (folder_ / "ocf").string();
    paths_.own_agents = (folder_ / "agents").string();
    paths_.cib = (folder_ / "cib").string();
    paths_.lsb = (folder_ / "init.d").string();
    const std::string fake =
        "<parameter name=\"fake\"><shortdesc>nothing</shortdesc><content type=\"string\" "
        "default=\"dummy\"/></parameter>";
    const std::string ip =
        "<parameter name=\"ip\" required=\"1\" unique=\"1\"><longdesc>The "
        "address.</longdesc><shortdesc>IP</shortdesc>"
        "<content type=\"string\"/></parameter><parameter name=\"nic\"><content "
        "type=\"string\"/></parameter>";
    write_agent(folder_ / "ocf/resource.d/pacemaker/Dummy", fake);
    write_agent(folder_ / "ocf/resource.d/heartbeat/Dummy", fake);
    write_agent(folder_ / "ocf/resource.d/heartbeat/IPaddr2", ip);
    auto parsed = cib::Document::parse(
        R"(<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" admin_epoch="0" epoch="1" num_updates="0"><configuration>)"
        R"(<crm_config/><nodes><node id="1" uname="node1"/><node id="2" uname="node2"/></nodes><resources/><constraints/>)"
        R"(</configuration><status/></cib>)");
    ASSERT_TRUE(parsed);
    document_ = std::make_unique<cib::Document>(std::move(*parsed));
    run_ok("configure property stonith-enabled=false");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  cli::Context context(std::vector<std::string> args) {
    console_.all.clear();
    cli::Context c;
    c.name = "crm";
    c.args = std::move(args);
    c.console = &console_;
    c.paths = paths_;
    c.environment = environment_;
    c.now = [] { return WallTime(Seconds(1'790'000'000)); };
    c.open = [this](const cli::SessionChoice& choice) -> Result<std::unique_ptr<cli::Session>> {
      if (!choice.shadow.empty()) return cli::open_session(choice, paths_, "crm");
      return cli::memory_session(*document_, paths_, "crm");
    };
    return c;
  }
  // As from the command line; words by split_words.
  int run(const std::string& line) {
    auto c = context(*split_words(line));
    return crm_tool(c);
  }
  // Output and errors of a command that must succeed.
  std::string run_ok(const std::string& line) {
    EXPECT_EQ(run(line), 0) << line << "\n" << console_.all;
    return console_.all;
  }
  std::string run_fails(const std::string& line) {
    EXPECT_EQ(run(line), 1) << line << "\n" << console_.all;
    return console_.all;
  }
  int batch(const std::string& text, std::vector<std::string> options = {}) {
    console_.input_text = text;
    auto c = context(std::move(options));
    return crm_tool(c);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::filesystem::path folder_;
  Paths paths_;
  std::unique_ptr<cib::Document> document_;
  FakeConsole console_;
  std::map<std::string, std::string> environment_;
};

}  // namespace systole::crm
