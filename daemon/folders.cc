#include "daemon/folders.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace systole::daemon {
namespace {

constexpr int kDepth = 4;  // Of folders in the state folder.

struct Folder {
  const std::string* path;
  unsigned mode;
  bool contents;  // What is in it is opened in place and must be the daemon's too; otherwise it is replaced.
};

// As Pacemaker has them: nobody outside haclient looks in.
std::vector<Folder> folders(const Paths& paths) {
  return {{&paths.state, 0750, true},
          {&paths.run, 0750, false},
          {&paths.cib, 0750, false},
          {&paths.pengine, 0750, false}};
}

// By descriptor, never by name, and nothing with a second name: whoever could write here before must not have
// a file from elsewhere given away (a link to it, put here in the meantime).
void give_contents(int folder, const Identity& identity, int depth) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(folder), &::closedir);
  if (!listing) {
    ::close(folder);
    return;
  }
  while (const dirent* entry = ::readdir(listing.get())) {
    if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
    const int fd =
        ::openat(::dirfd(listing.get()), entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) continue;
    struct stat s {};
    const bool known = ::fstat(fd, &s) == 0;
    const bool file = known && S_ISREG(s.st_mode) && s.st_nlink == 1;
    const bool below = known && S_ISDIR(s.st_mode) && depth > 0;
    if ((file || below) && (s.st_uid != identity.uid || s.st_gid != identity.gid)) [[maybe_unused]]
      const int given = ::fchown(fd, identity.uid, identity.gid);  // check_folders() tells.
    if (below) {
      give_contents(fd, identity, depth - 1);
    } else {
      ::close(fd);
    }
  }
}

Result<void> give_folder(const Folder& folder, const Identity& identity) {
  const auto failed = [&](const char* verb) {
    return fail(Errc::kIo, "cannot {} the folder {}: {}", verb, *folder.path, std::strerror(errno));
  };
  const int fd = ::open(folder.path->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed("open");
  const std::unique_ptr<const int, void (*)(const int*)> guard(&fd, [](const int* f) { ::close(*f); });
  struct stat s {};
  if (::fstat(fd, &s) != 0) return failed("look at");
  if ((s.st_mode & S_ISVTX) != 0) {
    return fail(Errc::kInvalidArgument,
                "{} is a folder that users share (it has the sticky bit): name one that is the daemon's own",
                *folder.path);
  }
  const bool owned = s.st_uid == identity.uid && s.st_gid == identity.gid;
  if (!owned && ::fchown(fd, identity.uid, identity.gid) != 0) return failed("change the owner of");
  if ((s.st_mode & 07777) != folder.mode && ::fchmod(fd, folder.mode) != 0) return failed("set the mode of");
  if (folder.contents) give_contents(::dup(fd), identity, kDepth);
  return {};
}

}  // namespace

Result<void> make_folders(Files& files, const Paths& paths, const Identity& identity) {
  for (const Folder& folder : folders(paths)) {
    if (auto made = files.make_directory(*folder.path, folder.mode); !made) return made;
    if (::geteuid() != 0) continue;
    if (auto given = give_folder(folder, identity); !given) return given;
  }
  return {};
}

Result<void> check_folders(const Paths& paths, const Identity& identity) {
  for (const Folder& folder : folders(paths)) {
    if (::access(folder.path->c_str(), R_OK | W_OK | X_OK) == 0) continue;
    return fail(
        Errc::kDenied,
        "{} may not write in {}: {}. Let it through the folders above (chmod a+x), or run as another user "
        "(--user)",
        identity.name, *folder.path, std::strerror(errno));
  }
  return {};
}

void give_file(const std::string& path, const Identity& identity) {
  if (path.empty() || ::geteuid() != 0) return;
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return;
  struct stat s {};
  if (::fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && s.st_nlink == 1) [[maybe_unused]]
    const int given = ::fchown(fd, identity.uid, identity.gid);
  ::close(fd);
}

}  // namespace systole::daemon
