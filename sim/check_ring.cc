// S6 and S7: views and what is delivered in them, as each node's ring hands it over. L9: how soon the dead
// are out.
#include <algorithm>
#include <optional>

#include "sim/checkers.h"

namespace systole::sim {
namespace {

using Machine = Cluster::Machine;

std::string text(const RingId& id) { return fmt::format("{}.{}", id.sequence, raw(id.representative)); }

class Views : public Checker {
 public:
  using Checker::Checker;

  void on_boot(Machine& m) override {
    Incarnation& last = lives_[m.id];
    if (m.life.incarnation <= last) {
      bench_.violated("S6 views", fmt::format("{} begins a life that is not above its last one", m.name));
    }
    last = m.life.incarnation;
  }
  void on_view(Machine& m, const membership::View& view) override {
    const auto [found, inserted] = views_.try_emplace(view.id, view.members);
    if (!inserted && found->second != view.members) {
      bench_.violated("S6 views",
                      fmt::format("{} has other members in view {} than its peers", m.name, text(view.id)));
    }
    const auto last = last_view_.find(m.id);
    if (last != last_view_.end() && !(last->second < view.id)) {
      bench_.violated("S6 views", fmt::format("{} went from view {} back to {}", m.name, text(last->second),
                                              text(view.id)));
    }
    last_view_[m.id] = view.id;
    const bool two = m.quorum.two_node && bench_.workload.nodes == 2;
    if (m.quorum.quorate && !two && 2 * view.members.size() <= bench_.workload.nodes) {
      bench_.violated("S6 quorum", fmt::format("{} is quorate with {} of {} nodes", m.name,
                                               view.members.size(), bench_.workload.nodes));
    }
  }

 private:
  std::map<RingId, std::vector<NodeLife>> views_;
  std::map<NodeId, RingId> last_view_;
  std::map<NodeId, Incarnation> lives_;
};

// Messages are told apart by a hash of sender and content. Within a view all deliver prefixes of one
// sequence; those who come from one view into the same next one have delivered the same.
class Deliveries : public Checker {
 public:
  using Checker::Checker;

  void on_boot(Machine& m) override { at_[m.id] = {}; }
  void on_transitional(Machine& m, const membership::View&) override { at_[m.id].transitional = true; }
  void on_message(Machine& m, NodeId sender, ByteView message) override {
    Place& place = at_[m.id];
    const std::uint64_t hash = std::hash<std::string_view>{}(as_text(message)) * 31 + raw(sender);
    place.digest = (place.digest ^ hash) * 1099511628211ULL;
    ++place.count;
    if (place.transitional) return;
    std::vector<std::uint64_t>& order = orders_[m.view.id];
    if (place.in_view == order.size()) order.push_back(hash);
    if (order[place.in_view++] != hash) {
      bench_.violated("S7 total order",
                      fmt::format("{} delivers another message than its peers as number {} of view {}",
                                  m.name, place.in_view, text(m.view.id)));
    }
  }
  void on_view(Machine& m, const membership::View& view) override {
    Place& place = at_[m.id];
    if (place.view) {
      const auto [found, first] =
          moves_.try_emplace({*place.view, view.id}, m.name, place.count, place.digest);
      const auto& [other, count, digest] = found->second;
      if (!first && (count != place.count || digest != place.digest)) {
        bench_.violated("S7 total order",
                        fmt::format("{} and {} went from view {} to {} with {} and {} messages, not the same",
                                    other, m.name, text(*place.view), text(view.id), count, place.count));
      }
    }
    place = {view.id, false, 0, 0, 0};
    if (orders_.size() > 64) forget();
  }

 private:
  // Views that nobody is in any more.
  void forget() {
    std::erase_if(orders_, [this](const auto& order) {
      return std::none_of(at_.begin(), at_.end(),
                          [&](const auto& at) { return at.second.view == order.first; });
    });
  }
  struct Place {
    std::optional<RingId> view;
    bool transitional = false;
    std::size_t in_view = 0, count = 0;
    std::uint64_t digest = 0;
  };
  std::map<NodeId, Place> at_;
  std::map<RingId, std::vector<std::uint64_t>> orders_;
  std::map<std::pair<RingId, RingId>, std::tuple<std::string, std::size_t, std::uint64_t>> moves_;
};

// L9. Those who saw a node die, and whom nothing ails, do not wait for it: neither do others that join and
// die in the midst of it keep them from going on.
class Departures : public Checker {
 public:
  explicit Departures(Bench& bench) : Checker(bench) { look(); }

  void on_boot(Machine&) override { last_change_ = bench_.world().now(); }
  void on_end(Machine& m) override {
    last_change_ = bench_.world().now();
    for (const auto& other : bench_.cluster.machines()) {
      if (other.get() != &m && has(*other, m.life))
        expect({m.name, m.life, other.get(), other->life, last_change_}, kOut);
    }
  }

 private:
  struct Death {
    std::string name;
    NodeLife dead;
    const Machine* at;
    NodeLife witness;
    Time when;
  };
  static bool has(const Machine& m, const NodeLife& life) {
    return m.alive() && std::find(m.view.members.begin(), m.view.members.end(), life) != m.view.members.end();
  }
  void expect(const Death& death, Duration bound) {
    bench_.world().at(death.when + bound, [this, death, bound] {
      if (death.at->life != death.witness || !has(*death.at, death.dead) || ailing_ >= death.when) return;
      for (const auto& m : bench_.cluster.machines()) {
        if (m->host->paused_until() >= death.when) return;
      }
      if (bound == kOut && last_change_ > death.when) return expect(death, kOutInTurmoil);
      bench_.violated("L9 silent hosts", fmt::format("{} still has {} in its view {} ms after it died",
                                                     death.at->name, death.name, bound / Milliseconds(1)));
    });
  }
  void look() {
    if (!bench_.world().whole()) ailing_ = bench_.world().now();
    bench_.world().after(kLook, [this] { look(); });
  }

  static constexpr Duration kOut = Seconds(2), kOutInTurmoil = Seconds(6), kLook = Milliseconds(200);
  Time last_change_{};         // When a node last came or died.
  Time ailing_{Duration(-1)};  // When the network was last seen not to be whole.
};

}  // namespace

std::unique_ptr<Checker> check_departures(Bench& bench) { return std::make_unique<Departures>(bench); }
std::unique_ptr<Checker> check_views(Bench& bench) { return std::make_unique<Views>(bench); }
std::unique_ptr<Checker> check_delivery(Bench& bench) { return std::make_unique<Deliveries>(bench); }

}  // namespace systole::sim
