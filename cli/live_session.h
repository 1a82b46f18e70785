// The Session on the running cluster, over the local API.
#pragma once

#include "cli/session.h"

namespace systole::cli {

std::unique_ptr<Session> live_session(const Paths& paths, const std::string& client);

}  // namespace systole::cli
