#include "lrmd/process_helper.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "lrmd/spawn.h"

namespace systole::lrmd {
namespace {

Result<std::string> find_program(const std::string& given) {
  std::vector<std::string> places{given};
  if (given.empty()) {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    places = {"/usr/lib/systole/systole-execd", "/usr/libexec/systole/systole-execd",
              "/usr/sbin/systole-execd"};
    if (!error) places.insert(places.begin(), self.parent_path() / "systole-execd");
  }
  for (const auto& place : places) {
    if (::access(place.c_str(), X_OK) == 0) return place;
  }
  return fail(Errc::kNotFound, "the process helper systole-execd is not installed: looked for {}",
              fmt::join(places, ", "));
}

}  // namespace

Result<HelperHandle> start_process_helper(const std::string& program) {
  const auto path = find_program(program);
  if (!path) return fail(path.error());
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail(Errc::kIo, "cannot make a socket pair for the process helper: {}", std::strerror(errno));
  }
  Fd ours(ends[0]);
  // dup2 onto itself would keep close-on-exec: move their end out of the way of descriptor 3.
  const Fd original(ends[1]);
  const Fd theirs(::fcntl(ends[1], F_DUPFD_CLOEXEC, 10));
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), 3);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, 4);
  char* argv[] = {const_cast<char*>("systole-execd"), nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, path->c_str(), &actions, nullptr, argv, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    return fail(Errc::kIo, "cannot start the process helper {}: {}", *path, std::strerror(error));
  return HelperHandle{ours.release(), pid};
}

}  // namespace systole::lrmd
