// Why each action is in a transition, and what it waits for.
#include <algorithm>
#include <set>

#include "pengine/explain.h"
#include "pengine/explain_text.h"

namespace systole::pengine {
namespace {

class ActionReader {
 public:
  ActionReader(const cib::Document& document, const Plan& plan) : document_(document), plan_(plan) {}

  std::vector<ActionExplanation> read(const std::string& resource) {
    std::vector<ActionExplanation> out;
    const Graph& g = plan_.graph;
    synapse_of_.assign(g.actions.size(), nullptr);
    for (const Synapse& s : g.synapses) synapse_of_[static_cast<std::size_t>(s.action)] = &s;
    for (const std::size_t i : in_turn()) {
      if (g.actions[i].kind == Action::Kind::kPseudo) continue;
      if (!resource.empty() && !concerns(g.actions[i], resource)) continue;
      out.push_back(one(i));
    }
    return out;
  }

 private:
  // In an order in which they may be executed: what is waited for first.
  std::vector<std::size_t> in_turn() const {
    std::vector<std::size_t> order;
    std::vector<bool> seen(synapse_of_.size());
    std::vector<std::pair<std::size_t, std::size_t>> path;  // An action, and how many of its inputs are done.
    for (const Synapse& s : plan_.graph.synapses) {
      if (!seen[static_cast<std::size_t>(s.action)]) path.emplace_back(s.action, 0);
      while (!path.empty()) {
        const std::size_t at = path.back().first;
        seen[at] = true;
        const Synapse* mine = synapse_of_[at];
        if (mine != nullptr && path.back().second < mine->inputs.size()) {
          const auto next = static_cast<std::size_t>(mine->inputs[path.back().second++]);
          if (!seen[next]) path.emplace_back(next, 0);
          continue;
        }
        order.push_back(at);
        path.pop_back();
      }
    }
    return order;
  }

  const Placement* placement(const Action& a) const {
    for (const Placement& p : plan_.reasons->placements)
      if (p.resource == a.long_id || (a.long_id.empty() && p.resource == a.resource)) return &p;
    return nullptr;
  }

  std::set<std::string> lineage(const Action& a) const {
    std::set<std::string> ids{a.resource, a.long_id};
    if (const Placement* p = placement(a)) {
      ids.insert(p->configured);
      ids.insert(p->ancestors.begin(), p->ancestors.end());
    }
    ids.erase("");
    return ids;
  }

  bool concerns(const Action& a, const std::string& resource) const { return lineage(a).contains(resource); }

  ActionExplanation one(std::size_t index) const {
    const Action& a = plan_.graph.actions[index];
    ActionExplanation e;
    e.id = a.id;
    e.task = task_of(a);
    e.resource = a.resource;
    e.node = a.node;
    e.why = why(a, index < plan_.reasons->actions.size() ? plan_.reasons->actions[index] : "");
    e.waits = waits(index);
    return e;
  }

  static std::string attribute(const Action& a, std::string_view name) {
    for (const auto& [key, value] : a.attributes)
      if (key == name) return value;
    return "";
  }

  static bool recurring(const Action& a) {
    const std::string interval = attribute(a, "CRM_meta_interval");
    return !interval.empty() && interval != "0";
  }

  static std::string task_of(const Action& a) {
    if (a.task == "stonith") return "fencing (" + attribute(a, "CRM_meta_stonith_action") + ")";
    if (a.task == "monitor") return recurring(a) ? "recurring monitor" : "probe";
    if (a.task == "do_shutdown") return "shutdown";
    if (a.task == "clear_failcount") return "clearing of the fail count";
    if (a.task == "lrm_delete" || a.task == "delete") return "removal of the history";
    if (a.task == "notify")
      return attribute(a, "CRM_meta_notify_type") + "-" + attribute(a, "CRM_meta_notify_operation") +
             " notification";
    return a.task;
  }

  std::string why(const Action& a, const std::string& reason) const {
    const Placement* p = placement(a);
    if (!reason.empty()) return reason_sentence(reason);
    if (a.task == "monitor" && !recurring(a)) return "nobody knows yet whether it runs there";
    if (a.task == "monitor") return "the configured operation watches it there";
    if (a.task == "notify") return "the clone has notify=true";
    if (a.task == "cancel") return "the operation is not wanted there any more";
    if (a.task == "do_shutdown") return "the node's shutdown was asked for";
    if (p == nullptr) return "the cluster asks for it";
    const bool moves = !p->to.empty() && !p->from.empty() && p->from.front() != p->to;
    if (a.task == "stop") {
      if (p->removed) return "it is not in the configuration any more";
      if (p->to.empty()) return "no node is to have it";
      if (moves) return fmt::format("it moves to {}", p->to);
      return p->failed ? "it failed and is recovered" : "it is restarted";
    }
    if (a.task == "start") {
      if (moves) return fmt::format("it moves here from {}", fmt::join(p->from, ", "));
      if (!p->from.empty()) return p->failed ? "it failed and is recovered" : "it is restarted";
      return "it is to run on this node and runs nowhere";
    }
    if (a.task == "promote") return promotion(*p);
    if (a.task == "demote") return demotion(*p);
    if (a.task == "migrate_to" || a.task == "migrate_from")
      return fmt::format("it migrates live from {} to {}", fmt::join(p->from, ", "), p->to);
    return "the cluster asks for it";
  }

  static std::string promotion(const Placement& p) {
    if (p.role == "Promoted") return "it is promoted again after its demotion";
    return fmt::format("it is the best of the instances, with a promotion score of {}; {} may be promoted",
                       score_text(p.promotion_score), p.promoted_max);
  }

  static std::string demotion(const Placement& p) {
    if (p.next_role == "Promoted")
      return p.failed ? "it failed, and is demoted and promoted again" : "it is restarted";
    if (p.to.empty()) return "it is to stop, and is demoted first";
    if (p.promotion_score < 0) return "it may not be promoted any more";
    return fmt::format("others come before it: its promotion score is {}, and {} may be promoted",
                       score_text(p.promotion_score), p.promoted_max);
  }

  // Real actions before this one, through pseudo actions; without those that come before others of them.
  std::vector<Wait> waits(std::size_t mine) const {
    std::vector<std::size_t> last = before(mine);
    std::set<std::size_t> earlier;
    for (const std::size_t i : last) all_before(i, earlier);
    std::vector<Wait> out;
    for (const std::size_t i : last) {
      if (earlier.contains(i)) continue;
      const Action& first = plan_.graph.actions[i];
      Wait w{first.id, task_of(first), first.resource, first.node, "", ""};
      w.constraint = order_between(lineage(first), lineage(plan_.graph.actions[mine]));
      w.why = wait_reason(first, plan_.graph.actions[mine], w.constraint);
      out.push_back(std::move(w));
    }
    return out;
  }

  bool pseudo(std::size_t i) const { return plan_.graph.actions[i].kind == Action::Kind::kPseudo; }

  std::vector<std::size_t> before(std::size_t action) const {
    std::vector<std::size_t> out, todo{action};
    std::set<std::size_t> seen;
    while (!todo.empty()) {
      const Synapse* s = synapse_of_[todo.back()];
      todo.pop_back();
      if (s == nullptr) continue;
      for (const int input : s->inputs) {
        const auto i = static_cast<std::size_t>(input);
        if (seen.insert(i).second) (pseudo(i) ? todo : out).push_back(i);
      }
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  // Everything before it, itself excepted.
  void all_before(std::size_t action, std::set<std::size_t>& seen) const {
    std::vector<std::size_t> todo{action};
    while (!todo.empty()) {
      const Synapse* s = synapse_of_[todo.back()];
      todo.pop_back();
      if (s == nullptr) continue;
      for (const int input : s->inputs)
        if (const auto i = static_cast<std::size_t>(input); seen.insert(i).second) todo.push_back(i);
    }
  }

  std::string wait_reason(const Action& first, const Action& then, const std::string& constraint) const {
    if (first.task == "stonith") return "the node must be known to be down";
    if (first.resource == then.resource) {
      if (first.task == "monitor") return "first it must be known where it runs";
      return "the steps of one resource come in turn";
    }
    if (!constraint.empty()) return "order constraint " + constraint;
    if (first.task == "monitor") return "first it must be known what runs where";
    if (first.task == "start" && first.resource == then.node)
      return fmt::format("{} is reached by it", then.node);
    const Placement *a = placement(first), *b = placement(then);
    if (a && b && !a->ancestors.empty() && !b->ancestors.empty() &&
        a->ancestors.front() == b->ancestors.front())
      return "both are members of " + a->ancestors.front();
    if (first.task == "stop" && (then.task == "start" || then.task == "migrate_to"))
      return "its place must be free first";
    if (then.task == "do_shutdown") return "the node is emptied first";
    return "the cluster's own order";
  }

  static bool either(const std::set<std::string>& ids, const char* id) { return ids.contains(id); }

  std::string order_between(const std::set<std::string>& first, const std::set<std::string>& then) const {
    for (const pugi::xml_node order : document_.section("constraints").children("rsc_order")) {
      const char *a = order.attribute("first").value(), *b = order.attribute("then").value();
      if ((either(first, a) && either(then, b)) || (either(first, b) && either(then, a)))
        return order.attribute("id").value();
      bool has_first = false, has_then = false;
      for (const pugi::xml_node set : order.children("resource_set"))
        for (const pugi::xml_node ref : set.children("resource_ref")) {
          has_first = has_first || either(first, ref.attribute("id").value());
          has_then = has_then || either(then, ref.attribute("id").value());
        }
      if (has_first && has_then) return order.attribute("id").value();
    }
    return "";
  }

  const cib::Document& document_;
  const Plan& plan_;
  std::vector<const Synapse*> synapse_of_;
};

}  // namespace

std::vector<ActionExplanation> explain_actions(const cib::Document& document, const Plan& plan,
                                               const std::string& resource) {
  if (!plan.reasons) return {};
  return ActionReader(document, plan).read(resource);
}

}  // namespace systole::pengine
