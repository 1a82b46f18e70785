#include "pengine/incremental.h"

#include <algorithm>
#include <numeric>

#include "pengine/engine.h"
#include "pengine/history.h"
#include "pengine/scope.h"

namespace systole::pengine {

using namespace engine;

namespace engine {

int Parts::find(std::string_view id) const {
  if (const auto it = of_id.find(id); it != of_id.end()) return it->second;
  const auto it = of_id.find(strip_instance(id));
  return it == of_id.end() ? -1 : it->second;
}

bool Scope::leaves_out(pugi::xml_node element) const {
  const auto it = parts->of_element.find(element.internal_object());
  return it != parts->of_element.end() &&
         std::none_of(it->second.begin(), it->second.end(),
                      [this](int part) { return looked_at[static_cast<std::size_t>(part)]; });
}

bool Scope::leaves_out(std::string_view id) const {
  const int part = parts->find(id);
  return part >= 0 && !looked_at[static_cast<std::size_t>(part)];
}

}  // namespace engine

struct Scheduler::Memory {
  const void* document = nullptr;  // Its root element.
  Parts parts;
  std::vector<bool> busy;                                // By part: has to be looked at in every plan.
  std::vector<std::vector<std::pair<int, int>>> counts;  // As in Scope.
  std::vector<Problem> problems;
};

namespace {

// Sets of resources, and of actions that belong to none, that have to do with each other.
class Union {
 public:
  explicit Union(const Cluster& c) : parent_(c.resource_store.size() + c.actions.size() + 1) {
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
    resources_ = c.resource_store.size();
  }
  std::size_t of(const Resource* r) { return root(static_cast<std::size_t>(r->number)); }
  std::size_t of(const engine::Action* a) {
    return a->resource ? of(a->resource) : root(resources_ + static_cast<std::size_t>(a->id));
  }
  template <class A, class B>
  void join(const A* a, const B* b) {
    if (a && b) parent_[of(a)] = of(b);
  }

 private:
  std::size_t root(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  std::vector<std::size_t> parent_;
  std::size_t resources_ = 0;
};

template <class Join>
void each_tie(const Cluster& c, Join join) {
  for (const auto& r : c.resource_store) {
    join(&r, r.parent);
    join(&r, r.container);
  }
  for (const auto* col : c.colocations) join(col->dependent, col->primary);
  for (const auto& o : c.orderings) {
    if (o.first_rsc && o.then_rsc) join(o.first_rsc, o.then_rsc);
    if (o.first && o.then) join(o.first, o.then);
    if (o.first && !o.first->resource && o.then_rsc) join(o.first, o.then_rsc);
    if (o.then && !o.then->resource && o.first_rsc) join(o.then, o.first_rsc);
  }
  for (const engine::Action* a : c.actions)
    for (const auto& rel : a->before) join(a, rel.action);
}

// Does what the parts do show in nothing but their own resources?
bool separable(const Cluster& c) {
  const Config& k = c.config;
  if (k.have_remote_nodes || k.placement != Config::Placement::kDefault || k.shutdown_lock || k.unfencing ||
      c.other_problems || c.options.scores || c.options.reasons)
    return false;
  for (const auto& r : c.resource_store)
    if (is_bundle(&r)) return false;
  for (const Node* n : c.nodes)
    if (n->unclean || n->pending || n->shutdown || n->standby_on_fail) return false;
  return std::none_of(c.actions.begin(), c.actions.end(), [](const engine::Action* a) {
    return !a->resource && (a->task == "stonith" || a->task == "do_shutdown");
  });
}

bool has_dates(pugi::xml_node configuration) {
  return static_cast<bool>(configuration.find_node(
      [](pugi::xml_node n) { return std::string_view(n.name()) == "date_expression"; }));
}

// Whatever happens elsewhere, it has to be looked at again.
bool always_busy(const Resource& r) {
  return r.by_count || r.by_time || r.fence_device || (r.removed && !r.parent);
}

void note_busy(const Cluster& c, const Plan& plan, const Parts& parts, std::vector<bool>& busy) {
  const auto mark = [&](std::string_view id) {
    if (const int part = parts.find(id); part >= 0) busy[static_cast<std::size_t>(part)] = true;
  };
  for (const auto& r : c.resource_store)
    if (always_busy(r)) mark(r.id);
  for (const engine::Action* a : c.actions) {
    if (!a->in_graph) continue;
    if (a->resource) mark(a->resource->id);
    if (a->resource) continue;
    for (const auto* list : {&a->before, &a->after})
      for (const auto& rel : *list)
        if (rel.action->resource) mark(rel.action->resource->id);
  }
  for (const auto& d : plan.decisions) mark(d.resource);
}

void note_elements(Cluster& c, Parts& parts) {
  const auto configuration = c.document->root().child("configuration");
  for (auto xml : configuration.child("resources").children())
    if (const int part = parts.find(xml.attribute("id").value()); part >= 0)
      parts.of_element[xml.internal_object()] = {part};
  for (auto xml : configuration.child("constraints").children()) {
    std::vector<int> list;
    bool known = !xml.attribute("rsc-pattern");
    const auto refer = [&](const char* id) {
      if (!*id) return;
      const auto found = resolve(c, id, "");
      known = known && !found.empty();
      for (const auto* r : found) list.push_back(parts.find(r->id));
    };
    for (const char* name : {"rsc", "with-rsc", "first", "then"}) refer(xml.attribute(name).value());
    for (auto set : xml.children("resource_set"))
      for (auto ref : set.children("resource_ref")) refer(ref.attribute("id").value());
    if (known && !list.empty()) parts.of_element[xml.internal_object()] = std::move(list);
  }
}

Parts parts_of(Cluster& c) {
  Union sets(c);
  each_tie(c, [&](const auto* a, const auto* b) { sets.join(a, b); });
  Parts parts;
  std::unordered_map<std::size_t, int> number;
  for (const auto& r : c.resource_store) {
    const int part = number.emplace(sets.of(&r), static_cast<int>(number.size())).first->second;
    parts.of_id.emplace(r.id, part);
    parts.of_id.emplace(r.def->id, part);
    if (!r.history_name.empty()) parts.of_id.emplace(r.history_name, part);
  }
  for (const auto* r : c.resources) {
    parts.rank_of.emplace(r->id, static_cast<int>(parts.part_of_rank.size()));
    parts.part_of_rank.push_back(parts.find(r->id));
  }
  note_elements(c, parts);
  return parts;
}

// Do the ties of this plan stay within the parts?
bool within(const Cluster& c, const Parts& parts) {
  bool fit = true;
  const auto part = [&](const auto* x) {
    if constexpr (std::is_same_v<decltype(x), const Resource*>)
      return parts.find(x->id);
    else
      return x->resource ? parts.find(x->resource->id) : -1;
  };
  each_tie(c, [&](const auto* a, const auto* b) {
    if (!a || !b) return;
    const int one = part(a), other = part(b);
    fit = fit && (one < 0 || other < 0 || one == other);
  });
  return fit;
}

}  // namespace

Scheduler::Scheduler() = default;
Scheduler::~Scheduler() = default;
Scheduler::Scheduler(Scheduler&&) noexcept = default;
Scheduler& Scheduler::operator=(Scheduler&&) noexcept = default;

Plan Scheduler::all(const cib::Document& document, const Options& options) {
  memory_.reset();
  Cluster c;
  c.keep_counts = true;
  unpack(c, document, options);
  Plan plan = make_plan(c);
  planned_ = c.resources.size();
  if (!separable(c) || has_dates(document.root().child("configuration"))) return plan;
  memory_ = std::make_unique<Memory>();
  memory_->document = document.root().internal_object();
  memory_->parts = parts_of(c);
  std::size_t parts = 0;
  for (const auto& [id, part] : memory_->parts.of_id)
    parts = std::max(parts, static_cast<std::size_t>(part) + 1);
  memory_->busy.assign(parts, false);
  note_busy(c, plan, memory_->parts, memory_->busy);
  memory_->counts = std::move(c.counts);
  memory_->problems = plan.problems;
  return plan;
}

Plan Scheduler::plan(const cib::Document& document, const Changes& changes, const Options& options) {
  if (!memory_ || changes.anything || options.scores || options.reasons ||
      memory_->document != document.root().internal_object())
    return all(document, options);
  Memory& m = *memory_;
  Scope scope{&m.parts, m.busy, &m.counts};
  for (const auto& id : changes.resources)
    if (const int part = m.parts.find(id); part >= 0) scope.looked_at[static_cast<std::size_t>(part)] = true;
  const auto many = std::count(scope.looked_at.begin(), scope.looked_at.end(), true);
  if (static_cast<std::size_t>(many) > scope.looked_at.size() / 2) return all(document, options);
  Cluster c;
  c.keep_counts = true;
  c.scope = &scope;
  unpack(c, document, options);
  Plan plan = make_plan(c);
  if (!separable(c)) return all(document, options);
  planned_ = c.resources.size();
  plan.problems = m.problems;
  for (std::size_t i = 0; i < scope.looked_at.size(); ++i)
    if (scope.looked_at[i]) m.busy[i] = false;
  note_busy(c, plan, m.parts, m.busy);
  for (std::size_t i = 0; i < c.resources.size(); ++i)
    if (const auto rank = m.parts.rank_of.find(c.resources[i]->id); rank != m.parts.rank_of.end())
      m.counts[static_cast<std::size_t>(rank->second)] = std::move(c.counts[i]);
  if (!within(c, m.parts)) memory_.reset();
  return plan;
}

}  // namespace systole::pengine
