// Order constraints: from rsc_order elements to orderings between operation keys.
#include <fmt/format.h>

#include <algorithm>

#include "base/mutation.h"
#include "pengine/engine.h"

namespace systole::pengine::engine {
namespace {

enum class Kind : std::uint8_t { kOptional, kMandatory, kSerialize };
enum class Symmetry : std::uint8_t { kAsymmetric, kSymmetric, kInverse };

Task invert(Task task) {
  if (task == "start") return "stop";
  if (task == "stop") return "start";
  if (task == "promote") return "demote";
  if (task == "demote") return "promote";
  if (task == "promoted") return "demoted";
  if (task == "demoted") return "promoted";
  if (task == "running") return "stopped";
  if (task == "stopped") return "running";
  return {};
}

Kind kind_of(Cluster& c, pugi::xml_node xml, Kind fallback) {
  const std::string kind = xml.attribute("kind").value();
  if (kind.empty()) {
    const std::string score = xml.attribute("score").value();
    if (score.empty()) return fallback;
    return parse_score(score) == 0 ? Kind::kOptional : Kind::kMandatory;
  }
  if (kind == "Mandatory") return Kind::kMandatory;
  if (kind == "Optional") return Kind::kOptional;
  if (kind == "Serialize") return Kind::kSerialize;
  c.error(fmt::format("Resetting 'kind' for constraint {} to 'Mandatory' because '{}' is not valid",
                      xml.attribute("id").value(), kind));
  return fallback;
}

Symmetry symmetry_of(Cluster& c, pugi::xml_node xml, Kind kind, const std::string& inherited) {
  std::string text = xml.attribute("symmetrical").value();
  if (text.empty()) text = inherited;
  if (!text.empty()) {
    if (is_true(text)) {
      if (kind != Kind::kSerialize) return Symmetry::kSymmetric;
      c.warning(fmt::format("Ignoring symmetrical for '{}' because not valid with kind of 'Serialize'",
                            xml.attribute("id").value()));
    }
    return Symmetry::kAsymmetric;
  }
  return kind == Kind::kSerialize ? Symmetry::kAsymmetric : Symmetry::kSymmetric;
}

std::uint32_t flags_for(Kind kind, Task first, Symmetry symmetry) {
  // Serialized ones never run at once, in whichever order.
  std::uint32_t flags = kind == Kind::kSerialize ? kSerialize : kOrdered;
  if (kind == Kind::kMandatory) {
    if (symmetry == Symmetry::kAsymmetric)
      flags |= kAsymmetric;
    else if (symmetry == Symmetry::kSymmetric) {
      flags |= kFirstImpliesThen;
      if (first == "start" || first == "promote") flags |= kUnrunnableFirstBlocks;
    } else {
      flags |= kThenImpliesFirst;
    }
  }
  return flags;
}

struct OrderSet {
  std::string id;
  Task action;
  bool sequential = true, require_all = true;
  bool ends_count = false;  // To other sets only its first or last is bound; else each.
  Kind kind = Kind::kMandatory;
  Symmetry symmetry = Symmetry::kSymmetric;
  std::vector<Resource*> refs;
};

Action* one_or_more(Cluster& c, const std::string& name) {
  Action*& a = c.singletons[name];
  if (!a) {
    a = make_action(c, nullptr, name, name, nullptr, true);
    a->pseudo = true;
    a->runnable = true;
  }
  return a;
}

void inside_set(Cluster& c, const OrderSet& set) {
  std::uint32_t flags = flags_for(set.kind, set.action, set.symmetry);
  for (std::size_t i = 0; i < set.refs.size(); ++i) {
    if (set.kind == Kind::kSerialize) {
      for (std::size_t j = i + 1; j < set.refs.size(); ++j)
        order_tasks(c, set.refs[i], set.action, set.refs[j], set.action, flags);
    } else if (set.sequential && i > 0) {
      order_tasks(c, set.refs[i - 1], set.action, set.refs[i], set.action, flags);
    }
  }
  if (set.symmetry == Symmetry::kAsymmetric || !set.sequential) return;
  const Task inverse = invert(set.action);
  if (inverse.empty()) return;
  flags = flags_for(set.kind, inverse, Symmetry::kInverse);
  for (std::size_t i = set.refs.size(); i > 1; --i)
    order_tasks(c, set.refs[i - 1], inverse, set.refs[i - 2], inverse, flags);
}

void between_sets(Cluster& c, const OrderSet& a, const OrderSet& b, Kind kind, Symmetry symmetry) {
  Task first = a.action, then = b.action;
  if (symmetry == Symmetry::kInverse) {
    first = invert(first);
    then = invert(then);
    if (first.empty() || then.empty()) return;
  }
  const std::uint32_t flags = flags_for(kind, first, symmetry);
  // One is enough to go up; going down, each of them waits for all that came after.
  if (!a.require_all && first != "stop" && first != "demote") {
    Action* any = one_or_more(c, "one-or-more:" + a.id);
    any->min_runnable = true;
    for (Resource* r : a.refs)
      new_ordering(c, r, first, nullptr, nullptr, "", any, kMinRunnable | kFirstImpliesThenGraphed);
    for (Resource* r : b.refs)
      new_ordering(c, nullptr, "", any, r, then, nullptr, flags | kUnrunnableFirstBlocks);
    return;
  }
  std::vector<Resource*> firsts = a.refs, thens = b.refs;
  const bool inverse = symmetry == Symmetry::kInverse;
  if (a.ends_count && !a.refs.empty()) firsts = {inverse ? a.refs.front() : a.refs.back()};
  if (b.ends_count && !b.refs.empty()) thens = {inverse ? b.refs.back() : b.refs.front()};
  for (Resource* f : firsts)
    for (Resource* t : thens) order_tasks(c, f, first, t, then, flags);
}

bool in_container(const Resource* inner, const Resource* outer) {
  for (const Resource* p = inner; p; p = p->parent)
    if (p == outer) return true;
  return false;
}

void store(Cluster& c, Ordering& o) {
  o.id = c.next_ordering++;
  c.orderings.push_back(o);
}

// What holds for a start or stop holds for the live migration that replaces it.
void with_migration(Cluster& c, const Ordering& o) {
  Resource *first = o.first_rsc, *then = o.then_rsc;
  if (!first || !then || first == then || in_container(first, then) || in_container(then, first)) return;
  if (!then->migratable) return;
  auto add = [&](Task a, Task b, std::uint32_t flags) {
    Ordering n;
    n.first_rsc = first;
    n.then_rsc = then;
    n.first_task = a;
    n.then_task = b;
    n.flags = flags;
    store(c, n);
  };
  const std::uint32_t moved_otherwise = kOrdered | (first->migratable ? kIfFirstUnmigratable : 0u);
  if (o.first_task == "start" && o.then_task == "start") {
    if (first->migratable) add("migrate_from", "migrate_to", kOrdered);
    add("start", "migrate_to", moved_otherwise);
  } else if (o.first_task == "stop" && o.then_task == "stop") {
    add("stop", "migrate_to", moved_otherwise);
    if (then->partial_target) add("stop", "migrate_from", moved_otherwise);
  } else if (o.first_task == "promote" && o.then_task == "start") {
    add("promote", "migrate_to", kOrdered);
  } else if (o.first_task == "demote" && o.then_task == "stop") {
    add("demote", "migrate_to", kOrdered);
    if (then->partial_target) add("demote", "migrate_from", kOrdered);
  }
}

void simple_order(Cluster& c, const std::string& id, pugi::xml_node xml, Resource* first, Resource* then,
                  Task first_action, Task then_action, Kind kind, Symmetry symmetry) {
  const std::uint32_t flags = flags_for(kind, first_action, symmetry);
  int minimum = 0;
  if (is_clone(first)) {
    if (const auto m = meta_of(first->meta, "clone-min")) {
      minimum = static_cast<int>(std::clamp<std::int64_t>(parse_int(*m).value_or(0), 0, 100000));
    } else if (is_false(xml.attribute("require-all").value())) {
      minimum = 1;
    }
  }
  if (minimum > 0 && (first_action == "start" || first_action == "promote")) {
    Action* met = one_or_more(c, "clone-one-or-more:" + id);
    met->required_runnable_before = minimum;
    met->min_runnable = true;
    for (auto* instance : first->children)
      new_ordering(c, instance, first_action, nullptr, nullptr, "", met,
                   kMinRunnable | kFirstImpliesThenGraphed);
    new_ordering(c, nullptr, "", met, then, then_action, nullptr, flags | kUnrunnableFirstBlocks);
  } else {
    order_tasks(c, first, first_action, then, then_action, flags);
  }
  if (symmetry != Symmetry::kSymmetric) return;
  const Task a = invert(then_action), b = invert(first_action);
  if (a.empty() || b.empty()) {
    c.warning(fmt::format("Cannot invert constraint '{}' (please specify inverse manually)", id));
    return;
  }
  order_tasks(c, then, a, first, b, flags_for(kind, a, Symmetry::kInverse));
}

}  // namespace

Task keep_task(Cluster& c, const std::string& task) { return *c.tasks.insert(task).first; }

void new_ordering(Cluster& c, Resource* first_rsc, Task first_task, Action* first, Resource* then_rsc,
                  Task then_task, Action* then, std::uint32_t flags) {
  if ((first_task.empty() && !first) || (then_task.empty() && !then)) return;
  Ordering o;
  o.flags = flags;
  o.first_rsc = first_rsc ? first_rsc : first ? first->resource : nullptr;
  o.then_rsc = then_rsc ? then_rsc : then ? then->resource : nullptr;
  o.first = first;
  o.then = then;
  o.first_task = first_task.empty() ? Task(first->task) : first_task;
  o.then_task = then_task.empty() ? Task(then->task) : then_task;
  store(c, o);
  with_migration(c, o);
}

void order_tasks(Cluster& c, Resource* first, Task first_task, Resource* then, Task then_task,
                 std::uint32_t flags) {
  if (first && then) new_ordering(c, first, first_task, nullptr, then, then_task, nullptr, flags);
}

void unpack_ordering(Cluster& c, pugi::xml_node xml) {
  const std::string id = xml.attribute("id").value();
  const Kind kind = mutation("order-dropped") ? Kind::kOptional : kind_of(c, xml, Kind::kMandatory);
  const Symmetry symmetry = symmetry_of(c, xml, kind, "");
  const std::string inherited = xml.attribute("symmetrical").value();
  if (*xml.attribute("first").value()) {
    const std::string first_id = xml.attribute("first").value(), then_id = xml.attribute("then").value();
    Task first_action = keep_task(c, xml.attribute("first-action").value()),
         then_action = keep_task(c, xml.attribute("then-action").value());
    if (first_action.empty()) first_action = "start";
    if (then_action.empty()) then_action = first_action;
    const auto firsts = resolve(c, first_id, id), thens = resolve(c, then_id, id);
    if (firsts.empty())
      c.error(fmt::format("Ignoring constraint '{}' because resource '{}' does not exist", id, first_id));
    else if (thens.empty())
      c.error(fmt::format("Ignoring constraint '{}' because resource '{}' does not exist", id, then_id));
    for (Resource* f : firsts)
      for (Resource* t : thens) simple_order(c, id, xml, f, t, first_action, then_action, kind, symmetry);
    return;
  }
  std::optional<OrderSet> last;
  for (auto set_xml : xml.children("resource_set")) {
    OrderSet set;
    set.id = set_xml.attribute("id").value();
    set.action = keep_task(c, set_xml.attribute("action").value());
    if (set.action.empty()) set.action = "start";
    set.sequential = !is_false(set_xml.attribute("sequential").value());
    set.ends_count = is_true(set_xml.attribute("sequential").value());
    set.require_all = !is_false(set_xml.attribute("require-all").value());
    set.kind = kind_of(c, set_xml, kind);
    set.symmetry = symmetry_of(c, set_xml, set.kind, inherited);
    for (auto ref : set_xml.children("resource_ref")) {
      const auto list = resolve(c, ref.attribute("id").value(), id);
      if (list.empty())
        c.error(fmt::format("Ignoring resource '{}' in set of constraint '{}' because it does not exist",
                            ref.attribute("id").value(), id));
      for (Resource* r : list) set.refs.push_back(r);
    }
    inside_set(c, set);
    if (last) {
      between_sets(c, *last, set, kind, symmetry);
      if (symmetry == Symmetry::kSymmetric) between_sets(c, set, *last, kind, Symmetry::kInverse);
    }
    last = std::move(set);
  }
}

}  // namespace systole::pengine::engine
