// A stable sort that stays defined, and linear-logarithmic, when the comparison is not a strict weak order:
// what is compared may be what earlier comparisons would have changed, or three ways of preferring may form a
// circle. Halves are split and merged as by GLib's g_list_sort, so that such circles end where Pacemaker's
// do.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace systole::pengine::engine {

// compare(a, b): negative when a goes first, positive when b does.
template <typename T, typename Compare>
void merge_sort(std::vector<T>& list, const Compare& compare) {
  if (list.size() < 2) return;
  const auto half = static_cast<std::ptrdiff_t>(list.size() / 2);
  std::vector<T> a(list.begin(), list.begin() + half), b(list.begin() + half, list.end());
  merge_sort(a, compare);
  merge_sort(b, compare);
  std::size_t i = 0, j = 0;
  for (auto& out : list) {
    const bool first = j == b.size() || (i < a.size() && compare(a[i], b[j]) <= 0);
    out = std::move(first ? a[i++] : b[j++]);
  }
}

}  // namespace systole::pengine::engine
