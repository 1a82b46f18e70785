#include "cli/exit_codes.h"

#include "cli/output.h"

namespace systole::cli {
namespace {

constexpr ExitCode kCodes[] = {
    {0, "CRM_EX_OK", "OK"},
    {1, "CRM_EX_ERROR", "Error occurred"},
    {2, "CRM_EX_INVALID_PARAM", "Invalid parameter"},
    {3, "CRM_EX_UNIMPLEMENT_FEATURE", "Unimplemented"},
    {4, "CRM_EX_INSUFFICIENT_PRIV", "Insufficient privileges"},
    {5, "CRM_EX_NOT_INSTALLED", "Not installed"},
    {6, "CRM_EX_NOT_CONFIGURED", "Not configured"},
    {7, "CRM_EX_NOT_RUNNING", "Not running"},
    {8, "CRM_EX_PROMOTED", "Promoted"},
    {9, "CRM_EX_FAILED_PROMOTED", "Failed in promoted role"},
    {64, "CRM_EX_USAGE", "Incorrect usage"},
    {65, "CRM_EX_DATAERR", "Invalid data given"},
    {66, "CRM_EX_NOINPUT", "Input file not available"},
    {67, "CRM_EX_NOUSER", "User does not exist"},
    {68, "CRM_EX_NOHOST", "Host does not exist"},
    {69, "CRM_EX_UNAVAILABLE", "Necessary service unavailable"},
    {70, "CRM_EX_SOFTWARE", "Internal software bug"},
    {71, "CRM_EX_OSERR", "Operating system error occurred"},
    {72, "CRM_EX_OSFILE", "System file not available"},
    {73, "CRM_EX_CANTCREAT", "Cannot create output file"},
    {74, "CRM_EX_IOERR", "I/O error occurred"},
    {75, "CRM_EX_TEMPFAIL", "Temporary failure, try again"},
    {76, "CRM_EX_PROTOCOL", "Protocol violated"},
    {77, "CRM_EX_NOPERM", "Insufficient privileges"},
    {78, "CRM_EX_CONFIG", "Invalid configuration"},
    {100, "CRM_EX_FATAL", "Fatal error occurred, will not respawn"},
    {101, "CRM_EX_PANIC", "System panic required"},
    {102, "CRM_EX_DISCONNECT", "Not connected"},
    {103, "CRM_EX_OLD", "Update was older than existing configuration"},
    {104, "CRM_EX_DIGEST", "Digest mismatch"},
    {105, "CRM_EX_NOSUCH", "No such object"},
    {106, "CRM_EX_QUORUM", "Quorum required"},
    {107, "CRM_EX_UNSAFE", "Operation not safe"},
    {108, "CRM_EX_EXISTS", "Requested item already exists"},
    {109, "CRM_EX_MULTIPLE", "Multiple items match request"},
    {110, "CRM_EX_EXPIRED", "Requested item has expired"},
    {111, "CRM_EX_NOT_YET_IN_EFFECT", "Requested item is not yet in effect"},
    {112, "CRM_EX_INDETERMINATE", "Could not determine status"},
    {113, "CRM_EX_UNSATISFIED", "Requested item does not satisfy constraints"},
    {124, "CRM_EX_TIMEOUT", "Timeout occurred"},
    {190, "CRM_EX_DEGRADED", "Service is active but might fail soon"},
    {191, "CRM_EX_DEGRADED_PROMOTED", "Service is promoted but might fail soon"},
    {193, "CRM_EX_NONE", "No exit status available"},
};

const ExitCode* find(int code) {
  for (const ExitCode& entry : kCodes) {
    if (entry.code == code) return &entry;
  }
  return nullptr;
}

}  // namespace

std::span<const ExitCode> exit_codes() { return kCodes; }
const char* exit_name(int code) { return find(code) != nullptr ? find(code)->name : "CRM_EX_UNKNOWN"; }
const char* exit_message(int code) {
  return find(code) != nullptr ? find(code)->message : "Unknown exit status";
}

const char* ocf_text(int rc) {
  switch (rc) {
    case 0:
      return "ok";
    case 1:
      return "error";
    case 2:
      return "invalid parameter";
    case 3:
      return "unimplemented feature";
    case 4:
      return "insufficient privileges";
    case 5:
      return "not installed";
    case 6:
      return "not configured";
    case 7:
      return "not running";
    case 8:
      return "promoted";
    case 9:
      return "promoted (failed)";
    case 190:
      return "ok (degraded)";
    case 191:
      return "promoted (degraded)";
    case 193:
      return "pending";
    case 198:
      return "OCF_TIMEOUT";
    default:
      return "unknown";
  }
}

}  // namespace systole::cli
