#include "membership/seal.h"

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <array>
#include <bitset>
#include <cstring>

#include "base/check.h"
#include "membership/codec.h"

namespace systole::membership {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kSalt = 16;
constexpr std::size_t kHeader = 1 + 4 + kSalt + 8;
constexpr std::size_t kTag = 16;
constexpr std::uint64_t kReplayWindow = 1024;

using Key = std::array<std::uint8_t, 32>;
using Salt = std::array<std::uint8_t, kSalt>;

Key derive(ByteView secret, const Salt& salt, NodeId sender) {
  Bytes info = to_bytes("systole frame v1");
  Writer(info).node(sender);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr), EVP_PKEY_CTX_free);
  Key key{};
  std::size_t size = key.size();
  const bool derived =
      context && EVP_PKEY_derive_init(context.get()) == 1 &&
      EVP_PKEY_CTX_set_hkdf_md(context.get(), EVP_sha256()) == 1 &&
      EVP_PKEY_CTX_set1_hkdf_salt(context.get(), salt.data(), static_cast<int>(salt.size())) == 1 &&
      EVP_PKEY_CTX_set1_hkdf_key(context.get(), secret.data(), static_cast<int>(secret.size())) == 1 &&
      EVP_PKEY_CTX_add1_hkdf_info(context.get(), info.data(), static_cast<int>(info.size())) == 1 &&
      EVP_PKEY_derive(context.get(), key.data(), &size) == 1 && size == key.size();
  check(derived, "OpenSSL derives a key");
  return key;
}

struct CipherContext {
  explicit CipherContext(const Key& key, bool encrypt) : context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free) {
    const bool ready = context && EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(),
                                                    nullptr, encrypt ? 1 : 0) == 1;
    check(ready, "OpenSSL has AES-256-GCM");
  }
  // Sets the nonce and feeds the additional data.
  bool begin(std::uint64_t counter, ByteView header, std::string_view cluster) {
    std::array<std::uint8_t, 12> nonce{};
    for (std::size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<std::uint8_t>(counter >> (8 * i));
    int n = 0;
    return EVP_CipherInit_ex(context.get(), nullptr, nullptr, nullptr, nonce.data(), -1) == 1 &&
           EVP_CipherUpdate(context.get(), nullptr, &n, header.data(), static_cast<int>(header.size())) ==
               1 &&
           (cluster.empty() || EVP_CipherUpdate(context.get(), nullptr, &n, as_bytes(cluster).data(),
                                                static_cast<int>(cluster.size())) == 1);
  }
  bool update(std::uint8_t* out, ByteView in) {
    int n = 0;
    return in.empty() ||
           EVP_CipherUpdate(context.get(), out, &n, in.data(), static_cast<int>(in.size())) == 1;
  }
  std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context;
};

}  // namespace

struct Sealer::Cipher {
  Salt salt{};
  CipherContext context;
};

Sealer::Sealer(ByteView cluster_key, std::string cluster_name, NodeLife self, Random& random)
    : self_(self), cluster_name_(std::move(cluster_name)) {
  Salt salt{};
  random.fill(salt);
  cipher_ = std::make_unique<Cipher>(Cipher{salt, CipherContext(derive(cluster_key, salt, self.node), true)});
}
Sealer::~Sealer() = default;

ByteView Sealer::seal(ByteView frame) {
  out_.clear();
  Writer w(out_);
  w.u8(kVersion);
  w.node(self_.node);
  w.bytes(cipher_->salt);
  w.u64(++counter_);
  std::array<std::uint8_t, 8> incarnation{};
  for (std::size_t i = 0; i < 8; ++i)
    incarnation[i] = static_cast<std::uint8_t>(raw(self_.incarnation) >> (8 * i));
  out_.resize(kHeader + 8 + frame.size() + kTag);
  std::uint8_t* body = out_.data() + kHeader;
  int n = 0;
  CipherContext& c = cipher_->context;
  const bool sealed = c.begin(counter_, ByteView(out_).first(kHeader), cluster_name_) &&
                      c.update(body, incarnation) && c.update(body + 8, frame) &&
                      EVP_CipherFinal_ex(c.context.get(), body + 8 + frame.size(), &n) == 1 &&
                      EVP_CIPHER_CTX_ctrl(c.context.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(kTag),
                                          body + 8 + frame.size()) == 1;
  check(sealed, "OpenSSL seals a frame");
  return out_;
}

struct Opener::Sender {
  NodeId id{};
  Incarnation incarnation{};
  Salt salt{};
  std::unique_ptr<CipherContext> context;  // Of the newest life; none yet: null.
  std::uint64_t highest = 0;               // Counter.
  std::bitset<kReplayWindow> seen;         // Counters by modulus, of (highest - window, highest].

  bool is_replay(std::uint64_t counter) const {
    if (counter + kReplayWindow <= highest || counter == 0) return true;
    return counter <= highest && seen[counter % kReplayWindow];
  }
  void mark(std::uint64_t counter) {
    if (counter > highest + kReplayWindow) {
      seen.reset();
    } else {
      for (std::uint64_t c = highest + 1; c < counter; ++c) seen[c % kReplayWindow] = false;
    }
    seen[counter % kReplayWindow] = true;
    highest = std::max(highest, counter);
  }
};

Opener::Opener(Bytes cluster_key, std::string cluster_name, const std::vector<NodeId>& peers)
    : cluster_key_(std::move(cluster_key)), cluster_name_(std::move(cluster_name)) {
  for (const NodeId id : peers) {
    senders_[id] = std::make_unique<Sender>();
    senders_[id]->id = id;
  }
}
Opener::~Opener() = default;

Opener::Opened Opener::unseal(ByteView datagram) {
  if (datagram.size() < kSealOverhead || datagram[0] != kVersion) return {Refusal::kMalformed, {}, {}};
  Reader r(datagram);
  r.u8();
  const auto found = senders_.find(r.node());
  if (found == senders_.end()) return {Refusal::kUnknownPeer, {}, {}};
  Sender& sender = *found->second;
  Salt salt{};
  const ByteView salt_view = r.bytes(kSalt);
  std::copy(salt_view.begin(), salt_view.end(), salt.begin());
  const std::uint64_t counter = r.u64();
  const bool current = sender.context && salt == sender.salt;
  if (current && sender.is_replay(counter)) return {Refusal::kReplay, {}, {}};
  std::unique_ptr<CipherContext> candidate;
  if (!current) candidate = std::make_unique<CipherContext>(derive(cluster_key_, salt, sender.id), false);
  CipherContext& c = current ? *sender.context : *candidate;

  const ByteView sealed = datagram.subspan(kHeader, datagram.size() - kHeader - kTag);
  std::array<std::uint8_t, kTag> tag{};
  std::copy(datagram.end() - kTag, datagram.end(), tag.begin());
  out_.resize(sealed.size());
  int n = 0;
  std::uint8_t none[16];
  const bool authentic =
      c.begin(counter, datagram.first(kHeader), cluster_name_) && c.update(out_.data(), sealed) &&
      EVP_CIPHER_CTX_ctrl(c.context.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(kTag), tag.data()) == 1 &&
      EVP_CipherFinal_ex(c.context.get(), none, &n) == 1;
  if (!authentic) return {Refusal::kAuth, {}, {}};
  Reader inner(out_);
  const Incarnation incarnation{inner.u64()};
  if (!current) {
    if (incarnation <= sender.incarnation) return {Refusal::kReplay, {}, {}};  // An older life, played back.
    sender.incarnation = incarnation;
    sender.salt = salt;
    sender.context = std::move(candidate);
    sender.highest = 0;
    sender.seen.reset();
  } else if (incarnation != sender.incarnation) {
    return {Refusal::kMalformed, {}, {}};
  }
  sender.mark(counter);
  return {Refusal::kNone, {sender.id, incarnation}, inner.rest()};
}

}  // namespace systole::membership
