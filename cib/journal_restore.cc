#include "cib/journal_restore.h"

#include "cib/ops.h"

namespace systole::cib {
namespace {

class Restorer {
 public:
  Restorer(const std::vector<StoredEntry>& rows, const std::optional<std::string>& before)
      : rows_(rows), before_(before) {}

  Restored run() {
    for (std::size_t i = rows_.size(); i-- > 0;) {
      if (rows_[i].entry.document.empty() || !begin(i)) continue;
      for (std::size_t k = i + 1; k < rows_.size() && follow(k); ++k) continue;
      break;
    }
    return std::move(out_);
  }

 private:
  bool finding(std::size_t i, std::string_view what) {
    out_.findings.push_back(fmt::format("entry {} (configuration {}): {}", rows_[i].sequence,
                                        to_string(rows_[i].entry.version), what));
    return false;
  }

  bool chain_holds(std::size_t i) {
    if (i > 0 && rows_[i].sequence != rows_[i - 1].sequence + 1)
      return finding(i, "entries before it are missing");
    const std::string* const previous = i > 0 ? &rows_[i - 1].chain : before_ ? &*before_ : nullptr;
    if (previous == nullptr || chain_digest(*previous, rows_[i].entry) == rows_[i].chain) return true;
    return finding(i, "its digest does not fit: it was changed or torn");
  }

  bool take(std::size_t i, Document document) {
    if (document.configuration_digest() != rows_[i].entry.digest)
      return finding(i, "the configuration is not the one whose digest it names");
    out_.document = std::move(document);
    out_.version = rows_[i].entry.version;
    out_.digest = rows_[i].entry.digest;
    out_.up_to = rows_[i].sequence;
    return true;
  }

  // After a hole the row before is unknown: the document's own digest decides.
  bool begin(std::size_t i) {
    const bool hole = i > 0 && rows_[i].sequence != rows_[i - 1].sequence + 1;
    if (!hole && !chain_holds(i)) return false;
    auto document = Document::parse(rows_[i].entry.document);
    if (!document) return finding(i, document.error().message);
    return take(i, std::move(*document));
  }

  bool follow(std::size_t i) {
    if (!chain_holds(i)) return false;
    const JournalEntry& entry = rows_[i].entry;
    Document next = out_.document->clone();
    if (!entry.document.empty()) return begin(i);
    if (auto ok = replay(next, entry.patch); !ok) return finding(i, ok.error().message);
    return take(i, std::move(next));
  }

  const std::vector<StoredEntry>& rows_;
  const std::optional<std::string>& before_;
  Restored out_;
};

}  // namespace

Restored restore(const std::vector<StoredEntry>& rows, const std::optional<std::string>& before) {
  return Restorer(rows, before).run();
}

}  // namespace systole::cib
