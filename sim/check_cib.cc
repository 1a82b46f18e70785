// S8 and S9: one document under one version, and digests and journals that are the document's.
#include "sim/checkers.h"

namespace systole::sim {
namespace {

using Machine = Cluster::Machine;

class Documents : public Checker {
 public:
  using Checker::Checker;

  void on_boot(Machine& m) override { survivors_[m.id].clear(); }
  void on_transitional(Machine& m, const membership::View& v) override { survivors_[m.id] = v.members; }
  void on_view(Machine& m, const membership::View&) override { survivors_[m.id].clear(); }
  void on_change(Machine& m, const cib::Change& change) override {
    if (!m.node->cib().synced()) return;
    const cib::Document& document = m.node->cib().document();
    const std::string digest = document.digest();
    const auto [found, inserted] = digests_.try_emplace({m.view.id, survivors_[m.id], change.after}, digest);
    if (!inserted && found->second != digest) {
      bench_.violated("S8 one document",
                      fmt::format("{} has another document than its peers under version {}", m.name,
                                  cib::to_string(change.after)));
    }
    if (++changes_ % 64 == 0) {
      const auto again = cib::Document::parse(document.serialize());
      if (!again || again->digest() != digest)
        bench_.violated("S9 replay", fmt::format("the digest that {} keeps is not its document's", m.name));
    }
    if (digests_.size() > 4096) digests_.erase(digests_.begin());
  }
  void at_rest() override {
    for (const auto& m : bench_.cluster.machines()) {
      // Two nodes that were apart may both hold a version whose digest differs; here all are in one view.
      auto loaded = m->journal->load();
      if (!loaded || !loaded->document || !loaded->damage.empty()) {
        bench_.violated("S9 replay", m->name + " cannot read its own journal");
      } else if (loaded->document->configuration_digest() !=
                 m->node->cib().document().configuration_digest()) {
        bench_.violated("S9 replay",
                        fmt::format("the journal of {} gives configuration {}, other than the {} it has",
                                    m->name, cib::to_string(loaded->document->version()),
                                    cib::to_string(m->node->cib().version())));
      }
    }
  }

 private:
  // At the end of a view those that do not go on together may have seen less of it.
  std::map<NodeId, std::vector<NodeLife>> survivors_;
  std::map<std::tuple<RingId, std::vector<NodeLife>, cib::Version>, std::string> digests_;
  std::uint64_t changes_ = 0;
};

}  // namespace

std::unique_ptr<Checker> check_documents(Bench& bench) { return std::make_unique<Documents>(bench); }

}  // namespace systole::sim
