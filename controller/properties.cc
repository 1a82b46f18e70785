#include "controller/properties.h"

#include <cctype>
#include <charconv>

namespace systole::controller {
namespace {

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

std::optional<std::string> in_set(pugi::xml_node set, std::string_view name) {
  for (const pugi::xml_node pair : set.children("nvpair")) {
    if (name == pair.attribute("name").value()) return pair.attribute("value").value();
  }
  return {};
}

// ISO 8601 durations without years and months: "PT1H30M", "P1D", "PT10S".
std::optional<Milliseconds> iso_duration(std::string_view text) {
  std::int64_t seconds = 0;
  bool time = false, any = false;
  for (text.remove_prefix(1); !text.empty();) {
    if (text.front() == 'T') {
      time = true;
      text.remove_prefix(1);
      continue;
    }
    std::int64_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc() || end == text.data() + text.size() || n < 0 || n > 1'000'000'000) return {};
    const char unit = *end;
    const std::int64_t each = unit == 'W'           ? 604'800
                              : unit == 'D'         ? 86'400
                              : unit == 'H' && time ? 3600
                              : unit == 'M' && time ? 60
                              : unit == 'S' && time ? 1
                                                    : 0;
    if (each == 0) return {};
    seconds += n * each;
    any = true;
    text.remove_prefix(static_cast<std::size_t>(end + 1 - text.data()));
  }
  if (!any) return {};
  return Seconds(seconds);
}

}  // namespace

std::optional<std::string> property(const cib::Document& document, std::string_view name) {
  const pugi::xml_node config = document.section("crm_config");
  std::optional<std::string> found;
  for (const pugi::xml_node set : config.children("cluster_property_set")) {
    const bool bootstrap = std::string_view(set.attribute("id").value()) == "cib-bootstrap-options";
    if (found && !bootstrap) continue;
    if (auto value = in_set(set, name)) {
      if (bootstrap) return value;
      found = std::move(value);
    }
  }
  return found;
}

bool property_is(const cib::Document& document, std::string_view name, bool otherwise) {
  const auto value = property(document, name);
  if (!value) return otherwise;
  for (const char* yes : {"true", "yes", "on", "y", "1"}) {
    if (same_word(*value, yes)) return true;
  }
  for (const char* no : {"false", "no", "off", "n", "0"}) {
    if (same_word(*value, no)) return false;
  }
  return otherwise;
}

std::optional<Milliseconds> parse_interval(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (text.empty()) return {};
  if (text.front() == 'P') return iso_duration(text);
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || n < 0 || n > 10'000'000'000) return {};
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit.empty() || unit == "s" || unit == "sec") return Seconds(n);
  if (unit == "ms" || unit == "msec") return Milliseconds(n);
  if (unit == "us" || unit == "usec") return Milliseconds(n / 1000);
  if (unit == "m" || unit == "min") return Seconds(n * 60);
  if (unit == "h" || unit == "hr") return Seconds(n * 3600);
  if (unit == "d") return Seconds(n * 86'400);
  return {};
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return n;
}

pugi::xml_node node_state(const cib::Document& document, NodeId id) {
  const std::string wanted = std::to_string(raw(id));
  return document.section("status").find_child_by_attribute("node_state", "id", wanted.c_str());
}

pugi::xml_node node_state(const cib::Document& document, std::string_view name) {
  for (const pugi::xml_node node : document.section("status").children("node_state")) {
    if (name == node.attribute("uname").value()) return node;
  }
  return {};
}

}  // namespace systole::controller
