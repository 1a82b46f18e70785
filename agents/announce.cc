#include "agents/announce.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "agents/netlink.h"
#include "agents/packet.h"

namespace systole::agents {
namespace {

bool still_here(Netlink& netlink, const Address& address, const Link& link) {
  const auto entries = netlink.addresses(address.v6);
  return entries && std::any_of(entries->begin(), entries->end(), [&](const AddressEntry& e) {
           return e.link == link.index && e.address == address;
         });
}

void rest_of_train(PacketSocket& socket, const Address& address, const Link& link,
                   const AnnounceOptions& options) {
  auto netlink = Netlink::open();
  if (!netlink) return;
  for (unsigned i = 1; i < options.count; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(options.interval_ms));
    if (!still_here(*netlink, address, link)) return;
    for (const Bytes& frame : announcements(address, link.mac)) (void)socket.send(frame);
  }
}

// In the child: nothing of the executor's pipes stays open, so that it sees the agent's end.
void let_go_of_parent() {
  ::setsid();
  const int null = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
  if (null > 2) ::close(null);
}

}  // namespace

Result<void> announce(const Address& address, const Link& link, const AnnounceOptions& options) {
  if (!link.ethernet || options.count == 0) return {};
  auto socket = PacketSocket::open(link, address.v6);
  if (!socket) return fail(socket.error());
  for (const Bytes& frame : announcements(address, link.mac))
    if (auto sent = socket->send(frame); !sent) return sent;
  if (options.count == 1) return {};
  if (!options.background) {
    rest_of_train(*socket, address, link, options);
    return {};
  }
  const pid_t child = ::fork();
  if (child < 0) return fail(Errc::kIo, "no process could be started for the further announcements");
  if (child == 0) {
    let_go_of_parent();
    rest_of_train(*socket, address, link, options);
    ::_exit(0);
  }
  return {};
}

}  // namespace systole::agents
