// Follower: a document of its own that follows another one patch by patch, and plans of it. What the patches
// touch decides how much of a plan is computed anew (pengine/incremental.h). It belongs to one thread.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cib/document.h"
#include "pengine/incremental.h"

namespace systole::controller {

class Follower {
 public:
  void take(cib::Document document);  // From here on.
  // cib::Change::patch, each in its order. Errors: those of cib::replay(); only take() helps then.
  Result<void> follow(std::string_view patch);
  // What schedule() says of the document. Only after take().
  pengine::Plan plan(const pengine::Options& options);

  const cib::Document& document() const { return *document_; }
  const pengine::Scheduler& scheduler() const { return scheduler_; }

 private:
  void note(pugi::xml_node change);
  void note_attribute(std::string_view name);

  std::optional<cib::Document> document_;
  pengine::Scheduler scheduler_;
  pengine::Scheduler::Changes changes_;
  std::set<std::string, std::less<>> watched_;  // Node attributes that the configuration speaks of.
};

}  // namespace systole::controller
