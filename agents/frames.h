// Frames by which a host says or asks who has an address: ARP for IPv4, neighbour discovery for IPv6. Pure.
// Sources: RFC 826 (ARP), RFC 5227 (probes and announcements), RFC 4861 and 4862 (IPv6).
#pragma once

#include <optional>
#include <vector>

#include "agents/address.h"
#include "base/bytes.h"

namespace systole::agents {

// "This address is here, at this hardware address": everybody's caches are to be corrected. For IPv4 both a
// request and a reply, as some stacks heed only one of them; for IPv6 one unsolicited advertisement.
std::vector<Bytes> announcements(const Address& address, const Mac& mac);

// "Does anybody have this address?", asked without claiming it.
Bytes probe(const Address& address, const Mac& mac);

// Whose answer `frame` is when it shows that somebody other than `mac` has the address. Any bytes are safe.
std::optional<Mac> claimed_by_other(ByteView frame, const Address& address, const Mac& mac);

}  // namespace systole::agents
