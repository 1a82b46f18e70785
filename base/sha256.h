// Sha256: SHA-256 (FIPS 180-4) by OpenSSL. The algorithm is looked up once for the process: that costs more
// than hashing a few hundred bytes.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace systole {

using Sha256Sum = std::array<std::uint8_t, 32>;

// Of what was added since the beginning or the last finish(). Not for two threads at once.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void add(ByteView bytes);
  void add(std::string_view text);
  Sha256Sum finish();

 private:
  void* context_;  // EVP_MD_CTX
};

std::string hex(std::span<const std::uint8_t> bytes);  // Lower case.

}  // namespace systole
