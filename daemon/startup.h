// What a daemon needs before it is one: configuration, key, and which node it is. Each error says what to do.
#pragma once

#include <string>

#include "base/log.h"
#include "base/paths.h"
#include "base/ports.h"
#include "base/result.h"
#include "membership/config.h"

namespace systole::daemon {

struct Setup {
  membership::ClusterConfig config;  // Addresses numeric.
  NodeId self{};
  std::string name;
  Bytes key;
};

// Reads Paths::conf and Paths::authkey, finds out which node this is. Errors: as the parser's, with the
// file's name; kNotFound with the remedy.
Result<Setup> load_setup(Files& files, const Paths& paths);

}  // namespace systole::daemon
