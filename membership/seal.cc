#include "membership/seal.h"

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <array>
#include <cstring>

#include "base/check.h"
#include "base/mutation.h"
#include "membership/codec.h"
#include "membership/replay_window.h"

namespace systole::membership {
namespace {

constexpr std::uint8_t kVersion = 2;  // 1: before links had channels and keys a fingerprint.
constexpr std::size_t kSalt = 16;
constexpr std::size_t kHeader = 1 + 2 + 4 + 4 + kSalt + 8;
constexpr std::size_t kInner = 8 + 4;
constexpr std::size_t kTag = 16;
constexpr std::uint64_t kCounterBits = 56;

using Key = std::array<std::uint8_t, 32>;
using Salt = std::array<std::uint8_t, kSalt>;

// HKDF-SHA256.
void derive(ByteView secret, ByteView salt, ByteView info, std::span<std::uint8_t> out) {
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr), EVP_PKEY_CTX_free);
  std::size_t size = out.size();
  const bool derived =
      context && EVP_PKEY_derive_init(context.get()) == 1 &&
      EVP_PKEY_CTX_set_hkdf_md(context.get(), EVP_sha256()) == 1 &&
      EVP_PKEY_CTX_set1_hkdf_salt(context.get(), salt.data(), static_cast<int>(salt.size())) == 1 &&
      EVP_PKEY_CTX_set1_hkdf_key(context.get(), secret.data(), static_cast<int>(secret.size())) == 1 &&
      EVP_PKEY_CTX_add1_hkdf_info(context.get(), info.data(), static_cast<int>(info.size())) == 1 &&
      EVP_PKEY_derive(context.get(), out.data(), &size) == 1 && size == out.size();
  check(derived, "OpenSSL derives a key");
}

Key session_key(ByteView secret, const Salt& salt, NodeId sender) {
  Bytes info = to_bytes("systole frame v1");
  Writer(info).node(sender);
  Key key{};
  derive(secret, salt, info, key);
  return key;
}

std::uint16_t cluster_fingerprint(std::string_view name) {
  std::uint32_t hash = 2166136261U;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return static_cast<std::uint16_t>(hash ^ (hash >> 16));
}

struct CipherContext {
  explicit CipherContext(const Key& key, bool encrypt) : context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free) {
    const bool ready = context && EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(),
                                                    nullptr, encrypt ? 1 : 0) == 1;
    check(ready, "OpenSSL has AES-256-GCM");
  }
  // Sets the nonce and feeds the additional data.
  bool begin(std::uint64_t number, ByteView header, std::string_view cluster) {
    std::array<std::uint8_t, 12> nonce{};
    for (std::size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<std::uint8_t>(number >> (8 * i));
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

std::uint32_t key_fingerprint(ByteView cluster_key) {
  std::array<std::uint8_t, 4> out{};
  derive(cluster_key, as_bytes("systole"), as_bytes("key fingerprint v1"), out);
  return Reader(out).u32();
}

struct Sealer::Cipher {
  Salt salt{};
  CipherContext context;
};

Sealer::Sealer(ByteView cluster_key, std::string cluster_name, NodeLife self, Random& random,
               std::uint32_t session)
    : self_(self),
      session_(session),
      cluster_name_(std::move(cluster_name)),
      key_(key_fingerprint(cluster_key)) {
  Salt salt{};
  random.fill(salt);
  cipher_ =
      std::make_unique<Cipher>(Cipher{salt, CipherContext(session_key(cluster_key, salt, self.node), true)});
}
Sealer::~Sealer() = default;

ByteView Sealer::seal(ByteView frame, unsigned channel) {
  check(channel <= kMaxLinks, "a channel is the ring's or a link's");
  const std::uint64_t number = (static_cast<std::uint64_t>(channel) << kCounterBits) | ++counters_[channel];
  out_.clear();
  Writer w(out_);
  w.u8(kVersion);
  w.u16(cluster_fingerprint(cluster_name_));
  w.u32(key_);
  w.node(self_.node);
  w.bytes(cipher_->salt);
  w.u64(number);
  std::array<std::uint8_t, kInner> inner{};
  for (std::size_t i = 0; i < 8; ++i) inner[i] = static_cast<std::uint8_t>(raw(self_.incarnation) >> (8 * i));
  for (std::size_t i = 0; i < 4; ++i) inner[8 + i] = static_cast<std::uint8_t>(session_ >> (8 * i));
  out_.resize(kHeader + kInner + frame.size() + kTag);
  std::uint8_t* body = out_.data() + kHeader;
  std::uint8_t* tag = body + kInner + frame.size();
  int n = 0;
  CipherContext& c = cipher_->context;
  const bool sealed =
      c.begin(number, ByteView(out_).first(kHeader), cluster_name_) && c.update(body, inner) &&
      c.update(body + kInner, frame) && EVP_CipherFinal_ex(c.context.get(), tag, &n) == 1 &&
      EVP_CIPHER_CTX_ctrl(c.context.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(kTag), tag) == 1;
  check(sealed, "OpenSSL seals a frame");
  return out_;
}

struct Opener::Header {
  std::uint32_t key = 0;
  NodeId sender{};
  Salt salt{};
  unsigned channel = 0;
  std::uint64_t counter = 0;
  std::uint64_t number = 0;  // Both.
};

struct Opener::Session {
  Session(std::uint32_t key_id, const Salt& s, const Key& key)
      : key_fingerprint(key_id), salt(s), context(key, false) {}
  std::uint32_t key_fingerprint;
  std::uint32_t number = 0;
  Salt salt;
  CipherContext context;
  ReplayWindow ring{8192};
  std::array<ReplayWindow, kMaxLinks> links = {ReplayWindow{64}, ReplayWindow{64}, ReplayWindow{64},
                                               ReplayWindow{64}, ReplayWindow{64}, ReplayWindow{64},
                                               ReplayWindow{64}, ReplayWindow{64}};
  ReplayWindow& window(unsigned channel) { return channel == kRingChannel ? ring : links[channel - 1]; }
};

struct Opener::Sender {
  NodeId id{};
  Incarnation incarnation{};
  std::unique_ptr<Session> newest, before;  // Of the newest life; null: none yet.
  Session* find(const Salt& salt) const {
    if (newest && newest->salt == salt) return newest.get();
    return before && before->salt == salt ? before.get() : nullptr;
  }
};

Opener::Opener(NodeLife self, std::string cluster_name, const std::vector<NodeId>& peers)
    : self_(self), cluster_name_(std::move(cluster_name)), cluster_(cluster_fingerprint(cluster_name_)) {
  set_peers(peers);
}
Opener::~Opener() = default;

void Opener::set_peers(const std::vector<NodeId>& peers) {
  std::map<NodeId, std::unique_ptr<Sender>> senders;
  const auto keep = [&](NodeId id) {
    auto& old = senders_[id];
    senders[id] = old ? std::move(old) : std::make_unique<Sender>();
    senders[id]->id = id;
  };
  for (const NodeId id : peers) keep(id);
  keep(self_.node);
  senders_ = std::move(senders);
}

void Opener::set_keys(const std::vector<Bytes>& keys) {
  keys_.clear();
  for (const Bytes& key : keys) keys_[key_fingerprint(key)] = key;
  for (auto& [id, sender] : senders_) {
    if (sender->before && !keys_.contains(sender->before->key_fingerprint)) sender->before.reset();
    // The newest one's number still counts: no older session of this life begins again.
  }
}

bool Opener::decrypt(Session& session, const Header& header, ByteView datagram) {
  const ByteView sealed = datagram.subspan(kHeader, datagram.size() - kHeader - kTag);
  std::array<std::uint8_t, kTag> tag{};
  std::copy(datagram.end() - kTag, datagram.end(), tag.begin());
  out_.resize(sealed.size());
  int n = 0;
  std::uint8_t none[16];
  CipherContext& c = session.context;
  return c.begin(header.number, datagram.first(kHeader), cluster_name_) && c.update(out_.data(), sealed) &&
         EVP_CIPHER_CTX_ctrl(c.context.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(kTag), tag.data()) ==
             1 &&
         EVP_CipherFinal_ex(c.context.get(), none, &n) == 1;
}

// An authentic frame, decrypted in out_: of a session known already (`candidate` is null) or of a new one.
Refusal Opener::accept(Sender& sender, std::unique_ptr<Session> candidate, const Header& header,
                       std::size_t link) {
  Reader inner(out_);
  const Incarnation incarnation{inner.u64()};
  const std::uint32_t number = inner.u32();
  if (sender.id == self_.node) return incarnation == self_.incarnation ? Refusal::kReflected : Refusal::kTwin;
  if (candidate) {
    const bool later_life = incarnation > sender.incarnation;
    if (incarnation < sender.incarnation) return Refusal::kOldLife;
    if (!later_life && sender.newest && number <= sender.newest->number) return Refusal::kOldLife;
    candidate->number = number;
    sender.before = later_life ? nullptr : std::move(sender.newest);
    if (sender.before && !keys_.contains(sender.before->key_fingerprint)) sender.before.reset();
    sender.newest = std::move(candidate);
    sender.incarnation = incarnation;
  } else if (incarnation != sender.incarnation) {
    return Refusal::kMalformed;
  }
  sender.find(header.salt)->window(header.channel).mark(header.counter, link);
  return Refusal::kNone;
}

Opener::Opened Opener::unseal(ByteView datagram, std::size_t link) {
  Opened opened;
  const auto refuse = [&opened](Refusal why) {
    opened.refusal = why;
    return opened;
  };
  if (datagram.empty()) return refuse(Refusal::kMalformed);
  opened.version = datagram[0];
  if (datagram.size() < kSealOverhead || datagram[0] == 0) return refuse(Refusal::kMalformed);
  Reader r(datagram);
  if (r.u8() != kVersion) return refuse(Refusal::kVersion);
  const bool same_cluster = r.u16() == cluster_;
  Header header;
  header.key = opened.key = r.u32();
  header.sender = opened.from.node = r.node();
  const ByteView salt = r.bytes(kSalt);
  std::copy(salt.begin(), salt.end(), header.salt.begin());
  header.number = r.u64();
  header.channel = opened.channel = static_cast<unsigned>(header.number >> kCounterBits);
  header.counter = header.number & ((1ULL << kCounterBits) - 1);
  if (!same_cluster) return refuse(Refusal::kCluster);
  if (header.channel > kMaxLinks) return refuse(Refusal::kMalformed);
  const auto found = senders_.find(header.sender);
  if (found == senders_.end()) return refuse(Refusal::kUnknownPeer);
  const auto secret = keys_.find(header.key);
  if (secret == keys_.end()) return refuse(Refusal::kKey);
  Sender& sender = *found->second;
  Session* current = sender.find(header.salt);
  if (current != nullptr) {
    if (current->key_fingerprint != header.key) return refuse(Refusal::kAuth);
    const auto seen = mutation("replay-window-off")
                          ? ReplayWindow::kNew
                          : current->window(header.channel).judge(header.counter, link);
    if (seen != ReplayWindow::kNew)
      return refuse(seen == ReplayWindow::kOtherLink ? Refusal::kDuplicate : Refusal::kReplay);
  }
  std::unique_ptr<Session> candidate;
  if (current == nullptr) {
    candidate = std::make_unique<Session>(header.key, header.salt,
                                          session_key(secret->second, header.salt, sender.id));
  }
  if (!decrypt(current != nullptr ? *current : *candidate, header, datagram)) return refuse(Refusal::kAuth);
  const Refusal verdict = accept(sender, std::move(candidate), header, link);
  if (verdict != Refusal::kNone) return refuse(verdict);
  opened.from.incarnation = sender.incarnation;
  opened.frame = ByteView(out_).subspan(kInner);
  return opened;
}

}  // namespace systole::membership
