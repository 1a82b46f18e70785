// op-digest: a fingerprint of the parameters an operation was run with, by which the scheduler sees that they
// have changed since. MD5 of <parameters …/> as Pacemaker writes it, so that histories compare; no security
// hangs on it.
#pragma once

#include <map>
#include <string>

namespace systole::controller {

// `attributes`: of the graph's action, parameters and CRM_meta_* alike. Of the latter only the timeout of a
// recurring operation counts.
std::string operation_digest(const std::map<std::string, std::string>& attributes);

}  // namespace systole::controller
