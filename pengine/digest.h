// Digests of operation parameters, as recorded in lrm_rsc_op (op-digest, op-restart-digest, op-secure-digest)
// by the controller and compared by the scheduler. Pacemaker's own values match.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace systole::pengine {

// MD5, hex, of the parameters of an operation. Pass what the action's attributes hold without CRM_meta_*; for
// a recurring operation keep CRM_meta_timeout.
std::string op_digest(const std::map<std::string, std::string, std::less<>>& parameters);

// The parameters whose names are in the blank-separated list (keep), or those that are not. op-restart-digest
// is over the subset listed in op-force-restart, op-secure-digest over those not listed in op-secure-params.
std::map<std::string, std::string, std::less<>> digest_subset(
    const std::map<std::string, std::string, std::less<>>& parameters, std::string_view names, bool keep);

}  // namespace systole::pengine
