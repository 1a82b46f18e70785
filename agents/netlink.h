// Netlink: this host's links, addresses and routes, read and changed through rtnetlink(7).
#pragma once

#include <vector>

#include "agents/address_plan.h"

namespace systole::agents {

struct AddressOptions {
  bool no_prefix_route = false;
  bool no_dad = false;                      // IPv6: skip the kernel's own duplicate detection.
  std::optional<unsigned> preferred_lft_s;  // Absent: for ever.
};

class Netlink {
 public:
  static Result<Netlink> open();  // kIo.
  Netlink(Netlink&& other) noexcept;
  Netlink& operator=(Netlink&&) = delete;
  ~Netlink();

  Result<std::vector<Link>> links();
  Result<std::vector<AddressEntry>> addresses(bool v6);
  Result<std::vector<Route>> routes(bool v6);  // Main table, unicast.
  // kExists when it is there, kDenied without the right to, kIo.
  Result<void> add_address(const Address& address, const Placement& placement, const AddressOptions& options);
  Result<void> delete_address(const AddressEntry& entry);  // Absent: kNotFound.
  Result<void> set_up(int link);

 private:
  explicit Netlink(int fd) : fd_(fd) {}
  struct Message;
  Result<void> change(Message& message, const char* what);
  template <typename Handle>
  Result<void> dump(int type, int family, Handle handle);
  template <typename Handle>
  Result<bool> dump_once(int type, int family, Handle& handle);

  int fd_;
  unsigned sequence_ = 0;
};

}  // namespace systole::agents
