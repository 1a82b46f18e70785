// Helpers of the model: names, scores, tables of nodes.
#include "pengine/model.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "pengine/rules.h"

namespace systole::pengine {

int add_scores(int a, int b) {
  if (a <= -kInfinity || b <= -kInfinity) return -kInfinity;
  if (a >= kInfinity || b >= kInfinity) return kInfinity;
  return std::clamp(a + b, -kInfinity, kInfinity);
}

std::string score_text(int score) {
  if (score >= kInfinity) return "INFINITY";
  if (score <= -kInfinity) return "-INFINITY";
  return std::to_string(score);
}

}  // namespace systole::pengine

namespace systole::pengine::engine {

const char* role_name(Role role) {
  switch (role) {
    case Role::kUnknown:
      return "Unknown";
    case Role::kStopped:
      return "Stopped";
    case Role::kStarted:
      return "Started";
    case Role::kUnpromoted:
      return "Unpromoted";
    case Role::kPromoted:
      return "Promoted";
  }
  return "Unknown";
}

namespace {
bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
         });
}
}  // namespace

Role role_from(std::string_view text) {
  if (same(text, "stopped")) return Role::kStopped;
  if (same(text, "started")) return Role::kStarted;
  if (same(text, "unpromoted") || same(text, "slave")) return Role::kUnpromoted;
  if (same(text, "promoted") || same(text, "master")) return Role::kPromoted;
  return Role::kUnknown;
}

Place* Places::find(const Node* node) {
  if (!node) return nullptr;
  const auto slot = static_cast<std::size_t>(node->slot);
  if (slot < entries_.size() && entries_[slot].node == node) return &entries_[slot];
  auto it = std::lower_bound(entries_.begin(), entries_.end(), node->slot,
                             [](const Place& p, int s) { return p.node->slot < s; });
  return it != entries_.end() && it->node == node ? &*it : nullptr;
}

Place& Places::add(const Place& place) {
  auto it = std::lower_bound(entries_.begin(), entries_.end(), place.node->slot,
                             [](const Place& p, int s) { return p.node->slot < s; });
  if (it != entries_.end() && it->node == place.node) return *it;
  return *entries_.insert(it, place);
}

bool is_guest(const Node* node) {
  return node && node->kind == NodeKind::kRemote && node->remote && node->remote->container;
}
bool is_remote(const Node* node) {
  return node && node->kind == NodeKind::kRemote && !(node->remote && node->remote->container);
}
bool is_guest_or_remote(const Node* node) { return node && node->kind == NodeKind::kRemote; }

Resource* top(Resource* r, bool into_bundle) {
  if (!r) return nullptr;
  while (r->parent && (into_bundle || !is_bundle(r->parent))) r = r->parent;
  return r;
}

bool is_bundled(const Resource* r) { return r && is_bundle(top(r, true)); }

const std::string& history_id(const Resource* r) { return r->history_name.empty() ? r->id : r->history_name; }

void Cluster::problem(Problem::Severity severity, std::string message) {
  other_problems |= !reads_configuration;
  if (scope) return;
  if (problem_seen.insert(message).second) problems.push_back({severity, std::move(message)});
}

Resource* Cluster::find_resource(std::string_view id) const {
  if (auto it = resource_by_id.find(id); it != resource_by_id.end()) return it->second;
  if (auto it = resource_by_def.find(id); it != resource_by_def.end()) return it->second;
  return nullptr;
}

Node* Cluster::find_node(std::string_view name) const {
  auto it = node_by_name.find(name);
  return it == node_by_name.end() ? nullptr : it->second;
}

std::string_view Cluster::property(std::initializer_list<std::string_view> names,
                                   std::string_view fallback) const {
  for (auto name : names)
    if (auto it = properties.find(name); it != properties.end() && !it->second.empty()) return it->second;
  return fallback;
}

bool is_true(std::string_view t) {
  return same(t, "true") || same(t, "on") || same(t, "yes") || same(t, "y") || t == "1";
}
bool is_false(std::string_view t) {
  return same(t, "false") || same(t, "off") || same(t, "no") || same(t, "n") || t == "0";
}

bool same_text(std::string_view a, std::string_view b) { return same(a, b); }

std::optional<std::string_view> meta_of(const Meta& meta, std::string_view name) {
  auto it = meta.find(name);
  if (it == meta.end()) return std::nullopt;
  return it->second;
}

std::string meta_or(const Meta& meta, std::string_view name, std::string_view fallback) {
  auto it = meta.find(name);
  return std::string(it == meta.end() ? fallback : std::string_view(it->second));
}

std::optional<std::int64_t> parse_int(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  std::int64_t value = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec == std::errc::result_out_of_range) return text.front() == '-' ? INT64_MIN : INT64_MAX;
  if (ec != std::errc{}) return std::nullopt;
  return value;
}

int parse_score(std::string_view text, int fallback) {
  if (text.empty()) return fallback;
  if (text == "-INFINITY" || text == "-infinity") return -kInfinity;
  if (text == "INFINITY" || text == "+INFINITY" || text == "infinity") return kInfinity;
  if (same(text, "red")) return -kInfinity;
  if (same(text, "green") || same(text, "yellow")) return 0;
  auto value = parse_int(text);
  if (!value) return fallback;
  return static_cast<int>(std::clamp<std::int64_t>(*value, -kInfinity, kInfinity));
}

std::int64_t parse_interval_ms(std::string_view text, std::int64_t fallback) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  if (text.empty()) return fallback;
  if (text.front() == 'P' || text.front() == 'p') {
    std::int64_t total = 0;
    bool time = false;
    std::size_t i = 1;
    while (i < text.size()) {
      if (text[i] == 'T') {
        time = true;
        ++i;
        continue;
      }
      std::int64_t value = 0;
      auto [end, ec] = std::from_chars(text.data() + i, text.data() + text.size(), value);
      if (ec != std::errc{} || end == text.data() + text.size()) return fallback;
      value = std::min<std::int64_t>(value, 1'000'000'000);
      i = static_cast<std::size_t>(end - text.data());
      switch (text[i++]) {
        case 'Y':
          total += value * 31536000;
          break;
        case 'M':
          total += time ? value * 60 : value * 2592000;
          break;
        case 'W':
          total += value * 604800;
          break;
        case 'D':
          total += value * 86400;
          break;
        case 'H':
          total += value * 3600;
          break;
        case 'S':
          total += value;
          break;
        default:
          return fallback;
      }
    }
    return total * 1000;
  }
  std::int64_t value = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec == std::errc::result_out_of_range)
    value = INT32_MAX;
  else if (ec != std::errc{})
    return fallback;
  value = std::clamp<std::int64_t>(value, -1'000'000'000'000, 1'000'000'000'000);
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  while (!unit.empty() && std::isspace(static_cast<unsigned char>(unit.front()))) unit.remove_prefix(1);
  while (!unit.empty() && std::isspace(static_cast<unsigned char>(unit.back()))) unit.remove_suffix(1);
  if (unit.empty() || same(unit, "s") || same(unit, "sec")) return value * 1000;
  if (same(unit, "ms") || same(unit, "msec")) return value;
  if (same(unit, "us") || same(unit, "usec")) return value / 1000;
  if (same(unit, "m") || same(unit, "min")) return value * 60000;
  if (same(unit, "h") || same(unit, "hr")) return value * 3600000;
  return fallback;
}

std::string op_key(std::string_view resource, std::string_view task, std::int64_t interval_ms) {
  std::string key;
  key.reserve(resource.size() + task.size() + 12);
  key.append(resource).append("_").append(task);
  // Most have none.
  if (interval_ms == 0) return key.append("_0");
  return key.append("_").append(std::to_string(interval_ms));
}

bool is_op_key(std::string_view key, std::string_view resource, std::string_view task) {
  return key.size() == resource.size() + task.size() + 3 && key[resource.size()] == '_' &&
         key.ends_with("_0") && key.substr(resource.size() + 1, task.size()) == task &&
         key.starts_with(resource);
}

int compare_numeric(std::string_view a, std::string_view b) {
  std::size_t i = 0, j = 0;
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  while (i < a.size() && j < b.size()) {
    if (digit(a[i]) && digit(b[j])) {
      while (i < a.size() && a[i] == '0') ++i;
      while (j < b.size() && b[j] == '0') ++j;
      std::size_t x = i, y = j;
      while (x < a.size() && digit(a[x])) ++x;
      while (y < b.size() && digit(b[y])) ++y;
      if (x - i != y - j) return x - i < y - j ? -1 : 1;
      const int c = a.substr(i, x - i).compare(b.substr(j, y - j));
      if (c != 0) return c < 0 ? -1 : 1;
      i = x;
      j = y;
      continue;
    }
    const int c =
        std::tolower(static_cast<unsigned char>(a[i])) - std::tolower(static_cast<unsigned char>(b[j]));
    if (c != 0) return c < 0 ? -1 : 1;
    ++i;
    ++j;
  }
  if (i < a.size()) return 1;
  if (j < b.size()) return -1;
  return 0;
}

}  // namespace systole::pengine::engine
