// The production Files: plain POSIX calls, each error with its path.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/asio_runtime.h"
#include "base/fd.h"

namespace systole {
namespace {

tl::unexpected<Error> failed(const char* verb, const std::string& path) {
  const int error = errno;
  const Errc code = error == ENOENT                     ? Errc::kNotFound
                    : error == EACCES || error == EPERM ? Errc::kDenied
                                                        : Errc::kIo;
  return fail(code, "cannot {} {}: {}", verb, path, std::strerror(error));
}

class PosixFiles : public Files {
 public:
  Result<Bytes> read(const std::string& path) override {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) return failed("open", path);
    Bytes content;
    std::uint8_t block[65536];
    for (;;) {
      const ssize_t n = ::read(fd.get(), block, sizeof block);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return failed("read", path);
      if (n == 0) return content;
      content.insert(content.end(), block, block + n);
    }
  }

  Result<void> write_atomic(const std::string& path, ByteView content, unsigned mode) override {
    const std::string beside = path + ".new";
    if (auto written = write_synced(beside, content, mode); !written) {
      ::unlink(beside.c_str());
      return written;
    }
    if (::rename(beside.c_str(), path.c_str()) != 0) return failed("replace", path);
    const std::string directory = std::filesystem::path(path).parent_path();
    const Fd fd(::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0 || ::fsync(fd.get()) != 0) return failed("sync the folder of", path);
    return {};
  }

  Result<Status> status(const std::string& path) override {
    struct stat s {};
    if (::stat(path.c_str(), &s) != 0) return failed("look at", path);
    const WallTime changed{Seconds(s.st_mtim.tv_sec) + Duration(s.st_mtim.tv_nsec)};
    return Status{static_cast<std::uint64_t>(s.st_size), s.st_mode & 0777U, s.st_uid, S_ISDIR(s.st_mode),
                  changed};
  }

  Result<std::vector<std::string>> list(const std::string& directory) override {
    std::error_code error;
    std::vector<std::string> names;
    for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
         it.increment(error)) {
      names.push_back(it->path().filename());
    }
    if (error) {
      errno = error.value();
      return failed("list", directory);
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed("remove", path);
    return {};
  }

  Result<void> make_directory(const std::string& path, unsigned mode) override {
    std::error_code error;
    const bool created = std::filesystem::create_directories(path, error);
    if (error) {
      errno = error.value();
      return failed("create", path);
    }
    if (created && ::chmod(path.c_str(), mode) != 0) return failed("set the mode of", path);
    return {};
  }

 private:
  static Result<void> write_synced(const std::string& path, ByteView content, unsigned mode) {
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
    if (fd.get() < 0) return failed("create", path);
    if (::fchmod(fd.get(), mode) != 0) return failed("set the mode of", path);
    while (!content.empty()) {
      const ssize_t n = ::write(fd.get(), content.data(), content.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return failed("write", path);
      content = content.subspan(static_cast<std::size_t>(n));
    }
    if (::fsync(fd.get()) != 0) return failed("sync", path);
    return {};
  }
};

}  // namespace

std::unique_ptr<Files> posix_files() { return std::make_unique<PosixFiles>(); }

}  // namespace systole
