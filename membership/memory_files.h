// Files in memory, for tests.
#pragma once

#include <map>

#include "base/ports.h"

namespace systole::membership {

class MemoryFiles : public Files {
 public:
  struct File {
    Bytes content;
    unsigned mode = 0600;
  };
  std::map<std::string, File> files;
  bool full = false;

  Result<Bytes> read(const std::string& path) override {
    const auto found = files.find(path);
    if (found == files.end()) return fail(Errc::kNotFound, "{}: no such file", path);
    return found->second.content;
  }
  Result<void> write_atomic(const std::string& path, ByteView content, unsigned mode) override {
    if (full) return fail(Errc::kIo, "{}: no space left", path);
    files[path] = {Bytes(content.begin(), content.end()), mode};
    return {};
  }
  Result<Status> status(const std::string& path) override {
    const auto found = files.find(path);
    if (found == files.end()) return fail(Errc::kNotFound, "{}: no such file", path);
    return Status{found->second.content.size(), found->second.mode, 0, false};
  }
  Result<std::vector<std::string>> list(const std::string&) override { return std::vector<std::string>{}; }
  Result<void> remove(const std::string& path) override {
    files.erase(path);
    return {};
  }
  Result<void> make_directory(const std::string&, unsigned) override { return {}; }
};

class CountingRandom : public Random {
 public:
  explicit CountingRandom(std::uint64_t seed = 1) : state_(seed) {}
  std::uint64_t next() override {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return state_ >> 11;
  }
  void fill(std::span<std::uint8_t> out) override {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(next());
  }

 private:
  std::uint64_t state_;
};

}  // namespace systole::membership
