// `crm explain`: why a resource is where it is. On the cluster, a shadow, or a saved configuration.
#pragma once

#include "cli/crm/shell.h"

namespace systole::crm {

bool run_explain(Shell& shell, const Invocation& call);

// Options that explain and whatif share, taken out of `words`: -x FILE, --output-as=text|xml|json.
struct DocumentChoice {
  std::string file, format = "text";
};
Result<DocumentChoice> take_document_options(Words& words);
Result<cib::Document> chosen_document(Shell& shell, const DocumentChoice& choice);
// Now, or when a saved configuration was scheduled.
WallTime moment(Shell& shell, const DocumentChoice& choice, const cib::Document& document);
// Prints a tree in the wished format; `text` when that is text.
void show(Shell& shell, const DocumentChoice& choice, const std::string& text, pugi::xml_node tree);

}  // namespace systole::crm
