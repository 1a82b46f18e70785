#include "cib/xml_scan.h"

#include <algorithm>

#include "cib/document.h"

namespace systole::cib {
namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view xml) : xml_(xml) {}

  Result<void> run() {
    if (xml_.size() > kMaxDocument)
      return fail(Errc::kParse, "XML of {} bytes is refused: the limit is {} MiB", xml_.size(),
                  kMaxDocument >> 20);
    if (auto ok = characters(); !ok) return ok;
    while (at_ < xml_.size()) {
      const char c = xml_[at_];
      if (c == '<') {
        if (auto ok = markup(); !ok) return ok;
      } else if (c == '&') {
        if (auto ok = reference(); !ok) return ok;
      } else {
        ++at_;
      }
    }
    return {};
  }

 private:
  tl::unexpected<Error> bad(std::size_t at, std::string_view what) const {
    return fail(Errc::kParse, "{}: {}", position_in(xml_, at), what);
  }

  // Only what XML 1.0 §2.2 allows, in UTF-8.
  Result<void> characters() const {
    for (std::size_t i = 0; i < xml_.size();) {
      const auto c = static_cast<unsigned char>(xml_[i]);
      if (c < 0x80) {
        if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
          return bad(i, fmt::format("control character {:#04x}, which XML does not allow", c));
        ++i;
        continue;
      }
      const std::size_t length = c >= 0xf0 && c < 0xf5 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 0;
      if (length == 0 || c >= 0xf5 || i + length > xml_.size()) return bad(i, "not UTF-8");
      for (std::size_t k = 1; k < length; ++k)
        if ((static_cast<unsigned char>(xml_[i + k]) & 0xc0) != 0x80) return bad(i, "not UTF-8");
      i += length;
    }
    return {};
  }

  Result<void> skip_past(std::string_view end, std::size_t start, std::string_view what) {
    const std::size_t found = xml_.find(end, at_);
    if (found == std::string_view::npos) return bad(start, fmt::format("{} without an end", what));
    at_ = found + end.size();
    return {};
  }

  Result<void> markup() {
    const std::size_t start = at_;
    const std::string_view rest = xml_.substr(at_);
    if (rest.starts_with("<!--")) {
      at_ += 4;
      return skip_past("-->", start, "a comment");
    }
    if (rest.starts_with("<![CDATA[")) return skip_past("]]>", start, "a CDATA section");
    if (rest.starts_with("<?")) return skip_past("?>", start, "a processing instruction");
    if (rest.starts_with("<!"))
      return bad(start, "a document type declaration; DTDs and entities are refused, remove it");
    if (rest.starts_with("</")) {
      --depth_;
      return skip_past(">", start, "a closing tag");
    }
    return tag(start);
  }

  Result<void> tag(std::size_t start) {
    if (++depth_ > kMaxDepth) return bad(start, fmt::format("elements nested deeper than {}", kMaxDepth));
    char quote = 0;
    while (++at_ < xml_.size()) {
      const char c = xml_[at_];
      if (c == '&') {
        if (auto ok = reference(); !ok) return ok;
        --at_;
      } else if (c == '<') {
        return bad(at_, "'<' inside a tag: an attribute's quote is open, or a '>' is missing before");
      } else if (quote != 0) {
        if (c == quote) quote = 0;
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '>') {
        if (xml_[at_ - 1] == '/') --depth_;
        ++at_;
        return {};
      }
    }
    return bad(start, "a tag without an end");
  }

  // &amp; and its four siblings, or a character reference to a character that XML allows. Leaves at_ behind
  // it.
  Result<void> reference() {
    const std::size_t start = at_;
    const std::size_t end = xml_.substr(at_, 12).find(';');
    if (end == std::string_view::npos) return bad(start, "'&' that begins no entity; write &amp;");
    const std::string_view name = xml_.substr(at_ + 1, end - 1);
    at_ += end + 1;
    static constexpr std::string_view kKnown[] = {"amp", "lt", "gt", "quot", "apos"};
    if (std::find(std::begin(kKnown), std::end(kKnown), name) != std::end(kKnown)) return {};
    if (name.starts_with('#') && character(name.substr(1))) return {};
    return bad(start,
               fmt::format("the entity &{}; is not known; only &amp; &lt; &gt; &quot; &apos; are", name));
  }

  static bool character(std::string_view digits) {
    const bool hex = digits.starts_with('x');
    if (hex) digits.remove_prefix(1);
    if (digits.empty() || digits.size() > 7) return false;
    unsigned value = 0;
    for (const char c : digits) {
      const bool decimal = c >= '0' && c <= '9';
      const bool letter = hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'));
      if (!decimal && !letter) return false;
      value = value * (hex ? 16U : 10U) + static_cast<unsigned>(decimal ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value == '\t' || value == '\n' || value == '\r' ||
           (value >= 0x20 && value < 0x110000 && !(value >= 0xd800 && value < 0xe000));
  }

  std::string_view xml_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Result<void> scan_xml(std::string_view xml) { return Scanner(xml).run(); }

std::string position_in(std::string_view xml, std::size_t offset) {
  const std::string_view before = xml.substr(0, std::min(offset, xml.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t start = before.rfind('\n');
  const std::size_t column = before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1;
  return fmt::format("line {}, column {}", line, column);
}

}  // namespace systole::cib
