// check: an invariant that holds unless this program has a bug. On in every build: a node that stops is
// fenced and recovered, a node that goes on with broken state is not. Input from files, users and the
// network is never checked this way: see Result.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace systole {

inline void check(bool holds, const char* what = "", const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
  if (holds) [[likely]]
    return;
  std::fprintf(stderr, "%s:%d: invariant violated: %s\n", file, line, what);
  std::abort();
}

}  // namespace systole
