// Address: an IPv4 or IPv6 address, its prefix arithmetic, and a link's hardware address. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace systole::agents {

using Mac = std::array<std::uint8_t, 6>;

struct Address {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};  // Network order; the first four for IPv4.

  std::size_t size() const { return v6 ? 16 : 4; }
  unsigned bits() const { return v6 ? 128 : 32; }
  bool link_local() const { return v6 && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80; }
  bool operator==(const Address&) const = default;
};

Result<Address> parse_address(std::string_view text);  // kInvalidArgument.
std::string to_string(const Address& address);
std::string to_string(const Mac& mac);

// A prefix length ("24") or, for IPv4, a dotted mask ("255.255.255.0"). kInvalidArgument.
Result<unsigned> parse_prefix(std::string_view text, bool v6);
bool within(const Address& address, const Address& network, unsigned prefix);
Address broadcast_of(const Address& address, unsigned prefix);  // IPv4 only.

}  // namespace systole::agents
