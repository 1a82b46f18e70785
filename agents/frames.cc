#include "agents/frames.h"

#include <algorithm>

namespace systole::agents {
namespace {

constexpr std::uint16_t kArpType = 0x0806, kIpv6Type = 0x86dd;
constexpr std::uint16_t kArpRequest = 1, kArpReply = 2;
constexpr std::uint8_t kSolicitation = 135, kAdvertisement = 136, kIcmpv6 = 58;
constexpr Mac kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr std::size_t kEthernet = 14, kArp = 28, kIpv6 = 40, kNeighbour = 24;

void put(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }
void put16(Bytes& out, std::uint16_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}
ByteView view(const Address& address) { return {address.bytes.data(), address.size()}; }

Bytes ethernet(const Mac& to, const Mac& from, std::uint16_t type) {
  Bytes frame;
  put(frame, to);
  put(frame, from);
  put16(frame, type);
  return frame;
}

Bytes arp(std::uint16_t operation, const Mac& mac, const Address& sender, const Mac& target_mac,
          const Address& target) {
  Bytes frame = ethernet(kBroadcast, mac, kArpType);
  put(frame, Bytes{0, 1, 8, 0, 6, 4});  // Ethernet, IPv4, lengths of their addresses.
  put16(frame, operation);
  put(frame, mac);
  put(frame, view(sender));
  put(frame, target_mac);
  put(frame, view(target));
  return frame;
}

std::uint16_t checksum(ByteView source, ByteView destination, ByteView body) {
  std::uint32_t sum = static_cast<std::uint32_t>(body.size()) + kIcmpv6;
  const auto add = [&](ByteView bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i)
      sum += i % 2 == 0 ? std::uint32_t{bytes[i]} << 8 : bytes[i];
  };
  add(source);
  add(destination);
  add(body);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

Bytes icmpv6(const Mac& from, const Address& source, const Address& destination, Bytes body) {
  const Mac to{
      0x33, 0x33, destination.bytes[12], destination.bytes[13], destination.bytes[14], destination.bytes[15]};
  const std::uint16_t sum = checksum(view(source), view(destination), body);
  body[2] = static_cast<std::uint8_t>(sum >> 8);
  body[3] = static_cast<std::uint8_t>(sum);
  Bytes frame = ethernet(to, from, kIpv6Type);
  put(frame, Bytes{0x60, 0, 0, 0});
  put16(frame, static_cast<std::uint16_t>(body.size()));
  put(frame, Bytes{kIcmpv6, 255});  // Neighbour discovery is only believed with a hop limit of 255.
  put(frame, view(source));
  put(frame, view(destination));
  put(frame, body);
  return frame;
}

Bytes neighbour_body(std::uint8_t type, std::uint8_t flags, const Address& target) {
  Bytes body{type, 0, 0, 0, flags, 0, 0, 0};
  put(body, view(target));
  return body;
}

Bytes advertisement(const Address& address, const Mac& mac) {
  Address all_nodes{true, {0xff, 0x02}};
  all_nodes.bytes[15] = 1;
  constexpr std::uint8_t kOverride = 0x20;
  Bytes body = neighbour_body(kAdvertisement, kOverride, address);
  put(body, Bytes{2, 1});  // Option: the target's link-layer address, in units of 8 bytes.
  put(body, mac);
  return icmpv6(mac, address, all_nodes, std::move(body));
}

Bytes solicitation_probe(const Address& address, const Mac& mac) {
  Address group{true, {0xff, 0x02}};
  group.bytes[11] = 1;
  group.bytes[12] = 0xff;
  std::copy_n(address.bytes.begin() + 13, 3, group.bytes.begin() + 13);
  return icmpv6(mac, Address{true, {}}, group, neighbour_body(kSolicitation, 0, address));
}

bool holds(ByteView frame, std::size_t at, ByteView bytes) {
  return frame.size() >= at + bytes.size() &&
         std::equal(bytes.begin(), bytes.end(), frame.begin() + static_cast<long>(at));
}

Mac mac_at(ByteView frame, std::size_t at) {
  Mac mac;
  std::copy_n(frame.begin() + static_cast<long>(at), mac.size(), mac.begin());
  return mac;
}

}  // namespace

std::vector<Bytes> announcements(const Address& address, const Mac& mac) {
  if (address.v6) return {advertisement(address, mac)};
  return {arp(kArpRequest, mac, address, Mac{}, address), arp(kArpReply, mac, address, kBroadcast, address)};
}

Bytes probe(const Address& address, const Mac& mac) {
  if (address.v6) return solicitation_probe(address, mac);
  return arp(kArpRequest, mac, Address{}, Mac{}, address);
}

std::optional<Mac> claimed_by_other(ByteView frame, const Address& address, const Mac& mac) {
  std::optional<Mac> claimant;
  if (!address.v6) {
    constexpr std::size_t kSenderMac = kEthernet + 8, kSenderIp = kSenderMac + 6;
    const Bytes shape{0x08, 0x06, 0, 1, 8, 0, 6, 4};
    if (frame.size() >= kEthernet + kArp && holds(frame, 12, shape) && holds(frame, kSenderIp, view(address)))
      claimant = mac_at(frame, kSenderMac);
  } else {
    constexpr std::size_t kTarget = kEthernet + kIpv6 + 8;
    const Bytes type{0x86, 0xdd};
    if (frame.size() >= kEthernet + kIpv6 + kNeighbour && holds(frame, 12, type) &&
        frame[kEthernet + 6] == kIcmpv6 && frame[kEthernet + kIpv6] == kAdvertisement &&
        holds(frame, kTarget, view(address)))
      claimant = mac_at(frame, 6);
  }
  if (claimant && *claimant == mac) claimant.reset();
  return claimant;
}

}  // namespace systole::agents
