// SimFiles: a file system as far as the Files port shows one.
#include "sim/world.h"

namespace systole::sim {

Result<Bytes> SimFiles::read(const std::string& path) {
  const auto found = files_.find(path);
  if (found == files_.end()) return fail(Errc::kNotFound, "cannot open {}: no such file", path);
  return found->second.content;
}

Result<void> SimFiles::write_atomic(const std::string& path, ByteView content, unsigned mode) {
  if (full) return fail(Errc::kIo, "cannot write {}: No space left on device", path);
  files_[path] = {Bytes(content.begin(), content.end()), mode};
  return {};
}

Result<Files::Status> SimFiles::status(const std::string& path) {
  if (const auto found = files_.find(path); found != files_.end()) {
    return Status{found->second.content.size(), found->second.mode, 0, false};
  }
  const auto below = files_.lower_bound(path + "/");
  if (directories_.contains(path) || (below != files_.end() && below->first.starts_with(path + "/"))) {
    return Status{0, 0755, 0, true};
  }
  return fail(Errc::kNotFound, "cannot look at {}: no such file", path);
}

Result<std::vector<std::string>> SimFiles::list(const std::string& directory) {
  std::set<std::string> names;
  const std::string prefix = directory.ends_with('/') ? directory : directory + "/";
  const auto take = [&](const std::string& path) {
    if (path.starts_with(prefix) && path.size() > prefix.size()) {
      names.insert(path.substr(prefix.size(), path.find('/', prefix.size()) - prefix.size()));
    }
  };
  for (const auto& [path, file] : files_) take(path);
  for (const std::string& path : directories_) take(path);
  if (names.empty() && !directories_.contains(directory)) {
    return fail(Errc::kNotFound, "cannot list {}: no such folder", directory);
  }
  return std::vector<std::string>(names.begin(), names.end());
}

Result<void> SimFiles::remove(const std::string& path) {
  files_.erase(path);
  return {};
}

Result<void> SimFiles::make_directory(const std::string& path, unsigned /*mode*/) {
  if (full) return fail(Errc::kIo, "cannot create {}: No space left on device", path);
  directories_.insert(path);
  return {};
}

}  // namespace systole::sim
