// Rules: parsing and evaluation.
#include "pengine/rules.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <ctime>

#include "pengine/model.h"

namespace systole::pengine::engine {
namespace {

using pugi::xml_node;

std::int64_t days_from_civil(std::int64_t y, int m, int d) {
  y -= m <= 2;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const auto yoe = static_cast<unsigned>(y - era * 400);
  const auto doy = static_cast<unsigned>((153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1);
  const unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + static_cast<std::int64_t>(doe) - 719468;
}

struct Civil {
  std::int64_t year = 1970;
  int month = 1, day = 1, hour = 0, minute = 0, second = 0;
  int yearday = 1, weekday = 1, week = 1;
  std::int64_t weekyear = 1970;
};

bool leap(std::int64_t y) { return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0; }

int month_days(std::int64_t y, int m) {
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return m == 2 && leap(y) ? 29 : kDays[(m - 1) % 12];
}

Civil civil_from(std::int64_t seconds) {
  Civil c;
  std::int64_t days = seconds / 86400, rest = seconds % 86400;
  if (rest < 0) {
    rest += 86400;
    --days;
  }
  c.hour = static_cast<int>(rest / 3600);
  c.minute = static_cast<int>(rest / 60 % 60);
  c.second = static_cast<int>(rest % 60);
  const std::int64_t z = days + 719468;
  const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const auto doe = static_cast<unsigned>(z - era * 146097);
  const unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const unsigned mp = (5 * doy + 2) / 153;
  c.day = static_cast<int>(doy - (153 * mp + 2) / 5 + 1);
  c.month = static_cast<int>(mp < 10 ? mp + 3 : mp - 9);
  c.year = static_cast<std::int64_t>(yoe) + era * 400 + (c.month <= 2);
  c.weekday = static_cast<int>(((days % 7) + 7 + 3) % 7) + 1;  // Monday is 1.
  c.yearday = static_cast<int>(days - days_from_civil(c.year, 1, 1)) + 1;
  // ISO week: that of the week's Thursday.
  const std::int64_t thursday = days - (c.weekday - 1) + 3;
  std::int64_t y = c.year;
  if (thursday < days_from_civil(y, 1, 1))
    --y;
  else if (thursday >= days_from_civil(y + 1, 1, 1))
    ++y;
  c.weekyear = y;
  c.week = static_cast<int>((thursday - days_from_civil(y, 1, 1)) / 7) + 1;
  return c;
}

std::int64_t to_epoch(const Civil& c) {
  return days_from_civil(c.year, c.month, c.day) * 86400 + c.hour * 3600 + c.minute * 60 + c.second;
}

// Reads up to `digits` digits; false when there is none.
bool number(std::string_view& text, std::size_t digits, int& out) {
  std::size_t n = 0;
  int value = 0;
  while (n < digits && n < text.size() && text[n] >= '0' && text[n] <= '9') {
    value = value * 10 + (text[n] - '0');
    ++n;
  }
  if (n == 0) return false;
  text.remove_prefix(n);
  out = value;
  return true;
}

bool parse_clock(std::string_view& text, std::int64_t& seconds, std::int64_t& zone) {
  int h = 0, m = 0, s = 0;
  if (!number(text, 2, h)) return false;
  if (!text.empty() && text.front() == ':') text.remove_prefix(1);
  if (!number(text, 2, m)) m = 0;
  if (!text.empty() && text.front() == ':') text.remove_prefix(1);
  if (!number(text, 2, s)) s = 0;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    int ignored = 0;
    number(text, 9, ignored);
  }
  if (h > 24 || m > 59 || s > 60) return false;
  seconds = h * 3600 + m * 60 + s;
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  zone = 0;
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    const int sign = text.front() == '-' ? -1 : 1;
    text.remove_prefix(1);
    int zh = 0, zm = 0;
    if (!number(text, 2, zh)) return false;
    if (!text.empty() && text.front() == ':') text.remove_prefix(1);
    if (!number(text, 2, zm)) zm = 0;
    zone = sign * (zh * 3600 + zm * 60);
  }
  return true;
}

}  // namespace

std::optional<std::int64_t> parse_date(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  if (text == "epoch") return 0;
  int year = 0, month = 1, day = 1;
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  if (digits < 4 || !number(text, 4, year)) return std::nullopt;
  std::int64_t base = 0;
  if (!text.empty() && text.front() == '-') text.remove_prefix(1);
  if (!text.empty() && text.front() == 'W') {
    text.remove_prefix(1);
    int week = 1, weekday = 1;
    if (!number(text, 2, week)) return std::nullopt;
    if (!text.empty() && text.front() == '-') text.remove_prefix(1);
    if (!number(text, 1, weekday)) weekday = 1;
    const std::int64_t fourth = days_from_civil(year, 1, 4);
    const std::int64_t monday = fourth - ((fourth % 7 + 7 + 3) % 7);
    base = (monday + (week - 1) * 7 + weekday - 1) * 86400;
  } else {
    std::size_t run = 0;
    while (run < text.size() && text[run] >= '0' && text[run] <= '9') ++run;
    if (run == 3) {
      int yearday = 1;
      number(text, 3, yearday);
      base = (days_from_civil(year, 1, 1) + yearday - 1) * 86400;
    } else {
      if (!number(text, 2, month)) month = 1;
      if (!text.empty() && text.front() == '-') text.remove_prefix(1);
      if (!number(text, 2, day)) day = 1;
      if (month < 1 || month > 12 || day < 1 || day > 31) return std::nullopt;
      base = days_from_civil(year, month, day) * 86400;
    }
  }
  std::int64_t clock = 0, zone = 0;
  if (!text.empty() && (text.front() == 'T' || text.front() == ' ')) {
    text.remove_prefix(1);
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    if (!text.empty() && !parse_clock(text, clock, zone)) return std::nullopt;
  }
  return base + clock - zone;
}

namespace {

std::string text_of(xml_node node, const char* name) { return node.attribute(name).as_string(); }

// start + duration, calendar-wise.
std::int64_t add_duration(std::int64_t start,
                          const std::vector<std::pair<std::string, std::string>>& duration) {
  Civil c = civil_from(start);
  std::int64_t extra = 0;
  auto get = [&](std::initializer_list<std::string_view> names) -> std::int64_t {
    for (const auto& [name, value] : duration)
      for (auto n : names)
        if (name == n) return std::clamp<std::int64_t>(parse_int(value).value_or(0), -1000000000, 1000000000);
    return 0;
  };
  std::int64_t years = get({"years"}), months = get({"months"});
  months = std::clamp<std::int64_t>(months, -120000, 120000);
  years = std::clamp<std::int64_t>(years, -100000, 100000);
  std::int64_t total = c.year * 12 + (c.month - 1) + years * 12 + months;
  c.year = total / 12;
  c.month = static_cast<int>(total % 12) + 1;
  if (c.month < 1) {
    c.month += 12;
    --c.year;
  }
  c.day = std::min(c.day, month_days(c.year, c.month));
  extra += get({"weeks"}) * 604800 + get({"days"}) * 86400 + get({"hours"}) * 3600 + get({"minutes"}) * 60 +
           get({"seconds"});
  return to_epoch(c) + extra;
}

bool spec_matches(const std::vector<std::pair<std::string, std::string>>& spec, std::int64_t now) {
  const Civil c = civil_from(now);
  for (const auto& [name, value] : spec) {
    std::int64_t have = 0;
    if (name == "seconds")
      have = c.second;
    else if (name == "minutes")
      have = c.minute;
    else if (name == "hours")
      have = c.hour;
    else if (name == "monthdays")
      have = c.day;
    else if (name == "weekdays")
      have = c.weekday;
    else if (name == "yeardays")
      have = c.yearday;
    else if (name == "months")
      have = c.month;
    else if (name == "weeks")
      have = c.week;
    else if (name == "years")
      have = c.year;
    else if (name == "weekyears")
      have = c.weekyear;
    else
      continue;
    const auto dash = value.find('-');
    if (dash == std::string::npos) {
      auto want = parse_int(value);
      if (!want || *want != have) return false;
    } else {
      auto low = parse_int(value.substr(0, dash)), high = parse_int(std::string_view(value).substr(dash + 1));
      if (low && have < *low) return false;
      if (high && have > *high) return false;
    }
  }
  return true;
}

int compare_typed(const std::string& type, const std::string& a, const std::string& b) {
  if (type == "integer" || type == "number" || type == "version") {
    if (type == "version") {
      std::size_t i = 0, j = 0;
      while (i < a.size() || j < b.size()) {
        auto next = [](const std::string& s, std::size_t& k) {
          std::int64_t v = 0;
          while (k < s.size() && s[k] >= '0' && s[k] <= '9')
            v = std::min<std::int64_t>(v * 10 + (s[k++] - '0'), 1LL << 50);
          while (k < s.size() && (s[k] < '0' || s[k] > '9')) ++k;
          return v;
        };
        const auto x = next(a, i), y = next(b, j);
        if (x != y) return x < y ? -1 : 1;
      }
      return 0;
    }
    // What is no number is compared as text.
    if (type == "integer") {
      const auto x = parse_int(a), y = parse_int(b);
      if (x && y) return *x < *y ? -1 : *x > *y;
    } else {
      char *end_x = nullptr, *end_y = nullptr;
      const double x = std::strtod(a.c_str(), &end_x), y = std::strtod(b.c_str(), &end_y);
      if (end_x != a.c_str() && end_y != b.c_str()) return x < y ? -1 : x > y;
    }
  }
  std::string x = a, y = b;
  auto lower = [](std::string& s) {
    for (auto& ch : s) ch = static_cast<char>(std::tolower(static_cast<unsigned char>(ch)));
  };
  lower(x);
  lower(y);
  return x.compare(y);
}

bool attribute_holds(const Rule& r, const RuleInput& in) {
  if (!in.node_attributes) return false;
  std::string attribute = r.attribute;
  if (in.matches) {
    for (std::size_t i = 0; i + 1 < attribute.size(); ++i) {
      if (attribute[i] != '%' || attribute[i + 1] < '0' || attribute[i + 1] > '9') continue;
      const auto k = static_cast<std::size_t>(attribute[i + 1] - '0');
      const std::string with = k < in.matches->size() ? (*in.matches)[k] : "";
      attribute.replace(i, 2, with);
    }
  }
  auto it = in.node_attributes->find(attribute);
  const std::string* have = it == in.node_attributes->end() ? nullptr : &it->second;
  if (r.operation == "defined") return have != nullptr;
  if (r.operation == "not_defined") return have == nullptr;
  std::optional<std::string> want = r.value;
  if (r.value_source == "param" || r.value_source == "meta") {
    const auto* from = r.value_source == "param" ? in.rsc_parameters : in.rsc_meta;
    want.reset();
    if (from)
      if (auto f = from->find(r.value); f != from->end()) want = f->second;
  }
  std::string type = r.type;
  if (type.empty()) {
    type = "string";
    if (r.operation != "eq" && r.operation != "ne") {
      type = "integer";
      if ((have && have->find('.') != std::string::npos) || (want && want->find('.') != std::string::npos))
        type = "number";
    }
  }
  if (!have || !want) {
    if (r.operation == "ne") return (have != nullptr) != want.has_value();
    return false;
  }
  const int c = compare_typed(type, *have, *want);
  if (r.operation == "eq") return c == 0;
  if (r.operation == "ne") return c != 0;
  if (r.operation == "lt") return c < 0;
  if (r.operation == "lte") return c <= 0;
  if (r.operation == "gt") return c > 0;
  if (r.operation == "gte") return c >= 0;
  return false;
}

void note_change(const RuleInput& in, std::int64_t when) {
  if (!in.next_change) return;
  const WallTime t{Seconds(when)};
  if (t > in.now && (!*in.next_change || t < **in.next_change)) *in.next_change = t;
}

bool date_holds(const Rule& r, const RuleInput& in) {
  const std::int64_t now = epoch_seconds(in.now);
  auto start = parse_date(r.start), end = parse_date(r.end);
  const std::string op = r.operation.empty() ? "in_range" : r.operation;
  if (op == "gt") {
    if (!start) return false;
    if (now <= *start) note_change(in, *start + 1);
    return now > *start;
  }
  if (op == "lt") {
    if (!end) return false;
    if (now < *end) note_change(in, *end);
    return now < *end;
  }
  if (op == "in_range") {
    if (!end && start && !r.duration.empty()) end = add_duration(*start, r.duration);
    if (!start && !end) return false;
    if (start && now < *start) {
      note_change(in, *start);
      return false;
    }
    if (end) {
      if (now > *end) return false;
      note_change(in, *end + 1);
    }
    return true;
  }
  if (op == "date_spec") return spec_matches(r.spec, now);
  return false;
}

std::vector<std::pair<std::string, std::string>> all_attributes(xml_node node) {
  std::vector<std::pair<std::string, std::string>> out;
  for (auto a : node.attributes())
    if (std::string_view(a.name()) != "id") out.emplace_back(a.name(), a.value());
  return out;
}

xml_node referenced(xml_node node) {
  const char* ref = node.attribute("id-ref").value();
  if (!*ref) return node;
  for (int depth = 0; depth < 8; ++depth) {
    const std::string id = ref;
    const std::string tag = node.name();
    xml_node found =
        node.root().find_node([&](xml_node n) { return tag == n.name() && id == n.attribute("id").value(); });
    if (!found) return {};
    ref = found.attribute("id-ref").value();
    if (!*ref) return found;
  }
  return {};
}

}  // namespace

Rule parse_rule(xml_node rule) {
  rule = referenced(rule);
  Rule r;
  if (!rule) {
    r.kind = Rule::Kind::kInvalid;
    return r;
  }
  r.id = text_of(rule, "id");
  r.score = text_of(rule, "score");
  r.score_attribute = text_of(rule, "score-attribute");
  r.role = text_of(rule, "role");
  const std::string op = text_of(rule, "boolean-op");
  r.kind = op == "or" ? Rule::Kind::kAny : Rule::Kind::kAll;
  for (auto child : rule.children()) {
    const std::string_view tag = child.name();
    if (tag == "rule") {
      r.children.push_back(parse_rule(child));
      continue;
    }
    Rule e;
    e.id = text_of(child, "id");
    if (tag == "expression") {
      e.kind = Rule::Kind::kAttribute;
      e.attribute = text_of(child, "attribute");
      e.operation = text_of(child, "operation");
      e.value = text_of(child, "value");
      e.type = text_of(child, "type");
      e.value_source = text_of(child, "value-source");
      if (e.attribute.empty() || e.operation.empty()) e.kind = Rule::Kind::kInvalid;
    } else if (tag == "date_expression") {
      e.kind = Rule::Kind::kDate;
      e.operation = text_of(child, "operation");
      e.start = text_of(child, "start");
      e.end = text_of(child, "end");
      if (auto spec = child.child("date_spec")) e.spec = all_attributes(spec);
      if (auto duration = child.child("duration")) e.duration = all_attributes(duration);
    } else if (tag == "rsc_expression") {
      e.kind = Rule::Kind::kResource;
      e.agent_class = text_of(child, "class");
      e.provider = text_of(child, "provider");
      e.agent_type = text_of(child, "type");
    } else if (tag == "op_expression") {
      e.kind = Rule::Kind::kOperation;
      e.op_name = text_of(child, "name");
      const char* interval = child.attribute("interval").value();
      if (*interval) e.op_interval_ms = parse_interval_ms(interval, -1);
    } else {
      continue;
    }
    r.children.push_back(std::move(e));
  }
  return r;
}

bool evaluate(const Rule& rule, const RuleInput& in) {
  switch (rule.kind) {
    case Rule::Kind::kAll:
      return std::all_of(rule.children.begin(), rule.children.end(),
                         [&](const Rule& c) { return evaluate(c, in); });
    case Rule::Kind::kAny:
      return rule.children.empty() || std::any_of(rule.children.begin(), rule.children.end(),
                                                  [&](const Rule& c) { return evaluate(c, in); });
    case Rule::Kind::kAttribute:
      return attribute_holds(rule, in);
    case Rule::Kind::kDate:
      return date_holds(rule, in);
    case Rule::Kind::kResource:
      if (!in.agent_type) return false;
      return (rule.agent_class.empty() || (in.agent_class && rule.agent_class == *in.agent_class)) &&
             (rule.provider.empty() || (in.provider && rule.provider == *in.provider)) &&
             (rule.agent_type.empty() || rule.agent_type == *in.agent_type);
    case Rule::Kind::kOperation:
      if (!in.op_name) return false;
      return rule.op_name == *in.op_name &&
             (rule.op_interval_ms < 0 || rule.op_interval_ms == in.op_interval_ms);
    case Rule::Kind::kInvalid:
      return false;
  }
  return false;
}

void parse_sets(xml_node parent, std::string_view tag, std::vector<NvSet>& out) {
  for (auto child : parent.children()) {
    if (tag != child.name()) continue;
    xml_node set = referenced(child);
    if (!set) continue;
    NvSet s;
    s.id = set.attribute("id").value();
    s.score = parse_score(set.attribute("score").value());
    for (auto pair : set.children()) {
      const std::string_view name = pair.name();
      if (name == "rule") {
        s.rules.push_back(parse_rule(pair));
      } else if (name == "nvpair") {
        xml_node target = pair;
        if (*pair.attribute("id-ref").value()) {
          target = referenced(pair);
          if (!target) continue;
        }
        std::string pair_name = pair.attribute("name").value();
        if (pair_name.empty()) pair_name = target.attribute("name").value();
        if (pair_name.empty() || !target.attribute("value")) continue;
        s.pairs.emplace_back(std::move(pair_name), target.attribute("value").value());
      } else if (name == "attributes") {
        for (auto old : pair.children("nvpair"))
          s.pairs.emplace_back(old.attribute("name").value(), old.attribute("value").value());
      }
    }
    out.push_back(std::move(s));
  }
}

bool any_rules(const std::vector<NvSet>& sets) {
  return std::any_of(sets.begin(), sets.end(), [](const NvSet& s) { return !s.rules.empty(); });
}

void evaluate_sets(const std::vector<NvSet>& sets, const RuleInput& in, AttributeMap& out, bool overwrite,
                   std::string_view first_id) {
  if (sets.empty()) return;
  if (sets.size() == 1 && sets.front().rules.empty() && !overwrite) {  // Nearly always.
    for (const auto& [name, value] : sets.front().pairs)
      if (value != "#default") out.emplace(name, value);
    return;
  }
  std::vector<const NvSet*> order;
  for (const auto& s : sets) order.push_back(&s);
  std::stable_sort(order.begin(), order.end(), [&](const NvSet* a, const NvSet* b) {
    if (!first_id.empty() && (a->id == first_id) != (b->id == first_id)) return a->id == first_id;
    return a->score > b->score;
  });
  AttributeMap seen;
  for (const auto* s : order) {
    if (!std::all_of(s->rules.begin(), s->rules.end(), [&](const Rule& r) { return evaluate(r, in); }))
      continue;
    for (const auto& [name, value] : s->pairs) {
      if (overwrite) {
        if (!seen.emplace(name, value)) continue;
        if (value == "#default")
          out.erase(name);
        else
          out[name] = value;
      } else if (value != "#default") {
        out.emplace(name, value);
      }
    }
  }
}

}  // namespace systole::pengine::engine
