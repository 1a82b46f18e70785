// Hostile XML as document, as object of each operation, and as patch. Nothing may crash, and what must hold
// of every operation holds: an error changes nothing, the digest follows, the patch leads where the operation
// went.
#include <cstdint>

#include "base/check.h"
#include "cib/ops.h"
#include "cib/schema.h"

namespace {

using namespace systole;
using namespace systole::cib;

Document base() {
  return std::move(*Document::parse(
      "<cib validate-with=\"none\" epoch=\"1\" num_updates=\"0\" "
      "admin_epoch=\"0\"><configuration><crm_config/><nodes/>"
      "<resources><!--c--><primitive id=\"a\" class=\"lsb\" type=\"x\"><meta_attributes id=\"m\"><nvpair "
      "id=\"n\" "
      "name=\"x\" value=\"1\"/></meta_attributes></primitive><primitive id=\"b\"/></resources><constraints/>"
      "</configuration><status><node_state id=\"1\"/></status></cib>"));
}

void try_operation(Op op, std::string_view input) {
  const std::size_t bar = input.find('|');
  op.xml = input.substr(0, bar);
  if (bar != std::string_view::npos) op.xpath = input.substr(bar + 1);
  Document document = base();
  document.track_digest();
  const std::string before = document.serialize();
  const auto applied = apply(document, op);
  check(document.digest() == document.clone().digest(), "the digest follows");
  if (!applied || applied->patch.empty()) {
    check(document.serialize() == before, "an error, or no change, leaves the document as it was");
    return;
  }
  check(Document::parse(document.serialize()).has_value(), "what an operation makes can be read again");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  Op op;
  op.force = (data[1] & 1) != 0;
  op.allow_create = (data[1] & 2) != 0;
  static constexpr const char* kSections[] = {"", "resources", "status", "nonsense"};
  op.section = kSections[(data[1] >> 2) & 3];
  if (data[0] % 8 == 0) {
    if (const auto document = Document::parse(text)) {
      validate(*document);
      const Document other = base();
      const std::string patch = diff(other, *document, false);
      check(Document::parse(document->serialize())->digest() == document->digest(),
            "writing and reading agree");
    }
    return 0;
  }
  op.kind = static_cast<Op::Kind>(data[0] % 8);  // Create to patch, and upgrade.
  try_operation(op, text);
  return 0;
}
