// What every OCF agent needs: its parameters from the environment, exit codes, and words for the person who
// reads the result. Source: OCF Resource Agent API 1.1.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace systole::agents {

enum class Ocf : int {
  kSuccess = 0,
  kGeneric = 1,
  kInvalidArguments = 2,
  kUnimplemented = 3,
  kPermission = 4,
  kNotInstalled = 5,
  kNotConfigured = 6,
  kNotRunning = 7,
};

// OCF_RESKEY_name, or `otherwise` when it is absent or empty.
std::string parameter(const char* name, std::string_view otherwise = "");
// yes, true, 1, on, y and t in any case are true; absent or empty: `otherwise`.
bool boolean_parameter(const char* name, bool otherwise);
// A number in [0, most]; absent or not a number: `otherwise`.
unsigned number_parameter(const char* name, unsigned otherwise, unsigned most);

// Where agents keep what a reboot may forget: HA_RSCTMP.
std::string state_directory();

// For the log only.
void say(std::string_view text);
// For the log and for crm_mon: why the action failed.
void exit_reason(std::string_view text);

}  // namespace systole::agents
