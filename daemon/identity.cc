#include "daemon/identity.h"

#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <vector>

namespace systole::daemon {
namespace {

std::string contents(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return {};
  return value;
}

using Fields = std::vector<std::string>;

// The line of an account file whose field `index` is `value`. Lines shorter than what is read of them do not
// count.
std::optional<Fields> find_line(const std::string& text, std::size_t index, const std::string& value,
                                std::size_t least) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    Fields fields;
    std::istringstream parts(line);
    for (std::string field; std::getline(parts, field, ':');) fields.push_back(field);
    if (fields.size() >= least && fields[index] == value) return fields;
  }
  return {};
}

std::optional<Fields> account(const Accounts& accounts, std::size_t index, const std::string& value) {
  return find_line(accounts.passwd, index, value, 4);
}

// Lines "inside outside count" of /proc/self/{uid,gid}_map.
bool mapped(const std::string& map, std::uint32_t id) {
  if (map.empty()) return true;
  std::istringstream lines(map);
  std::uint64_t inside = 0, outside = 0, count = 0;
  while (lines >> inside >> outside >> count) {
    if (id >= inside && id - inside < count) return true;
  }
  return false;
}

std::string name_of(const Accounts& accounts, uid_t uid) {
  if (uid == 0) return "root";
  const auto line = account(accounts, 2, std::to_string(uid));
  return line ? (*line)[0] : fmt::format("uid {}", uid);
}

std::optional<gid_t> daemon_group(const Accounts& accounts) {
  const auto line = find_line(accounts.group, 0, kDaemonGroup, 3);
  return line ? number((*line)[2]) : std::nullopt;
}

struct Ids {
  uid_t uid;
  gid_t gid;
};

// NAME, UID or UID:GID.
std::optional<Ids> look_up(const std::string& user, const Accounts& accounts) {
  const std::string first = user.substr(0, user.find(':'));
  const auto given = number(first);
  if (given && first.size() < user.size()) {
    const auto gid = number(std::string_view(user).substr(first.size() + 1));
    return gid ? std::optional(Ids{*given, *gid}) : std::nullopt;
  }
  const auto line = given ? account(accounts, 2, first) : account(accounts, 0, user);
  const auto uid = given ? given : line ? number((*line)[2]) : std::nullopt;
  if (!uid) return {};
  const auto own = line ? number((*line)[3]) : std::nullopt;
  return Ids{*uid, daemon_group(accounts).value_or(own.value_or(*uid))};
}

bool possible(const Accounts& accounts, const Ids& ids) {
  return !accounts.groups_denied && mapped(accounts.uid_map, ids.uid) && mapped(accounts.gid_map, ids.gid);
}

// Root all the same, but in haclient, which the local API's socket belongs to.
Identity as_root(const Accounts& accounts, std::string warning) {
  Identity identity{0, accounts.gid, "root", false, std::move(warning)};
  const auto group = daemon_group(accounts);
  if (group && possible(accounts, {0, *group})) {
    identity.gid = *group;
    identity.changes = true;
  }
  return identity;
}

}  // namespace

Result<Identity> choose_identity(const std::string& wanted, const Accounts& accounts) {
  const std::string user = wanted.empty() ? kDaemonUser : wanted;
  const auto found = look_up(user, accounts);
  if (accounts.uid != 0) {
    const std::string own = name_of(accounts, accounts.uid);
    if (wanted.empty() || (found && found->uid == accounts.uid))
      return Identity{accounts.uid, accounts.gid, own, false, {}};
    return fail(Errc::kDenied, "{} may not run the daemon as {}: start it as root, or without --user", own,
                user);
  }
  if (!found && !wanted.empty()) {
    return fail(Errc::kNotFound,
                "there is no user {} in /etc/passwd: make one, or name another with --user or SYSTOLE_USER",
                user);
  }
  if (!found) {
    return as_root(
        accounts,
        fmt::format("runs as root, because there is no user {0}. Make one with  groupadd --system {1}; "
                    "useradd --system --gid {1} --home-dir /var/lib/pacemaker --shell "
                    "/usr/sbin/nologin {0}  and start it again, or say --user root",
                    kDaemonUser, kDaemonGroup));
  }
  if (found->uid == 0) return as_root(accounts, {});
  if (!possible(accounts, *found)) {
    const std::string why = fmt::format("this user namespace has no user {}", user);
    if (!wanted.empty()) return fail(Errc::kDenied, "cannot run as {}: {}", user, why);
    return as_root(accounts, fmt::format("runs as its namespace's root: {}", why));
  }
  return Identity{found->uid, found->gid, name_of(accounts, found->uid), true, {}};
}

Accounts host_accounts() {
  Accounts accounts;
  accounts.uid = ::geteuid();
  accounts.gid = ::getegid();
  accounts.passwd = contents("/etc/passwd");
  accounts.group = contents("/etc/group");
  accounts.uid_map = contents("/proc/self/uid_map");
  accounts.gid_map = contents("/proc/self/gid_map");
  accounts.groups_denied = contents("/proc/self/setgroups").starts_with("deny");
  return accounts;
}

}  // namespace systole::daemon
