#include "membership/key.h"

#include <algorithm>

namespace systole::membership {

Result<Bytes> load_key(Files& files, const std::string& path) {
  const auto status = files.status(path);
  if (!status) {
    if (status.error().code != Errc::kNotFound) return fail(status.error());
    return fail(Errc::kNotFound,
                "the cluster key {} does not exist: make one with systole-keygen on one node and copy it to "
                "the others",
                path);
  }
  if (status->directory)
    return fail(Errc::kInvalidConfig, "the cluster key {} is a folder, not a file", path);
  if ((status->mode & 077U) != 0) {
    return fail(
        Errc::kDenied,
        "the cluster key {} can be used by group or others (mode {:04o}): run  chmod 0400 {}  and, if others "
        "may have read it, make a new key",
        path, status->mode, path);
  }
  if (status->size > kMaxKey) {
    return fail(Errc::kInvalidConfig,
                "the cluster key {} has {} bytes, at most {} are expected: is it a key?", path, status->size,
                kMaxKey);
  }
  auto key = files.read(path);
  if (!key) return key;
  if (key->size() < kMinKey) {
    return fail(
        Errc::kInvalidConfig,
        "the cluster key {} {} ({} bytes, at least {} are needed): make a new one with systole-keygen", path,
        key->empty() ? "is empty" : "is too short", key->size(), kMinKey);
  }
  return key;
}

Result<void> store_key(Files& files, const std::string& path, ByteView key) {
  if (key.size() < kMinKey || key.size() > kMaxKey)
    return fail(Errc::kInvalidConfig, "a key of {} bytes is not stored: {} to {} are possible", key.size(),
                kMinKey, kMaxKey);
  if (auto written = files.write_atomic(path, key, 0400); !written) return written;
  const auto next = files.read(path + kNextKey);
  if (next && std::ranges::equal(*next, key)) return files.remove(path + kNextKey);
  return {};
}

Result<void> generate_key(Files& files, Random& random, const std::string& path, std::size_t size) {
  if (files.status(path)) {
    return fail(Errc::kExists,
                "{} exists already: a new key would cut off the nodes that have the old one. Remove it first",
                path);
  }
  const auto slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    if (auto made = files.make_directory(path.substr(0, slash), 0755); !made) return made;
  }
  Bytes key(size);
  random.fill(key);
  return files.write_atomic(path, key, 0400);
}

}  // namespace systole::membership
