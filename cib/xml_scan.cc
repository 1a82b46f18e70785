#include "cib/xml_scan.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "cib/document.h"

namespace systole::cib {
namespace {

// The characters that can mean something in a tag or between tags: " & ' < >. Found in blocks of 64, a bit
// each: a document is some ten times as long as it has of them.
class Marks {
 public:
  explicit Marks(std::string_view xml) : xml_(xml) { load(0); }

  // The first from there on, or the end.
  std::size_t next(std::size_t from) {
    for (;;) {
      if (from >= xml_.size()) return xml_.size();
      if (from / 64 * 64 != start_) load(from / 64 * 64);
      if (const std::uint64_t rest = bits_ >> (from % 64); rest != 0)
        return from + static_cast<std::size_t>(std::countr_zero(rest));
      from = start_ + 64;
    }
  }

 private:
  void load(std::size_t start) {
    start_ = start;
    bits_ = start + 64 <= xml_.size() ? whole_block(xml_.data() + start) : last_block(xml_.substr(start));
  }

  static std::uint64_t last_block(std::string_view text) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < text.size(); ++i)
      bits |= std::uint64_t{kMeaning[static_cast<unsigned char>(text[i])]} << i;
    return bits;
  }

#ifdef __SSE2__
  static std::uint64_t whole_block(const char* text) {
    std::uint64_t bits = 0;
    for (unsigned i = 0; i < 64; i += 16) {
      const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + i));
      const auto is = [block](char c) { return _mm_cmpeq_epi8(block, _mm_set1_epi8(c)); };
      const __m128i any = _mm_or_si128(_mm_or_si128(_mm_or_si128(is('"'), is('\'')), is('&')),
                                       _mm_or_si128(is('<'), is('>')));
      bits |= std::uint64_t{static_cast<unsigned>(_mm_movemask_epi8(any))} << i;
    }
    return bits;
  }
#else
  static std::uint64_t whole_block(const char* text) { return last_block({text, 64}); }
#endif

  static constexpr std::array<bool, 256> kMeaning = [] {
    std::array<bool, 256> table{};
    for (const char c : {'"', '\'', '&', '<', '>'}) table[static_cast<unsigned char>(c)] = true;
    return table;
  }();

  std::string_view xml_;
  std::size_t start_ = 0;
  std::uint64_t bits_ = 0;
};

class Scanner {
 public:
  explicit Scanner(std::string_view xml) : xml_(xml), marks_(xml) {}

  Result<void> run(std::size_t limit) {
    if (xml_.size() > limit)
      return fail(Errc::kParse, "XML of {} bytes is refused: the limit is {} MiB", xml_.size(), limit >> 20);
    if (auto ok = characters(); !ok) return ok;
    for (;;) {
      at_ = marks_.next(at_);
      if (at_ == xml_.size()) return {};
      if (xml_[at_] != '<' && xml_[at_] != '&') {
        ++at_;
        continue;
      }
      if (auto ok = xml_[at_] == '<' ? markup() : reference(); !ok) return ok;
    }
  }

 private:
  tl::unexpected<Error> bad(std::size_t at, std::string_view what) const {
    return fail(Errc::kParse, "{}: {}", position_in(xml_, at), what);
  }

  // Eight characters of ASCII, none of them a control character: nearly all of a document. Per byte: the top
  // bit is unset, and set in the byte less 0x20 only if there was a borrow.
  bool plain_block(std::size_t at) const {
    std::uint64_t block = 0;
    if (at + sizeof block > xml_.size()) return false;
    std::memcpy(&block, xml_.data() + at, sizeof block);
    constexpr std::uint64_t kTop = 0x8080808080808080, kSpaces = 0x2020202020202020;
    return ((block | (block - kSpaces)) & kTop) == 0;
  }

  // Only what XML 1.0 §2.2 allows, in UTF-8.
  Result<void> characters() const {
    for (std::size_t i = 0; i < xml_.size();) {
      if (plain_block(i)) {
        i += 8;
        continue;
      }
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
    names_.clear();
    names_seen_ = 0;
    std::size_t before = at_;  // Where the value before ended.
    for (;;) {
      at_ = marks_.next(at_ + 1);
      if (at_ == xml_.size()) return bad(start, "a tag without an end");
      const char c = xml_[at_];
      if (c == '&') {
        if (auto ok = reference(); !ok) return ok;
        --at_;
      } else if (c == '<') {
        return bad(at_, "'<' inside a tag: an attribute's quote is open, or a '>' is missing before");
      } else if (quote != 0) {
        if (c != quote) continue;
        quote = 0;
        before = at_;
      } else if (c == '>') {
        if (xml_[at_ - 1] == '/') --depth_;
        ++at_;
        return {};
      } else {
        quote = c;
        if (const auto name = name_before(at_, before); is_second(name))
          return bad(at_, fmt::format("the attribute {} is there twice in one element", name));
      }
    }
  }

  // Of the attribute whose value's quote is at `quote`; empty where there is none, which the parser complains
  // of. `before`: where the value or the tag before it ended or began.
  std::string_view name_before(std::size_t quote, std::size_t before) const {
    // Nearly always: a space, the name, the sign. (The parser complains of a space within it.)
    if (const auto text = xml_.substr(before + 1, quote - before - 1);
        xml_[before] != '<' && text.size() > 2 && text.front() == ' ' && text.back() == '=' &&
        static_cast<unsigned char>(text[1]) > ' ' && static_cast<unsigned char>(text[text.size() - 2]) > ' ')
      return text.substr(1, text.size() - 2);
    const auto space = [](char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; };
    std::size_t end = quote;
    while (space(xml_[end - 1])) --end;
    if (xml_[end - 1] != '=') return {};
    --end;
    while (space(xml_[end - 1])) --end;
    std::size_t begin = end;
    while (!space(xml_[begin - 1]) && xml_[begin - 1] != '"' && xml_[begin - 1] != '\'' &&
           xml_[begin - 1] != '<')
      --begin;
    return xml_.substr(begin, end - begin);
  }

  // pugixml takes an attribute that is there twice; XML does not. Only names that fall on one of 64 bits with
  // an earlier one are compared.
  bool is_second(std::string_view name) {
    if (name.empty()) return false;
    const auto byte = [&](std::size_t i) {
      return static_cast<unsigned>(static_cast<unsigned char>(name[i]));
    };
    const unsigned mixed = byte(0) * 7 + byte(name.size() - 1) * 13 + byte(name.size() / 2) * 29;
    const std::uint64_t bit = 1ULL << ((mixed + static_cast<unsigned>(name.size()) * 5) & 63);
    const bool second =
        (names_seen_ & bit) != 0 && std::find(names_.begin(), names_.end(), name) != names_.end();
    names_seen_ |= bit;
    names_.push_back(name);
    return second;
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
  Marks marks_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::vector<std::string_view> names_;  // Of the attributes of this tag so far.
  std::uint64_t names_seen_ = 0;
};

}  // namespace

Result<void> scan_xml(std::string_view xml, std::size_t limit) { return Scanner(xml).run(limit); }

Result<void> check_parsed(std::string_view xml, pugi::xml_node tree, const pugi::xml_parse_result& parsed) {
  if (!parsed)
    return fail(Errc::kParse, "{}: {}", position_in(xml, static_cast<std::size_t>(parsed.offset)),
                parsed.description());
  int elements = 0;
  for (const pugi::xml_node node : tree.children()) {
    elements += node.type() == pugi::node_element;
    if (node.type() == pugi::node_pcdata || elements > 1)
      return fail(
          Errc::kParse, "{}: something follows the root element",
          position_in(xml, static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, node.offset_debug()))));
  }
  if (elements == 0) return fail(Errc::kParse, "line 1, column 1: no element in it");
  return {};
}

std::string position_in(std::string_view xml, std::size_t offset) {
  const std::string_view before = xml.substr(0, std::min(offset, xml.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t start = before.rfind('\n');
  const std::size_t column = before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1;
  return fmt::format("line {}, column {}", line, column);
}

}  // namespace systole::cib
