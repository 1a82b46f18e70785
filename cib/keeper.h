// Keeper: what of the document goes to the journal, and what is known to be on this node's disk. Patches
// mostly, a whole document now and then, and first of all after a start or a failure. A disk that refuses is
// tried again with the whole document until it takes it.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/log.h"
#include "base/ports.h"
#include "cib/journal.h"
#include "cib/ops.h"

namespace systole::cib {

class Keeper {
 public:
  // `progressed`: journaled(), failing() or reason() changed.
  Keeper(Timers& timers, Logger log, Journal& journal, std::function<const Document&()> document,
         std::function<void()> progressed);
  ~Keeper();

  // The document from the disk, or an empty one. Its status is empty, its num_updates zero.
  Result<Document> load();
  // The document is now at a new configuration version. `word`: to be said as soon as it is on the disk, on
  // any thread. What journaled() tells of it may wait for collect().
  void changed(const Op& op, const Applied& applied, const std::string& author, Journal::Word word);
  void collect() { journal_.collect(); }
  // The document will be replaced: keeps it, with a note, as what was lost.
  void keep_loser(const std::string& note);
  // It has been replaced. Nothing of it counts as durable until it is on the disk.
  void replaced(const std::string& note);

  const std::optional<Version>& journaled() const { return journaled_; }
  bool failing() const { return failing_; }
  const Version& refused() const { return refused_; }  // The newest version that could not be written.
  const std::string& reason() const { return reason_; }

 private:
  void append(JournalEntry entry, Journal::Word word = {}, bool quiet = false);
  JournalEntry whole(std::string note) const;
  void written(const Version& version, bool is_whole);
  void refused_by_disk(const Version& version, const Error& error);

  Timers& timers_;
  Logger log_;
  Journal& journal_;
  std::function<const Document&()> document_;
  std::function<void()> progressed_;
  std::shared_ptr<std::uint64_t> chain_;  // Counts up at each replacement; gone with the keeper.
  std::optional<Version> journaled_;
  bool failing_ = false, whole_due_ = true;
  Version refused_;
  std::string reason_;
  std::size_t patches_ = 0, patch_bytes_ = 0;
  Timers::Id retry_ = 0;
};

}  // namespace systole::cib
