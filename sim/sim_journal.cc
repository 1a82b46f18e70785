#include "sim/sim_journal.h"

#include "base/check.h"
#include "cib/ops.h"

namespace systole::sim {

Result<cib::Journal::Loaded> SimJournal::load() {
  Loaded loaded;
  for (const cib::JournalEntry& entry : disk_.entries) {
    if (!entry.document.empty()) {
      auto document = cib::Document::parse(entry.document);
      check(document.has_value(), "a journalled document parses");
      loaded.document = std::move(*document);
    } else if (loaded.document && !entry.patch.empty()) {
      cib::Op op;
      op.kind = cib::Op::Kind::kPatch;
      op.xml = entry.patch;
      op.force = true;
      if (auto applied = cib::apply(*loaded.document, op); !applied) {
        loaded.damage.push_back("patch to " + cib::to_string(entry.version) + ": " + applied.error().message);
        break;
      }
      loaded.document->set_version(entry.version);
    }
  }
  return loaded;
}

// The life ends: a sync that runs has got somewhere.
SimJournal::~SimJournal() {
  if (in_sync_ > 0 && !disk_.faults.full) {
    const std::uint64_t got = random_.below(in_sync_ + 1);
    for (std::uint64_t i = 0; i < got; ++i) disk_.entries.push_back(waiting_[i].entry);
  }
  disk_.pending = 0;
  if (!std::exchange(disk_.power_lost, false)) return;
  for (unsigned i = 0; i < disk_.faults.lies && disk_.entries.size() > 1; ++i, ++disk_.lied)
    disk_.entries.pop_back();
}

void SimJournal::append(cib::JournalEntry entry, std::function<void(Result<void>)> done) {
  waiting_.push_back({std::move(entry), std::move(done)});
  if (in_sync_ == 0) sync();
}

void SimJournal::sync() {
  in_sync_ = disk_.pending = waiting_.size();
  const auto chance = [&](double p) {
    return p > 0 && static_cast<double>(random_.below(1'000'000)) < p * 1e6;
  };
  const DiskFaults& faults = disk_.faults;
  const Duration most = chance(faults.slow) ? Duration(Seconds(2)) : faults.most;
  const auto span = static_cast<std::uint64_t>(std::max<std::int64_t>(1, (most - faults.least).count()));
  timers_.after(faults.least + Duration(static_cast<std::int64_t>(random_.below(span))),
                [this] { synced(); });
}

void SimJournal::synced() {
  const bool failed =
      disk_.faults.full ||
      (disk_.faults.fails > 0 && static_cast<double>(random_.below(1'000'000)) < disk_.faults.fails * 1e6);
  std::vector<Waiting> ended;
  for (; in_sync_ > 0; --in_sync_) {
    // As the real journal: after a gap there is nothing that a patch could be added to.
    gap_ = failed || (gap_ && waiting_.front().entry.document.empty());
    waiting_.front().refused = gap_;
    if (!gap_) disk_.entries.push_back(waiting_.front().entry);
    ended.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  disk_.pending = 0;
  if (!waiting_.empty()) sync();
  for (Waiting& w : ended) {
    if (w.refused) {
      w.done(fail(Errc::kIo, "cannot write version {} to the journal: the simulated disk failed",
                  cib::to_string(w.entry.version)));
    } else {
      w.done({});
    }
  }
}

Result<std::vector<cib::JournalEntry>> SimJournal::history(std::size_t most) {
  std::vector<cib::JournalEntry> newest;
  for (auto it = disk_.entries.rbegin(); it != disk_.entries.rend() && newest.size() < most; ++it)
    newest.push_back(*it);
  return newest;
}

}  // namespace systole::sim
