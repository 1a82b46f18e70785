// Because: puts what changes a resource's scores while it lives down to one cause. The scheduler's hook for
// reasons; one comparison when nobody asks for them.
#pragma once

#include <memory>
#include <string_view>

#include "pengine/model.h"
#include "pengine/reasons.h"

namespace systole::pengine::engine {

class Because {
 public:
  Because(Cluster& c, const Resource* r, Cause cause, std::string_view id = {},
          const Resource* other = nullptr) {
    if (c.why) [[unlikely]]
      begin(c, r, cause, id, other ? std::string_view(other->id) : std::string_view());
  }
  Because(Cluster& c, const Resource* r, Cause cause, std::string_view id, std::string_view other) {
    if (c.why) [[unlikely]]
      begin(c, r, cause, id, other);
  }
  ~Because() {
    if (before_) [[unlikely]]
      end();
  }
  Because(const Because&) = delete;
  Because& operator=(const Because&) = delete;

 private:
  struct Before;
  void begin(Cluster& c, const Resource* r, Cause cause, std::string_view id, std::string_view other);
  void end();
  Before* before_ = nullptr;
};

std::shared_ptr<Reasons> start_reasons();
// An attempt that is undone takes its reasons with it: those that were given `since` for this resource's
// scores.
std::size_t reasons_so_far(const Cluster& c);
void forget_reasons(Cluster& c, std::size_t since, const Resource* r);
void record_reason(Cluster& c, Reason reason);
int score_difference(int before, int after);  // What was added; when either is infinite, where it came to.
// One thing that counts for a score, whether or not the score can still change.
inline void note(Cluster& c, const Resource* r, const Node* node, Cause cause, int score, std::string_view id,
                 std::string_view other = {}, bool promotion = false) {
  if (c.why && node) [[unlikely]]
    record_reason(c, {r->id, node->name, cause, score, std::string(id), std::string(other), 0, 0, promotion});
}
// The choice between nodes, best first.
void note_choice(Cluster& c, const Resource* r, const std::vector<Place>& sorted, const Node* chosen,
                 bool preferred);
// What is known when all is decided.
void finish_reasons(Cluster& c);

}  // namespace systole::pengine::engine
