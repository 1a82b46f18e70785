// The live screen of a terminal: a text redrawn when the cluster changes, scrolled and left by keys. crm_mon
// and systole ring show themselves on it.
#pragma once

#include <functional>
#include <string>

#include "cli/context.h"

namespace systole::cli {

struct LiveView {
  enum class Paint { kPlain, kBold, kGood, kWarning, kBad };

  std::function<Result<void>()> take;  // Asks the cluster. On failure the last picture stays, with a word.
  std::function<std::string()> draw;   // What was taken last.
  std::function<void(int key)> key;    // Those that do not leave, scroll or ask for help.
  std::function<Paint(const std::string&)> paint;  // Of one line.
  const char* help;                                // The keys.
};

// Until a person leaves. Taken again when the cluster changes, and every `interval`. The first take() must
// succeed.
int run_live(Context& context, Session& session, const LiveView& view, Duration interval);

bool has_any(const std::string& line, std::initializer_list<const char*> words);

}  // namespace systole::cli
