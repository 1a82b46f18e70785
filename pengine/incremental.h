// Scheduler: schedule() again and again, of one document that changes a little at a time. What has been
// planned is remembered by parts: the sets of resources that constraints, groups and containers tie together.
// A part for which nothing had to be done, and of which nothing has changed since, is left out of the next
// plan; it only counts where the number of resources on a node matters. Where more hangs together than that
// (a node to be fenced or shutting down, remote nodes, utilization, rules with dates), all is computed anew.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "cib/document.h"
#include "pengine/scheduler.h"

namespace systole::pengine {

class Scheduler {
 public:
  // What is different in the document since the last plan.
  struct Changes {
    bool anything = true;  // Nothing is known of it: it may be another document.
    // Else only what is recorded about these resources in the status section, as it names them: lrm_resource
    // elements, fail counts, promotion scores.
    std::set<std::string, std::less<>> resources;
  };

  Scheduler();
  ~Scheduler();
  Scheduler(Scheduler&&) noexcept;
  Scheduler& operator=(Scheduler&&) noexcept;

  // What schedule(document, options) returns, to the letter.
  Plan plan(const cib::Document& document, const Changes& changes, const Options& options);

  std::size_t planned_resources() const { return planned_; }  // Top-level ones that the last plan looked at.

 private:
  struct Memory;
  Plan all(const cib::Document& document, const Options& options);
  std::unique_ptr<Memory> memory_;  // Null: nothing that could be used.
  std::size_t planned_ = 0;
};

}  // namespace systole::pengine
