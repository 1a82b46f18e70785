// Result<T>: a value, or the reason why there is none. For operating errors: bad configuration, a lost peer,
// a full disk. Exceptions of libraries are caught at the border and become one of these.
#pragma once

#include <fmt/format.h>

#include <string>
#include <tl/expected.hpp>

namespace systole {

// Each kind has one exit code of Pacemaker's (crm_exit_t), given by exit_code().
enum class Errc {
  kInvalidArgument,  // A call or option that can never succeed.
  kInvalidConfig,    // Configuration that is refused: schema, semantics.
  kParse,            // Bytes or text that are not what they should be.
  kNotFound,
  kExists,
  kConflict,  // Compare-and-swap lost: somebody else changed it first.
  kOld,       // An update older than what is there.
  kDenied,    // No right to.
  kNoQuorum,
  kTimeout,
  kUnavailable,  // Not connected, no DC, queue full: may succeed later.
  kCorrupt,      // Stored data that fails its check.
  kIo,           // The operating system said no.
  kUnsupported,
  kCancelled,
};

struct Error {
  Errc code;
  std::string message;  // For a person: what was attempted, on what, why it failed, what can be done.
};

template <typename T>
using Result = tl::expected<T, Error>;

// fail(Errc::kNotFound, "resource {} is not configured", id): the error side of any Result.
template <typename... Args>
[[nodiscard]] tl::unexpected<Error> fail(Errc code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::make_unexpected(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}
[[nodiscard]] inline tl::unexpected<Error> fail(Error error) { return tl::make_unexpected(std::move(error)); }

// The exit code that Pacemaker's tools give for it: 64 usage, 65 data, 78 config, 102 not connected, 103 old,
// 105 no such object, 106 no quorum, 108 exists, 4 privileges, 124 timeout, 1 otherwise.
int exit_code(Errc code);

}  // namespace systole
