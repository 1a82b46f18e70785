// What is installed on this node, by looking at folders only.
#pragma once

#include "lrmd/executor.h"

namespace systole::lrmd {

std::vector<std::string> installed_classes(const Paths& paths, Files& files);
std::vector<std::string> installed_providers(const std::string& agent_class, const Paths& paths,
                                             Files& files);
std::vector<std::string> installed_types(const std::string& agent_class, const std::string& provider,
                                         const Paths& paths, Files& files);

}  // namespace systole::lrmd
