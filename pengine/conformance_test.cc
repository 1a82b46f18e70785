// The scheduler against the shared cases: SYSTOLE_SUITE names the folder with compare.py. The share of cases
// that hold must not fall below conformance_floors.txt. Without the folder the test is skipped, and says so.
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <regex>
#include <sstream>

namespace {

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::map<std::string, double> floors() {
  std::map<std::string, double> out;
  std::istringstream in(read_all(SYSTOLE_SOURCE_DIR "/pengine/conformance_floors.txt"));
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string level;
    double percent = 0;
    if (words >> level >> percent) out[level] = percent;
  }
  return out;
}

int run(std::vector<std::string> argv) {
  std::vector<char*> raw;
  for (auto& a : argv) raw.push_back(a.data());
  raw.push_back(nullptr);
  pid_t pid = 0;
  if (posix_spawnp(&pid, raw[0], nullptr, nullptr, raw.data(), environ) != 0) return -1;
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Conformance, SharedCasesHoldAtLeastAsOftenAsBefore) {
  const char* suite = std::getenv("SYSTOLE_SUITE");
  const std::string engine = SYSTOLE_BIN_DIR "/crm_simulate_engine";
  if (!suite) GTEST_SKIP() << "SYSTOLE_SUITE does not name the folder with the scheduler cases";
  if (!std::filesystem::exists(engine)) GTEST_SKIP() << engine << " is not built";
  const auto report =
      std::filesystem::temp_directory_path() / ("conformance-" + std::to_string(getpid()) + ".json");
  const int status =
      run({"python3", std::string(suite) + "/compare.py", "--cmd", engine, "--report", report.string()});
  ASSERT_TRUE(status == 0 || status == 1) << "compare.py ended with " << status;
  const std::string text = read_all(report.string());
  std::filesystem::remove(report);
  EXPECT_NE(text.find("\"not_finished\": {}"), std::string::npos) << "some cases crash or do not end";
  for (const auto& [level, floor] : floors()) {
    std::smatch m;
    const std::regex pattern("\"" + level +
                             "\": \\{\\s*\"title\": \"[^\"]*\",\\s*\"pass\": \\d+,\\s*\"total\": \\d+,\\s*"
                             "\"percent\": ([0-9.]+)");
    ASSERT_TRUE(std::regex_search(text, m, pattern)) << level;
    EXPECT_GE(std::stod(m[1]), floor) << level;
  }
}

}  // namespace
