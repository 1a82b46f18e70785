#include "membership/key.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace systole::membership {
namespace {

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    const auto begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) return words;
    line.remove_prefix(begin);
    const auto end = std::min(line.find_first_of(" \t\r"), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

// Heartbeat's authkeys (ha.cf's manual): the lines as words, without comments. Empty: it is none, but random
// bytes.
std::vector<std::vector<std::string_view>> authkeys_lines(std::string_view text) {
  std::vector<std::vector<std::string_view>> lines;
  bool has_auth = false;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (std::ranges::any_of(line, [](unsigned char c) { return c < 32 && c != '\t' && c != '\r'; }))
      return {};
    auto words = words_of(line);
    if (words.empty() || words[0].starts_with('#')) continue;
    has_auth |= words[0] == "auth" && words.size() == 2;
    if (words[0] != "auth" && words[0].find_first_not_of("0123456789") != std::string_view::npos) return {};
    lines.push_back(std::move(words));
  }
  if (!has_auth) return {};
  return lines;
}

Result<Bytes> authkeys_secret(const std::vector<std::vector<std::string_view>>& lines,
                              const std::string& path) {
  std::string_view chosen;
  for (const auto& words : lines) {
    if (words[0] == "auth") chosen = words[1];
  }
  for (const auto& words : lines) {
    if (words[0] != chosen) continue;
    if (words.size() >= 2 && words[1] == "crc")
      return fail(Errc::kInvalidConfig, "{}: method crc of key {} has no secret: use sha1 with one", path,
                  chosen);
    if (words.size() != 3 || (words[1] != "sha1" && words[1] != "md5"))
      return fail(Errc::kInvalidConfig, "{}: key {} must be written  {} sha1 SECRET", path, chosen, chosen);
    if (words[2].size() < kMinSecret)
      return fail(Errc::kInvalidConfig, "{}: the secret of key {} has {} bytes, at least {} are needed", path,
                  chosen, words[2].size(), kMinSecret);
    return to_bytes(words[2]);
  }
  return fail(Errc::kInvalidConfig, "{}: auth names key {}, and there is no line with it", path, chosen);
}

}  // namespace

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
  if (const auto lines = authkeys_lines(as_text(*key)); !lines.empty()) return authkeys_secret(lines, path);
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
