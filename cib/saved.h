// A document that somebody saved and that is only looked at: it may be larger than what a cluster would take.
#pragma once

#include "cib/document.h"

namespace systole::cib {

inline constexpr std::size_t kMaxSavedDocument = 1U << 30;  // Bytes of XML text.

// As Document::parse, up to kMaxSavedDocument.
Result<Document> parse_saved(std::string_view xml);

}  // namespace systole::cib
