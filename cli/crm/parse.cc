#include "cli/crm/parse.h"

#include "cli/crm/parse_parts.h"
#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

using Parser = Result<void> (*)(Parsing&);

Parser parser_of(std::string_view keyword) {
  static constexpr std::pair<std::string_view, Parser> kParsers[] = {{"node", parse_node},
                                                                     {"primitive", parse_primitive},
                                                                     {"rsc_template", parse_primitive},
                                                                     {"group", parse_container},
                                                                     {"clone", parse_container},
                                                                     {"ms", parse_container},
                                                                     {"location", parse_location},
                                                                     {"colocation", parse_colocation},
                                                                     {"order", parse_order},
                                                                     {"rsc_ticket", parse_ticket},
                                                                     {"tag", parse_tag},
                                                                     {"fencing_topology", parse_topology},
                                                                     {"property", parse_options},
                                                                     {"rsc_defaults", parse_options},
                                                                     {"op_defaults", parse_options},
                                                                     {"role", parse_role},
                                                                     {"acl_target", parse_acl_target},
                                                                     {"acl_group", parse_acl_target}};
  for (const auto& [name, parser] : kParsers)
    if (name == keyword) return parser;
  return nullptr;
}

std::string_view trim_left(std::string_view s) {
  const auto first = s.find_first_not_of(" \t");
  return first == std::string_view::npos ? std::string_view{} : s.substr(first);
}

// An element given without its section: the first kind with that element.
const Kind* kind_of_loose(pugi::xml_node element) {
  for (const Kind& kind : kinds())
    if (kind.element == name_of(element)) return &kind;
  return nullptr;
}

}  // namespace

Result<Object> parse_object(const Words& words) {
  Cursor c(words);
  const std::string keyword = c.next();
  const Kind* kind = kind_named(keyword);
  const Parser parser = kind == nullptr ? nullptr : parser_of(kind->keyword);
  if (parser == nullptr)
    return fail(Errc::kParse,
                "'{}' is no kind of object; `help` lists them (bundle and alert are given as xml)", keyword);
  Object object{kind, std::make_unique<pugi::xml_document>()};
  Parsing p{c, add_child(*object.document, kind->element), keyword, {}};
  if (auto parsed = parser(p); !parsed) return fail(parsed.error());
  if (!c.done()) return c.error("not understood");
  return object;
}

Result<Object> parse_xml_object(std::string_view xml) {
  Object object{nullptr, std::make_unique<pugi::xml_document>()};
  const auto loaded = object.document->load_buffer(xml.data(), xml.size());
  if (!loaded) return fail(Errc::kParse, "xml: {} at offset {}", loaded.description(), loaded.offset);
  object.kind = kind_of_loose(object.node());
  if (object.kind == nullptr)
    return fail(Errc::kParse, "xml: <{}> is no object of the configuration", name_of(object.node()));
  if (elements(*object.document).size() != 1)
    return fail(Errc::kParse, "xml: exactly one element is expected");
  return object;
}

Result<Object> parse_statement(std::string_view line) {
  line = trim_left(line);
  if (line.starts_with("xml ") || line.starts_with("xml\t"))
    return parse_xml_object(trim_left(line.substr(4)));
  auto words = split_words(line);
  if (!words) return fail(words.error());
  if (words->empty()) return fail(Errc::kParse, "an empty line");
  return parse_object(*words);
}

}  // namespace systole::crm
