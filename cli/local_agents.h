// Agents installed on this host, found without the daemon: by their folders, and for metadata by running the
// agent itself (argv, never a shell; output bounded, 20 s at most).
#pragma once

#include <string>
#include <vector>

#include "base/paths.h"
#include "base/result.h"

namespace systole::cli {

std::vector<std::string> local_classes(const Paths& paths);
std::vector<std::string> local_providers(const Paths& paths, const std::string& agent_class);
std::vector<std::string> local_types(const Paths& paths, const std::string& agent_class,
                                     const std::string& provider);
// Its program; kNotFound says where it was looked for.
Result<std::string> local_agent_program(const Paths& paths, const std::string& agent_class,
                                        const std::string& provider, const std::string& type);
Result<std::string> local_metadata(const Paths& paths, const std::string& agent_class,
                                   const std::string& provider, const std::string& type);

}  // namespace systole::cli
