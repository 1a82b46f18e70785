// What a daemon needs before it is one: configuration, key, and which node it is. Each error says what to do.
#pragma once

#include <string>

#include "base/log.h"
#include "base/paths.h"
#include "base/ports.h"
#include "base/result.h"
#include "membership/config.h"
#include "qdevice/certificates.h"
#include "qdevice/disk.h"

namespace systole::daemon {

struct Setup {
  membership::ClusterConfig config;  // Addresses numeric.
  NodeId self{};
  std::string name;
  Bytes digest;         // Of corosync.conf's text.
  std::string keyfile;  // Path of the key.
  Bytes key;
  Bytes next_key;                                         // Of a rotation that was cut off; empty: none.
  std::shared_ptr<boost::asio::ssl::context> device_tls;  // For the quorum device; null: plain text.
  std::unique_ptr<qdevice::Disk> disk;  // The quorum disk, opened while there are the rights to.
};

// Reads Paths::conf and Paths::authkey, finds out which node this is. Errors: as the parser's, with the
// file's name; kNotFound with the remedy.
Result<Setup> load_setup(Files& files, const Paths& paths);
// The same without the key, which the daemon's user cannot read.
Result<Setup> load_config(Files& files, const Paths& paths);
// How a new key is stored by systole-keygen, which the helper runs as root: the next one beside that in use,
// or in its place.
ProcessSpec store_key(const std::string& keyfile, ByteView key, bool next);

}  // namespace systole::daemon
