#include "cli/host.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "base/fd.h"

namespace systole::cli {
namespace {

constexpr std::size_t kMaxOutput = 1 << 20;

tl::unexpected<Error> failed(const char* verb, const std::string& path) {
  const int error = errno;
  const Errc code = error == ENOENT                     ? Errc::kNotFound
                    : error == EACCES || error == EPERM ? Errc::kDenied
                                                        : Errc::kIo;
  return fail(code, "cannot {} {}: {}", verb, path, std::strerror(error));
}

bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// What a child has written, read as it comes; false when the stream has ended.
bool drain(int fd, std::string& into) {
  char buffer[16384];
  const ssize_t n = ::read(fd, buffer, sizeof buffer);
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  if (n == 0) return false;
  if (into.size() < kMaxOutput) into.append(buffer, static_cast<std::size_t>(n));
  return true;
}

Result<pid_t> spawn(const std::vector<std::string>& argv, const std::vector<std::string>& environment, int in,
                    int out, int err) {
  std::vector<char*> arguments, variables;
  for (const std::string& a : argv) arguments.push_back(const_cast<char*>(a.c_str()));
  arguments.push_back(nullptr);
  for (const std::string& e : environment) variables.push_back(const_cast<char*>(e.c_str()));
  variables.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, in, 0);
  posix_spawn_file_actions_adddup2(&files, out, 1);
  posix_spawn_file_actions_adddup2(&files, err, 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, argv[0].c_str(), &files, &attributes, arguments.data(), variables.data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return fail(Errc::kIo, "cannot run {}: {}", argv[0], std::strerror(error));
  return pid;
}

}  // namespace

WallTime host_now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

std::string host_name() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0) return "localhost";
  return name;
}

std::string user_name() {
  const passwd* entry = getpwuid(geteuid());
  return entry != nullptr ? entry->pw_name : std::to_string(geteuid());
}

Result<std::string> read_file(const std::string& path, std::size_t most) {
  Fd owned(path == "-" ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (path != "-" && !owned.open()) return failed("read", path);
  const int fd = path == "-" ? 0 : owned.get();
  std::string content;
  if (struct stat status = {}; ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
    content.reserve(std::min(static_cast<std::size_t>(status.st_size), most) + 1);
  char buffer[65536];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("read", path);
    if (n == 0) return content;
    content.append(buffer, static_cast<std::size_t>(n));
    if (content.size() > most) return fail(Errc::kParse, "{} is larger than {} MiB", path, most >> 20);
  }
}

Result<void> write_file(const std::string& path, std::string_view content, unsigned mode) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    return fail(Errc::kIo, "cannot write {}: it is not a regular file, so changes cannot be kept there",
                path);
  }
  const std::string beside = path + "." + std::to_string(getpid());
  Fd file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file.open()) return failed("write", beside);
  if (!write_all(file.get(), content) || ::fsync(file.get()) != 0) {
    const auto error = failed("write", path);
    ::unlink(beside.c_str());
    return error;
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) {
    const auto error = failed("replace", path);
    ::unlink(beside.c_str());
    return error;
  }
  return {};
}

bool file_exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

bool is_executable(const std::string& path) {
  struct stat status = {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 0111) != 0;
}

std::vector<std::string> list_folder(const std::string& path) {
  std::vector<std::string> names;
  DIR* folder = ::opendir(path.c_str());
  if (folder == nullptr) return names;
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  ::closedir(folder);
  std::sort(names.begin(), names.end());
  return names;
}

Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed("remove", path);
  return {};
}

void sleep_for(Duration time) {
  timespec left{};
  left.tv_sec = std::chrono::duration_cast<Seconds>(time).count();
  left.tv_nsec = (time % Seconds(1)).count();
  ::nanosleep(&left, nullptr);
}

Result<DiskSpace> disk_space(const std::string& path) {
  struct statvfs now {};
  if (::statvfs(path.c_str(), &now) != 0) return failed("look at the file system of", path);
  return DiskSpace{std::uint64_t{now.f_bavail} * now.f_frsize, std::uint64_t{now.f_blocks} * now.f_frsize};
}

std::optional<bool> clock_synchronised() {
  timex now{};  // Asks, changes nothing.
  const int state = ::adjtimex(&now);
  if (state < 0) return std::nullopt;
  return state != TIME_ERROR && (now.status & STA_UNSYNC) == 0;
}

Result<Ran> run_program(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
                        std::string_view input, Duration timeout) {
  int in[2], out[2], err[2];
  if (::pipe2(in, O_CLOEXEC) != 0) return failed("make a pipe for", argv[0]);
  Fd in_read(in[0]), in_write(in[1]);
  if (::pipe2(out, O_CLOEXEC) != 0) return failed("make a pipe for", argv[0]);
  Fd out_read(out[0]), out_write(out[1]);
  if (::pipe2(err, O_CLOEXEC) != 0) return failed("make a pipe for", argv[0]);
  Fd err_read(err[0]), err_write(err[1]);
  const auto pid = spawn(argv, environment, in_read.get(), out_write.get(), err_write.get());
  if (!pid) return fail(pid.error());
  in_read.reset();
  out_write.reset();
  err_write.reset();
  // Inputs are small option lists that fit into a pipe's buffer; a child that does not read gets none.
  ::signal(SIGPIPE, SIG_IGN);
  ::fcntl(in_write.get(), F_SETFL, O_NONBLOCK);
  write_all(in_write.get(), input);
  in_write.reset();

  Ran ran;
  const auto end = std::chrono::steady_clock::now() + timeout;
  bool timed_out = false, out_open = true, err_open = true;
  while (out_open || err_open) {
    const auto left = to_ms(end - std::chrono::steady_clock::now());
    pollfd polled[2] = {{out_open ? out_read.get() : -1, POLLIN, 0},
                        {err_open ? err_read.get() : -1, POLLIN, 0}};
    const int ready = left <= 0 ? 0 : ::poll(polled, 2, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      timed_out = true;
      break;
    }
    if (polled[0].revents != 0) out_open = drain(out_read.get(), ran.output);
    if (polled[1].revents != 0) err_open = drain(err_read.get(), ran.errors);
  }
  if (timed_out) ::kill(-*pid, SIGKILL);
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (timed_out)
    return fail(Errc::kTimeout, "{} did not end within {} s and was killed", argv[0], to_ms(timeout) / 1000);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

}  // namespace systole::cli
