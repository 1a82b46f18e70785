#include "cib/saved.h"

#include "cib/xml_scan.h"

namespace systole::cib {

Result<Document> parse_saved(std::string_view xml) {
  if (xml.size() <= kMaxDocument) return Document::parse(xml);
  if (auto ok = scan_xml(xml, kMaxSavedDocument); !ok) return fail(std::move(ok.error()));
  Document document = Document::empty();
  pugi::xml_node whole = document.root().parent();
  whole.remove_children();
  const auto parsed = whole.append_buffer(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8);
  if (auto ok = check_parsed(xml, whole, parsed); !ok) return fail(std::move(ok.error()));
  if (std::string_view(document.root().name()) != "cib")
    return fail(Errc::kParse, "line 1, column 1: the root element is <{}>, and a CIB's is <cib>",
                document.root().name());
  return document;
}

}  // namespace systole::cib
