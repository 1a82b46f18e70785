// Any line: parsed or refused, and what was parsed is printed as something that parses to the same.
#include <cstdint>
#include <cstdlib>

#include "cli/crm/configuration.h"
#include "cli/crm/format.h"
#include "cli/crm/xml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace systole::crm;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& line : logical_lines(text)) {
    auto object = parse_statement(line.text);
    if (!object || object->kind->container) continue;
    pugi::xml_document document;
    Configuration configuration(document.append_child("cib"));
    if (!configuration.put(*object, Configuration::Put::kCreate)) continue;
    for (const auto shown : configuration.objects()) {
      const auto printed = logical_lines(format_object(shown));
      if (printed.size() != 1 || !parse_statement(printed.front().text)) std::abort();
    }
  }
  return 0;
}
