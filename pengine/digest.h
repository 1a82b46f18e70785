// Digests of operation parameters, as recorded in lrm_rsc_op (op-digest, op-restart-digest, op-secure-digest)
// by the controller and compared by the scheduler. Pacemaker's own values match.
#pragma once

#include <map>
#include <string>

namespace systole::pengine {

// MD5, hex, of the parameters of an operation. Pass what the action's attributes hold without CRM_meta_*; for
// a recurring operation keep CRM_meta_timeout.
std::string op_digest(const std::map<std::string, std::string, std::less<>>& parameters);

// The same of all that an action carries: parameters and meta-attributes.
std::string operation_digest(const std::map<std::string, std::string, std::less<>>& attributes);

}  // namespace systole::pengine
