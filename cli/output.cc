#include "cli/output.h"

#include <ctime>

#include "cib/document.h"

namespace systole::cli {
namespace {

// Length of the valid UTF-8 sequence at the start of `text`; 0: none. `code` is its character.
std::size_t utf8_length(std::string_view text, std::uint32_t& code) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  code = first;
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 && first < 0xF5 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  if (length == 0 || first >= 0xF5 || text.size() < length) return 0;
  code = first & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = (code << 6) | (byte(i) & 0x3FU);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return overlong || surrogate || code > 0x10FFFF ? 0 : length;
}

// C0, DEL, C1 (which includes the 8-bit CSI), and the characters that reorder a line.
bool controls(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0x2028 || code == 0x2029;
}

std::string safe(std::string_view text, bool lines) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    std::uint32_t code = 0;
    const std::size_t length = utf8_length(text, code);
    const bool kept = length != 0 && (!controls(code) || (lines && (code == '\n' || code == '\t')));
    const std::size_t step = std::max<std::size_t>(length, 1);
    for (std::size_t i = 0; i < step; ++i) {
      if (kept)
        result += text[i];
      else
        result += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i]));
    }
    text.remove_prefix(step);
  }
  return result;
}

}  // namespace

std::string printable(std::string_view text) { return safe(text, false); }
std::string printable_lines(std::string_view text) { return safe(text, true); }

std::string xml_safe(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    std::uint32_t code = 0;
    const std::size_t length = utf8_length(text, code);
    const bool kept = length != 0 && (code >= 0x20 || code == '\n' || code == '\t' || code == '\r') &&
                      code != 0xFFFE && code != 0xFFFF && code != 0x7F;
    if (kept)
      result += text.substr(0, length);
    else
      result += "\xEF\xBF\xBD";
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return result;
}

pugi::xml_node add(pugi::xml_node parent, const char* name) { return parent.append_child(name); }
void set(pugi::xml_node node, const char* name, std::string_view value) {
  node.append_attribute(name) = xml_safe(value).c_str();
}
void set(pugi::xml_node node, const char* name, std::int64_t value) {
  set(node, name, std::string_view(std::to_string(value)));
}
void set_text(pugi::xml_node node, std::string_view value) { node.text().set(xml_safe(value).c_str()); }

std::string xml_text(pugi::xml_node node) {
  struct Writer : pugi::xml_writer {
    void write(const void* data, std::size_t size) override {
      text.append(static_cast<const char*>(data), size);
    }
    std::string text;
  } writer;
  node.print(writer, "  ", pugi::format_default | pugi::format_no_declaration, pugi::encoding_utf8);
  return writer.text;
}

std::string json_string(std::string_view text) {
  std::string result = "\"";
  for (const char c : xml_safe(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      (result += '\\') += c;
    else if (c == '\n')
      result += "\\n";
    else if (c == '\t')
      result += "\\t";
    else if (byte < 0x20)
      result += fmt::format("\\u{:04x}", byte);
    else
      result += c;
  }
  return result + '"';
}

namespace {

bool is_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.empty() || text.size() > 15 || (text.size() > 1 && text[0] == '0')) return false;
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

// What the schema calls a boolean; names and values of the user's stay strings, whatever they spell.
std::string json_value(std::string_view name, std::string_view text) {
  static constexpr std::string_view kFree[] = {"id",     "name",   "value",      "node",  "resource",
                                               "target", "reason", "exitreason", "origin"};
  const bool free = std::find(std::begin(kFree), std::end(kFree), name) != std::end(kFree);
  return !free && (text == "true" || text == "false") ? std::string(text) : json_string(text);
}

void write_json(pugi::xml_node node, int depth, std::string& out) {
  const std::string indent(static_cast<std::size_t>(depth + 1) * 2, ' ');
  std::string separator = "{\n";
  const auto member = [&](std::string_view name) {
    out += separator + indent + json_string(name) + ": ";
    separator = ",\n";
  };
  for (const pugi::xml_attribute a : node.attributes()) {
    member(a.name());
    const std::string_view name = a.name();
    const bool counted = name == "number" || name == "disabled" || name == "blocked" ||
                         name.starts_with("nodes_running") || name == "resources_running" ||
                         name == "fail-count" || name == "rc" || name == "exitcode" ||
                         name.ends_with("_count") || name.ends_with("_us") || name.ends_with("_ms") ||
                         name.ends_with("_bytes") || name.ends_with("_packets");
    out += counted && is_number(a.value()) ? std::string(a.value()) : json_value(name, a.value());
  }
  std::set<std::string> seen;
  for (const pugi::xml_node child : node.children()) {
    if (child.type() != pugi::node_element) {
      member("text");
      out += json_string(child.value());
      continue;
    }
    if (!seen.insert(child.name()).second) continue;
    member(child.name());
    std::string comma = "[\n" + indent + "  ";
    for (const pugi::xml_node same : node.children(child.name())) {
      out += comma;
      comma = ",\n" + indent + "  ";
      write_json(same, depth + 2, out);
    }
    out += "\n" + indent + "]";
  }
  if (separator == "{\n")
    out += "{}";
  else
    out += "\n" + std::string(static_cast<std::size_t>(depth) * 2, ' ') + "}";
}

}  // namespace

std::string json_text(pugi::xml_node node) {
  std::string out;
  write_json(node, 0, out);
  return out + "\n";
}

XmlResult::XmlResult(const Context& context) {
  std::string request = context.name;
  for (const std::string& arg : context.args) request += " " + arg;
  root_ = document_.append_child("pacemaker-result");
  set(root_, "api-version", "2.25");
  set(root_, "request", request);
}

std::string XmlResult::finish(int code, std::string_view error) {
  pugi::xml_node status = add(root_, "status");
  set(status, "code", code);
  set(status, "message", exit_message(code));
  if (!error.empty()) set_text(add(add(status, "errors"), "error"), error);
  return xml_text(root_);
}

std::string ctime_text(std::int64_t unix_seconds) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = unix_seconds;
  std::tm t{};
  if (localtime_r(&seconds, &t) == nullptr) return std::to_string(unix_seconds);
  return fmt::format("{} {} {:2} {:02}:{:02}:{:02} {}", kDays[t.tm_wday], kMonths[t.tm_mon], t.tm_mday,
                     t.tm_hour, t.tm_min, t.tm_sec, t.tm_year + 1900);
}

std::string iso_text(std::int64_t unix_seconds) {
  const std::time_t seconds = unix_seconds;
  std::tm t{};
  if (gmtime_r(&seconds, &t) == nullptr) return std::to_string(unix_seconds);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}Z", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                     t.tm_hour, t.tm_min, t.tm_sec);
}

int report(Context& context, const Error& error, bool xml) {
  const int code = exit_code(error.code);
  if (xml)
    context.console->out(XmlResult(context).finish(code, error.message));
  else
    context.console->err(fmt::format("{}: {}\n", context.name, printable_lines(error.message)));
  return code;
}

}  // namespace systole::cli
