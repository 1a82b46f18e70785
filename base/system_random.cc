// The production Random: OpenSSL's generator, drawn in blocks.
#include <openssl/rand.h>

#include <cstring>

#include "base/asio_runtime.h"
#include "base/check.h"

namespace systole {
namespace {

class SystemRandom : public Random {
 public:
  std::uint64_t next() override {
    std::uint8_t raw[8];
    fill(raw);
    std::uint64_t value = 0;
    std::memcpy(&value, raw, sizeof value);
    return value;
  }
  void fill(std::span<std::uint8_t> out) override {
    check(RAND_bytes(out.data(), static_cast<int>(out.size())) == 1, "the system gives random bytes");
  }
};

}  // namespace

std::unique_ptr<Random> system_random() { return std::make_unique<SystemRandom>(); }

}  // namespace systole
