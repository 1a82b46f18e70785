// The host as a tool sees it: clock, files, standard streams, other programs. The only file of the tools that
// calls the operating system; everything else is handed what it needs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace systole::cli {

WallTime host_now();
std::string host_name();
std::string user_name();  // Of the effective user; its number when it has no name.

// The whole of a file or pipe of at most so many bytes; "-": standard input.
Result<std::string> read_file(const std::string& path, std::size_t most = 64U << 20);
// Old content or new, never a mixture. Error for pipes and devices.
Result<void> write_file(const std::string& path, std::string_view content, unsigned mode = 0600);
bool file_exists(const std::string& path);
bool is_executable(const std::string& path);
// Plain names in a folder, sorted; hidden ones left out. A missing folder is empty.
std::vector<std::string> list_folder(const std::string& path);
Result<void> remove_file(const std::string& path);
void sleep_for(Duration time);

struct DiskSpace {
  std::uint64_t free = 0, size = 0;  // Bytes; free: to those who are not root.
};
Result<DiskSpace> disk_space(const std::string& path);
// Whether something (NTP, PTP) disciplines this host's clock. Nothing: the kernel does not say.
std::optional<bool> clock_synchronised();

struct Ran {
  int code = 0;  // Exit status; 128 + signal.
  std::string output, errors;
};
// Runs argv[0] (an absolute path) with only `environment`, `input` on its standard input, and kills its
// process group after `timeout`. Output above 1 MiB is dropped. kTimeout, kIo.
Result<Ran> run_program(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
                        std::string_view input, Duration timeout);

}  // namespace systole::cli
