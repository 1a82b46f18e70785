#include "agents/address.h"

#include <arpa/inet.h>

#include <bit>
#include <charconv>

namespace systole::agents {

Result<Address> parse_address(std::string_view text) {
  Address address;
  const std::string copy(text);
  if (inet_pton(AF_INET, copy.c_str(), address.bytes.data()) == 1) return address;
  address.v6 = true;
  if (inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
  return fail(Errc::kInvalidArgument, "'{}' is not an IPv4 or IPv6 address", copy);
}

std::string to_string(const Address& address) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text, sizeof text);
  return text;
}

std::string to_string(const Mac& mac) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3], mac[4],
                     mac[5]);
}

Result<unsigned> parse_prefix(std::string_view text, bool v6) {
  const unsigned most = v6 ? 128 : 32;
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size() && number <= most) return number;
  if (const auto mask = parse_address(text); mask && !mask->v6 && !v6) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | mask->bytes[i];
    const auto ones = static_cast<unsigned>(std::countl_one(value));
    if (static_cast<unsigned>(std::popcount(value)) == ones) return ones;
  }
  return fail(Errc::kInvalidArgument, "'{}' is not a prefix length from 0 to {}{}", text, most,
              v6 ? "" : " or a netmask");
}

bool within(const Address& address, const Address& network, unsigned prefix) {
  if (address.v6 != network.v6) return false;
  for (unsigned bit = 0; bit < prefix; ++bit) {
    const std::size_t at = bit / 8;
    const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
    if ((address.bytes[at] & mask) != (network.bytes[at] & mask)) return false;
  }
  return true;
}

Address broadcast_of(const Address& address, unsigned prefix) {
  Address result = address;
  for (unsigned bit = prefix; bit < 32; ++bit)
    result.bytes[bit / 8] = static_cast<std::uint8_t>(result.bytes[bit / 8] | 0x80U >> (bit % 8));
  return result;
}

}  // namespace systole::agents
