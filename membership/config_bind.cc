// Binding by address or by network: which address of this host each link gets.
#include <arpa/inet.h>

#include <array>
#include <cstring>

#include "membership/config.h"

namespace systole::membership {
namespace {

struct Address {
  std::array<std::uint8_t, 16> bytes{};
  unsigned bits = 0;  // 32 or 128.
};

std::optional<Address> parse(const std::string& text) {
  Address a;
  const std::string plain = text.substr(0, text.find('%'));  // Without scope.
  if (inet_pton(AF_INET, plain.c_str(), a.bytes.data()) == 1) {
    a.bits = 32;
  } else if (inet_pton(AF_INET6, plain.c_str(), a.bytes.data()) == 1) {
    a.bits = 128;
  } else {
    return {};
  }
  return a;
}

bool same_network(const Address& a, const Address& b, unsigned prefix) {
  if (a.bits != b.bits) return false;
  for (unsigned bit = 0; bit < std::min(prefix, a.bits); ++bit) {
    if (((a.bytes[bit / 8] ^ b.bytes[bit / 8]) >> (7 - bit % 8) & 1) != 0) return false;
  }
  return true;
}

std::string broadcast_of(const Interface& interface) {
  auto a = parse(interface.address);
  if (!a || a->bits != 32 || interface.prefix >= 31) return {};
  for (unsigned bit = interface.prefix; bit < 32; ++bit)
    a->bytes[bit / 8] = static_cast<std::uint8_t>(a->bytes[bit / 8] | (0x80U >> (bit % 8)));
  return fmt::format("{}.{}.{}.{}", a->bytes[0], a->bytes[1], a->bytes[2], a->bytes[3]);
}

// This host's interface for `wanted`: the one that has the address, or else one in whose network it is.
const Interface* choose(const std::string& wanted, const std::vector<Interface>& interfaces) {
  const auto address = parse(wanted);
  if (!address) return nullptr;
  for (const Interface& each : interfaces) {
    const auto own = parse(each.address);
    if (own && same_network(*address, *own, own->bits)) return &each;
  }
  for (const Interface& each : interfaces) {
    const auto own = parse(each.address);
    if (own && same_network(*address, *own, each.prefix)) return &each;
  }
  return nullptr;
}

}  // namespace

Result<void> resolve_bindings(ClusterConfig& config, NodeId self, const std::vector<Interface>& interfaces) {
  const ConfiguredNode* node = config.find(self);
  config.local.clear();
  if (node == nullptr) return {};
  for (unsigned link = 0; link < node->addresses.size(); ++link) {
    const std::string& address = node->addresses[link];
    if (address.empty()) continue;
    const std::string& network = config.link(link).bind_network;
    const Interface* own = choose(address, interfaces);
    const bool exact = own != nullptr && parse(own->address)->bytes == parse(address)->bytes;
    if (!network.empty()) {
      const Interface* named = choose(network, interfaces);
      if (named == nullptr) {
        std::string have;
        for (const Interface& each : interfaces)
          have += fmt::format("{}{}/{}", have.empty() ? "" : " ", each.address, each.prefix);
        return fail(
            Errc::kInvalidConfig,
            "corosync.conf: link {}: this host has no address in the network of bindnetaddr {}; it has {}",
            link, network, have);
      }
      // ringX_addr itself where it is in that network, so that others know whom they hear.
      const bool fits = exact && same_network(*parse(address), *parse(network), own->prefix);
      config.local[link] = {fits ? address : named->address, broadcast_of(fits ? *own : *named)};
    } else if (exact) {
      config.local[link] = {address, broadcast_of(*own)};
    }
  }
  return {};
}

}  // namespace systole::membership
