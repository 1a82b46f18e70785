#include "agents/ocf.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace systole::agents {
namespace {

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

void line(std::string_view prefix, std::string_view text) {
  const std::string whole = fmt::format("{}{}\n", prefix, text);
  std::fwrite(whole.data(), 1, whole.size(), stderr);
}

}  // namespace

std::string parameter(const char* name, std::string_view otherwise) {
  const char* value = std::getenv(fmt::format("OCF_RESKEY_{}", name).c_str());
  return value != nullptr && *value != '\0' ? std::string(value) : std::string(otherwise);
}

bool boolean_parameter(const char* name, bool otherwise) {
  const std::string value = lower(parameter(name));
  if (value.empty()) return otherwise;
  return value == "yes" || value == "true" || value == "1" || value == "on" || value == "y" || value == "t" ||
         value == "ja";
}

unsigned number_parameter(const char* name, unsigned otherwise, unsigned most) {
  const std::string value = parameter(name);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (value.empty() || error != std::errc{} || end != value.data() + value.size() || number > most)
    return otherwise;
  return number;
}

std::string state_directory() {
  const char* directory = std::getenv("HA_RSCTMP");
  return directory != nullptr && *directory != '\0' ? directory : "/run/resource-agents";
}

void say(std::string_view text) { line("", text); }
void exit_reason(std::string_view text) { line("ocf-exit-reason:", text); }

}  // namespace systole::agents
