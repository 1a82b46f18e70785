// The cluster's key file, readable by root alone: Corosync's authkey, any random bytes, 128 or more; or
// Heartbeat's authkeys, lines of `auth 1` and `1 sha1 SECRET`, of which the secret named by `auth` is the
// key.
#pragma once

#include "base/ports.h"
#include "base/result.h"

namespace systole::membership {

inline constexpr const char* kNextKey = ".next";  // Added to the path: the key that a rotation brings.
inline constexpr std::size_t kMinKey = 128;       // Bytes.
inline constexpr std::size_t kMaxKey = 4096;      // Bytes.
inline constexpr std::size_t kMinSecret = 16;     // Bytes, of authkeys: what people type.
inline constexpr std::size_t kNewKey = 256;       // Bytes, as corosync-keygen writes.

// Errors name the file and the remedy: kNotFound, kDenied (readable or writable by group or others),
// kInvalidConfig (empty, too short, too long), kIo.
Result<Bytes> load_key(Files& files, const std::string& path);
// Writes a key in the place of what is there, mode 0400, and removes a next one that is it. Errors: as
// load_key.
Result<void> store_key(Files& files, const std::string& path, ByteView key);
// Writes a new key, mode 0400. Error: kExists when there is one already.
Result<void> generate_key(Files& files, Random& random, const std::string& path, std::size_t size = kNewKey);

}  // namespace systole::membership
