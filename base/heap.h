// The C library's heap, for programs that read one large document, think, print, and end.
#pragma once

#include <cstddef>

namespace systole {

// One heap for all sizes, `expected` bytes of it asked for at once, in large pages where the kernel has them
// (a page costs nothing before it is touched; touching small ones one by one was a fifth of the time that
// crm_simulate takes), and never given back. Call it once, before the first large allocation.
void prepare_heap(std::size_t expected);

}  // namespace systole
