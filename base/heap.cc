#include "base/heap.h"

#include <malloc.h>
#include <sys/mman.h>

#include <climits>
#include <cstdint>
#include <cstdlib>

namespace systole {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
void prepare_heap(std::size_t) {}  // It has a heap of its own.
#else
void prepare_heap(std::size_t expected) {
  constexpr std::uintptr_t kLarge = std::uintptr_t{2} << 20;
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_TOP_PAD, 16 << 20);
  void* const all = std::malloc(expected);
  if (all == nullptr) return;  // Under a limit: in small steps, then.
  const auto begin = (reinterpret_cast<std::uintptr_t>(all) + kLarge - 1) / kLarge * kLarge;
  const auto end = (reinterpret_cast<std::uintptr_t>(all) + expected) / kLarge * kLarge;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);  // A hint.
  std::free(all);
}
#endif

}  // namespace systole
