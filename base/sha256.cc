#include "base/sha256.h"

#include <openssl/evp.h>

#include "base/check.h"

namespace systole {
namespace {

const EVP_MD* algorithm() {
  static const EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);  // Kept to the end.
  check(kAlgorithm != nullptr, "SHA-256 is there");
  return kAlgorithm;
}

EVP_MD_CTX* of(void* context) { return static_cast<EVP_MD_CTX*>(context); }

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  check(context_ != nullptr && EVP_DigestInit_ex2(of(context_), algorithm(), nullptr) == 1, "SHA-256 begins");
}
Sha256::~Sha256() { EVP_MD_CTX_free(of(context_)); }

void Sha256::add(ByteView bytes) {
  check(EVP_DigestUpdate(of(context_), bytes.data(), bytes.size()) == 1, "SHA-256 takes bytes");
}
void Sha256::add(std::string_view text) {
  check(EVP_DigestUpdate(of(context_), text.data(), text.size()) == 1, "SHA-256 takes text");
}

Sha256Sum Sha256::finish() {
  Sha256Sum sum;
  check(EVP_DigestFinal_ex(of(context_), sum.data(), nullptr) == 1 &&
            EVP_DigestInit_ex2(of(context_), nullptr, nullptr) == 1,
        "SHA-256 ends");
  return sum;
}

std::string hex(std::span<const std::uint8_t> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

}  // namespace systole
