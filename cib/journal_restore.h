// From the rows of a journal, perhaps with holes, to the newest configuration that is provably good.
#pragma once

#include <optional>
#include <vector>

#include "cib/sqlite_store.h"

namespace systole::cib {

struct Restored {
  std::optional<Document> document;
  Version version;
  std::string digest;
  std::int64_t up_to = 0;             // Sequence of the last row that was used.
  std::vector<std::string> findings;  // What is wrong with rows that were not.
};

// `rows` ascending. Begins at the newest whole document that is what its digests say, and replays the patches
// after it as long as each follows, fits and gives the digest it names. `before` is the chain digest of the
// row before the first one; none when it is not known, and then the first row is taken on its document's
// digest.
Restored restore(const std::vector<StoredEntry>& rows, const std::optional<std::string>& before);

}  // namespace systole::cib
