// The second half of invocation.h: what a process's end means.
#include <cerrno>
#include <cstring>

#include "lrmd/invocation.h"

namespace systole::lrmd {
namespace {

constexpr std::string_view kReasonPrefix = "ocf-exit-reason:";
constexpr std::size_t kMostOutput = 4096;

bool is_status(const Operation& op) { return op.task == "monitor" || op.task == "status"; }

// LSB: "status" has its own codes; the others' codes 0..7 are OCF's.
int lsb_code(const Operation& op, int code) {
  if (is_status(op)) {
    if (code == 0) return ocf::kOk;
    if (code >= 1 && code <= 3) return ocf::kNotRunning;  // Dead with pid file, with lock file; stopped.
    if (code == 150) return ocf::kNotInstalled;
    if (code == 151) return ocf::kInsufficientPrivileges;
    return ocf::kGenericError;
  }
  // Stopping what does not run is success (LSB: "shall be considered successful"); some scripts say 7.
  if (op.task == "stop" && code == ocf::kNotRunning) return ocf::kOk;
  return code <= ocf::kNotRunning ? code : ocf::kGenericError;
}

bool says(std::string_view text, std::string_view word) { return text.find(word) != text.npos; }

// Heartbeat: "status" speaks in words, whatever it returns.
int heartbeat_code(const Operation& op, int code, std::string words) {
  if (!is_status(op)) return code == 0 ? ocf::kOk : ocf::kGenericError;
  for (char& c : words) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  for (const char* down : {"not running", "not ok", "stopped", "dead", "down", "inactive"}) {
    if (says(words, down)) return ocf::kNotRunning;
  }
  return says(words, "running") || says(words, "ok") ? ocf::kOk : ocf::kNotRunning;
}

// The last line that an agent wrote by ocf_exit_reason.
std::string reason_in(std::string_view errors) {
  const auto at = errors.rfind(kReasonPrefix);
  if (at == errors.npos || (at != 0 && errors[at - 1] != '\n')) return {};
  errors.remove_prefix(at + kReasonPrefix.size());
  std::string reason = printable(errors.substr(0, errors.find('\n')), 1024);
  while (!reason.empty() && reason.back() == ' ') reason.pop_back();
  return reason;
}

std::string last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  const auto newline = text.rfind('\n');
  return printable(newline == text.npos ? text : text.substr(newline + 1), 256);
}

void judge_exit(const Operation& op, const ProcessResult& process, OpResult& result) {
  result.status = OpStatus::kDone;
  const std::string& agent_class = op.agent.agent_class;
  if (agent_class == "lsb" || agent_class == "service") {
    result.rc = lsb_code(op, process.code);
  } else if (agent_class == "heartbeat") {
    result.rc = heartbeat_code(op, process.code, process.output);
  } else {
    result.rc = process.code;
  }
}

void judge_start_failure(const ProcessResult& process, OpResult& result) {
  result.status = OpStatus::kError;
  result.exit_reason = fmt::format("the agent cannot be executed: {}", std::strerror(process.code));
  if (!process.errors.empty()) result.exit_reason += " (" + printable(process.errors, 256) + ")";
  if (process.code == ENOENT || process.code == ENOTDIR || process.code == ENOEXEC) {
    result.rc = ocf::kNotInstalled;
    result.status = OpStatus::kNotInstalled;
  } else if (process.code == EACCES || process.code == EPERM) {
    result.rc = ocf::kInsufficientPrivileges;
  }
}

// The bytes of the UTF-8 character that begins here; 0 where none does that XML 1.0 allows.
std::size_t character_at(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return lead >= 0x20 ? (lead == 0x7f ? 0 : 1) : (lead == '\n' || lead == '\t' ? 1 : 0);
  const std::size_t size = lead >= 0xf0 && lead < 0xf5 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (size == 0 || lead >= 0xf5 || s.size() < size) return 0;
  std::uint32_t code = lead & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return 0;
    code = (code << 6) | (byte(i) & 0x3fU);
  }
  const bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  const bool forbidden =
      (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff || code == 0xfffe || code == 0xffff;
  return overlong || forbidden ? 0 : size;
}

}  // namespace

std::string printable(std::string_view text, std::size_t most) {
  if (text.size() > most) {
    text.remove_prefix(text.size() - most);
    // Not from the middle of a character.
    while (!text.empty() && (static_cast<unsigned char>(text.front()) & 0xc0U) == 0x80) text.remove_prefix(1);
  }
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = character_at(text);
    if (size == 0) {
      clean += '?';
    } else {
      clean += text.substr(0, size);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return clean;
}

void judge(const Operation& op, const ProcessResult& process, bool timed_out, OpResult& result) {
  result.rc = ocf::kGenericError;
  result.exec_time = process.ran;
  result.starved = process.starved;
  result.exit_reason = reason_in(process.errors);
  result.output = printable(process.output.empty() ? process.errors : process.output, kMostOutput);
  if (timed_out) {
    result.status = OpStatus::kTimedOut;
    const std::string said = result.exit_reason.empty() ? last_line(process.errors) : result.exit_reason;
    result.exit_reason =
        fmt::format("{} timed out after {}", op.task,
                    op.timeout.count() % 1000 == 0 ? fmt::format("{}s", op.timeout.count() / 1000)
                                                   : fmt::format("{}ms", op.timeout.count()));
    if (process.ran == Duration::zero()) result.exit_reason += ", still waiting to be started";
    if (!said.empty()) result.exit_reason += "; its last words: " + said;
    return;
  }
  switch (process.end) {
    case ProcessResult::End::kExited:
      return judge_exit(op, process, result);
    case ProcessResult::End::kFailedToStart:
      return judge_start_failure(process, result);
    case ProcessResult::End::kSignalled:
      result.status = OpStatus::kError;
      if (result.exit_reason.empty())
        result.exit_reason = fmt::format("the agent died of signal {}", process.code);
      return;
    case ProcessResult::End::kKilledByUs:
      result.status = OpStatus::kCancelled;
      result.exit_reason = "the operation was cancelled";
      return;
  }
}

}  // namespace systole::lrmd
