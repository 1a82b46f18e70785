#include "cib/keeper.h"

#include <cstring>
#include <utility>

namespace systole::cib {
namespace {

constexpr std::size_t kPatchesPerWhole = 512;
constexpr std::size_t kPatchBytesPerWhole = 8U << 20;
constexpr Seconds kRetry{1};

// The document as it is kept: what belongs to this run stays out.
std::string kept_text(const Document& document) {
  pugi::xml_document copy;
  pugi::xml_node cib = copy.append_child("cib");
  for (const pugi::xml_attribute a : document.root().attributes())
    if (classify_root_attribute(a.name()) != RootAttribute::kRuntime) cib.append_copy(a);
  for (const pugi::xml_node child : document.root().children()) {
    if (std::strcmp(child.name(), "status") == 0)
      cib.append_child("status");
    else
      cib.append_copy(child);
  }
  return to_xml(cib);
}

}  // namespace

Keeper::Keeper(Timers& timers, Logger log, Journal& journal, std::function<const Document&()> document,
               std::function<void()> progressed)
    : timers_(timers),
      log_(std::move(log)),
      journal_(journal),
      document_(std::move(document)),
      progressed_(std::move(progressed)),
      chain_(std::make_shared<std::uint64_t>(0)) {}

Keeper::~Keeper() {
  journal_.silence();
  timers_.cancel(retry_);
}

Result<Document> Keeper::load() {
  auto loaded = journal_.load();
  if (!loaded) return fail(std::move(loaded.error()));
  for (const std::string& damage : loaded->damage) log_.error("{}", damage);
  if (!loaded->document) {
    log_.notice("the journal holds no configuration: starting with an empty one");
    journaled_ = Version{};
    return Document::empty();
  }
  Document document = std::move(*loaded->document);
  Version version = document.version();
  log_.info("configuration {} read from the journal", to_string(version));
  version.num_updates = 0;
  document.set_version(version);
  journaled_ = version;
  return document;
}

JournalEntry Keeper::whole(std::string note) const {
  const Document& document = document_();
  JournalEntry entry;
  entry.version = document.version();
  entry.digest = document.configuration_digest();
  entry.document = kept_text(document);
  entry.note = std::move(note);
  return entry;
}

void Keeper::changed(const Op& op, const Applied& applied, const std::string& author, Journal::Word word) {
  if (failing_) {  // The next retry writes the document as it then is.
    refused_ = std::max(refused_, document_().version());
    return progressed_();
  }
  // A patch that touches the status too cannot be replayed on a document without it.
  const bool needs_whole = whole_due_ || applied.changed_status || applied.patch.empty();
  JournalEntry entry;
  if (needs_whole || ++patches_ >= kPatchesPerWhole ||
      (patch_bytes_ += applied.patch.size()) >= kPatchBytesPerWhole) {
    entry = whole({});
    whole_due_ = false;
    patches_ = patch_bytes_ = 0;
  } else {
    entry.version = document_().version();
    entry.digest = document_().configuration_digest();
  }
  entry.author = author;
  entry.when = op.when;
  entry.patch = applied.patch;
  append(std::move(entry), std::move(word), true);
}

void Keeper::keep_loser(const std::string& note) {
  JournalEntry entry = whole(note);
  journal_.append(std::move(entry), [log = log_](Result<void> done) {
    if (!done)
      log.warning("the document that lost could not be kept in the journal: {}", done.error().message);
  });
}

void Keeper::replaced(const std::string& note) {
  ++*chain_;
  journaled_.reset();
  whole_due_ = false;
  patches_ = patch_bytes_ = 0;
  append(whole(note));
}

void Keeper::append(JournalEntry entry, Journal::Word word, bool quiet) {
  const Version version = entry.version;
  const bool is_whole = !entry.document.empty();
  const std::uint64_t chain = *chain_;
  const auto done = [this, version, is_whole, chain,
                     alive = std::weak_ptr(chain_)](const Result<void>& result) {
    const auto current = alive.lock();
    if (!current || *current != chain) return;  // Of a document that is no longer ours.
    if (result)
      written(version, is_whole);
    else
      refused_by_disk(version, result.error());
  };
  if (!quiet) return journal_.append(std::move(entry), done);
  if (word.say) {
    word.say = [say = std::move(word.say), alive = std::weak_ptr(chain_)] {
      if (alive.lock()) say();
    };
  }
  journal_.append_quietly(std::move(entry), std::move(word), done);
}

void Keeper::written(const Version& version, bool is_whole) {
  if (failing_ && !is_whole) return;  // A patch on top of a gap.
  if (std::exchange(failing_, false)) {
    log_.notice("the journal takes configuration changes again, version {} is kept", to_string(version));
    // What changed while this was written is not in it.
    if (refused_ > version) append(whole("written again after the disk had refused"));
  }
  journaled_ = version;
  progressed_();
}

void Keeper::refused_by_disk(const Version& version, const Error& error) {
  if (!failing_)
    log_.critical("configuration {} is not on this node's disk: {}; it is tried again every second",
                  to_string(version), error.message);
  failing_ = true;
  refused_ = std::max(refused_, version);
  reason_ = error.message;
  whole_due_ = true;
  if (retry_ == 0) {
    retry_ = timers_.after(kRetry, [this] {
      retry_ = 0;
      if (!failing_) return;
      whole_due_ = false;
      append(whole("written again after the disk had refused"));
    });
  }
  progressed_();
}

}  // namespace systole::cib
