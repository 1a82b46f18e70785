#include "pengine/explain_text.h"

#include <algorithm>

namespace systole::pengine {
namespace {

using State = NodeVerdict::State;
using Choice = Placement::Choice;

const char* state_text(State state) {
  switch (state) {
    case State::kUsable:
      return "";
    case State::kOffline:
      return "the node is offline";
    case State::kUnclean:
      return "the node is unclean: it has to be fenced first";
    case State::kPending:
      return "the node is still joining";
    case State::kShutdown:
      return "the node is shutting down";
    case State::kStandby:
      return "the node is in standby";
    case State::kStandbyOnFail:
      return "the node is in standby because an operation with on-fail=standby failed there";
    case State::kMaintenance:
      return "the node is in maintenance";
  }
  return "";
}

const char* state_name(State state) {
  static constexpr const char* kNames[] = {"usable",   "offline", "unclean",         "pending",
                                           "shutdown", "standby", "standby-on-fail", "maintenance"};
  return kNames[static_cast<std::size_t>(state)];
}

std::string choice_text(const Placement& p) {
  switch (p.choice) {
    case Choice::kOnly:
      return "it is the only node that can have it";
    case Choice::kScore:
      return "it has the highest score";
    case Choice::kCurrent:
      return "it runs there already, and no other node has a higher score";
    case Choice::kBalance:
      return "of the nodes with the same score it had the fewest resources";
    case Choice::kCapacity:
      return "of the nodes with the same score it had the most capacity left";
    case Choice::kName:
      return "of equal nodes it is the first by name";
    case Choice::kPreferred:
      return std::find(p.from.begin(), p.from.end(), p.to) != p.from.end()
                 ? "it runs there already, and is left there"
                 : "what it belongs to, or a migration under way, asks for this node";
    case Choice::kNone:
      break;
  }
  return p.managed ? "" : "it is not managed, so it is left where it is";
}

const char* choice_name(Choice choice) {
  static constexpr const char* kNames[] = {"none",    "only",     "score", "current",
                                           "balance", "capacity", "name",  "preferred"};
  return kNames[static_cast<std::size_t>(choice)];
}

std::string effect(int score) {
  if (score <= -kInfinity) return "forbids it there";
  if (score >= kInfinity) return "demands it there (INFINITY)";
  return fmt::format("counts {}{}", score > 0 ? "+" : "", score);
}

std::string changes_text(const std::vector<Change>& changes) {
  std::vector<std::string> parts;
  for (const Change& change : changes) parts.push_back(change_text(change));
  return fmt::format("{}", fmt::join(parts, ", and "));
}

std::string commands_text(const std::vector<Change>& changes) {
  std::vector<std::string> parts;
  for (const Change& change : changes)
    if (const std::string command = change_command(change); !command.empty()) parts.push_back(command);
  return fmt::format("{}", fmt::join(parts, "; "));
}

class Printer {
 public:
  explicit Printer(const Explanation& e) : e_(e) {}

  std::string print() {
    cluster();
    instances();
    blocked();
    decisive();
    ways();
    if (e_.actions.empty())
      text_ += fmt::format("\nThe cluster has nothing to do with {}.\n", e_.resource);
    else
      text_ += fmt::format("\nWhat the cluster does with {}:\n{}", e_.resource, actions_text(e_.actions));
    if (!e_.complete)
      text_ += fmt::format("\n({} changes were tried out; there may be more that help.)\n", e_.trials);
    return std::move(text_);
  }

 private:
  void cluster() {
    if (!e_.quorate)
      text_ += fmt::format("This partition has no quorum (no-quorum-policy={}).\n", e_.no_quorum_policy);
    if (e_.maintenance_mode) text_ += "The cluster is in maintenance mode: it starts and stops nothing.\n";
    if (e_.stop_all) text_ += "stop-all-resources is set: nothing is to run.\n";
    if (e_.fencing_without_device)
      text_ += "Fencing is enabled and no fencing device is configured: nothing is started.\n";
  }

  void instances() {
    for (const InstanceExplanation& i : e_.instances) {
      if (spare(i)) continue;
      text_ += headline(i.placement) + "\n";
      for (const NodeExplanation& n : i.nodes)
        if (n.here) say("Why", {n.verdict.node}, score_of(n), lines(i.placement, n));
      if (i.placement.promotable && !i.placement.to.empty()) promotion(i);
      if (!many()) elsewhere({&i});
    }
    if (many()) collective();
  }

  // Of a clone it is told once why no instance is on a node, not instance by instance.
  bool many() const {
    const InstanceExplanation& first = e_.instances.front();
    return e_.instances.size() > 1 && first.placement.resource != first.placement.configured;
  }

  // Instances that are nowhere and are to stay so.
  bool spare(const InstanceExplanation& i) const {
    return many() && i.placement.to.empty() && i.placement.from.empty() && any_placed(i.placement.configured);
  }
  bool any_placed(const std::string& configured) const {
    return std::any_of(e_.instances.begin(), e_.instances.end(), [&](const InstanceExplanation& i) {
      return i.placement.configured == configured && !i.placement.to.empty();
    });
  }

  void collective() {
    std::vector<std::string> done;
    for (const InstanceExplanation& i : e_.instances) {
      const std::string& id = i.placement.configured;
      if (std::find(done.begin(), done.end(), id) != done.end()) continue;
      done.push_back(id);
      std::vector<const InstanceExplanation*> all;
      for (const InstanceExplanation& other : e_.instances)
        if (other.placement.configured == id) all.push_back(&other);
      text_ += fmt::format("No instance of {}:\n", id);
      const std::size_t before = text_.size();
      elsewhere(all);
      if (text_.size() == before) text_.resize(text_.rfind("No instance of"));
    }
  }

  // Why none of these is on a node; nodes of which the same is to be said are taken together.
  void elsewhere(const std::vector<const InstanceExplanation*>& all) {
    struct Block {
      std::vector<std::string> nodes;
      std::string score;
      std::vector<std::string> lines;
    };
    std::vector<Block> blocks;
    for (std::size_t n = 0; n < all.front()->nodes.size(); ++n) {
      const bool taken = std::any_of(all.begin(), all.end(), [&](const auto* i) { return i->nodes[n].here; });
      if (taken) continue;
      const InstanceExplanation& i = *telling(all, n);
      const NodeExplanation& node = i.nodes[n];
      Block block{{node.verdict.node}, score_of(node), lines(i.placement, node)};
      const auto same = std::find_if(blocks.begin(), blocks.end(), [&](const Block& b) {
        return b.score == block.score && b.lines == block.lines;
      });
      if (same == blocks.end())
        blocks.push_back(std::move(block));
      else
        same->nodes.push_back(node.verdict.node);
    }
    for (const Block& b : blocks) say("Why not", b.nodes, b.score, b.lines);
  }

  // The instance of which there is most to say: of its own, not of the others being elsewhere.
  static const InstanceExplanation* telling(const std::vector<const InstanceExplanation*>& all,
                                            std::size_t n) {
    for (const auto* i : all)
      if (std::any_of(i->nodes[n].reasons.begin(), i->nodes[n].reasons.end(), [](const Reason& r) {
            return r.cause != Cause::kInstances && r.score <= -kInfinity && !r.promotion;
          }))
        return i;
    for (const auto* i : all)
      if (i->placement.to.empty()) return i;
    return all.front();
  }

  void say(const char* question, const std::vector<std::string>& nodes, const std::string& score,
           const std::vector<std::string>& lines) {
    text_ += fmt::format("  {} {} (score {}):\n", question, fmt::join(nodes, ", "), score);
    for (const std::string& line : lines) text_ += fmt::format("    * {}\n", line);
  }

  void promotion(const InstanceExplanation& i) {
    const Placement& p = i.placement;
    std::vector<std::string> lines;
    for (const NodeExplanation& n : i.nodes)
      for (const Reason& r : n.reasons)
        if (n.here && r.promotion) lines.push_back(reason_text(r));
    const bool promoted = p.next_role == "Promoted";
    if (!promoted && p.promotion_score >= 0) lines.push_back(ahead_of(p));
    say(promoted ? "Why promoted on" : "Why not promoted on", {p.to}, score_text(p.promotion_score), lines);
  }

  std::string ahead_of(const Placement& p) const {
    for (const InstanceExplanation& i : e_.instances) {
      const Placement& other = i.placement;
      if (other.next_role == "Promoted" && other.configured == p.configured &&
          other.promotion_score >= p.promotion_score)
        return fmt::format("{} on {} comes first, with {} (promoted-max is {})", other.resource, other.to,
                           score_text(other.promotion_score), p.promoted_max);
    }
    return fmt::format(
        "promoted-max is {}, and an order, a colocation or the target-role keeps it from being one of them",
        p.promoted_max);
  }

  static std::string headline(const Placement& p) {
    const std::string from = fmt::format("{}", fmt::join(p.from, ", "));
    const bool role = p.next_role != "Started" && p.next_role != "Stopped";
    const std::string as = role ? fmt::format(" as {}", p.next_role) : "";
    std::string text;
    if (p.from.empty() && p.to.empty())
      text = fmt::format("{} is stopped, and no node is to have it", p.resource);
    else if (p.from.empty())
      text = fmt::format("{} is stopped, and is to run on {}{}", p.resource, p.to, as);
    else if (p.to.empty())
      text = fmt::format("{} runs on {}, and is to stop", p.resource, from);
    else if (p.from.size() == 1 && p.from.front() == p.to)
      text = fmt::format("{} runs on {}, and is to stay there{}", p.resource, p.to, as);
    else
      text = fmt::format("{} runs on {}, and is to run on {}{}", p.resource, from, p.to, as);
    if (p.failed) text += "; it failed";
    if (p.blocked) text += "; it is blocked: the cluster does nothing with it until somebody steps in";
    if (!p.managed && !p.blocked) text += "; it is not managed";
    return text + ".";
  }

  static std::string score_of(const NodeExplanation& n) {
    return n.verdict.allowed ? score_text(n.verdict.score) : "-INFINITY";
  }

  std::vector<std::string> lines(const Placement& p, const NodeExplanation& n) const {
    const NodeVerdict& v = n.verdict;
    std::vector<std::string> out;
    if (v.state != State::kUsable) out.emplace_back(state_text(v.state));
    if (!v.allowed)
      out.emplace_back(
          e_.symmetric
              ? "it is a bundle's own node: for what is in the bundle, unless a constraint says so"
              : "the cluster is asymmetric (symmetric-cluster=false), and no constraint allows it here");
    bool speaks_against = !out.empty();
    for (const Reason& reason : n.reasons) {
      if (reason.promotion || (reason.cause == Cause::kInstances && v.state != State::kUsable)) continue;
      out.push_back(reason_text(reason));
      speaks_against = speaks_against || reason.score <= -kInfinity;
    }
    if (n.here) {
      if (const std::string choice = choice_text(p); !choice.empty()) out.push_back(choice);
    } else if (!speaks_against) {
      out.push_back(p.to.empty() ? nowhere(p) : rival(p, v));
    }
    return out;
  }

  std::string nowhere(const Placement& p) const {
    if (e_.stop_all) return "stop-all-resources is set";
    if (e_.fencing_without_device) return "nothing is started without a fencing device";
    return p.managed ? "nothing speaks against this node" : "it is not managed, so it is not started";
  }

  static std::string rival(const Placement& p, const NodeVerdict& v) {
    for (const NodeVerdict& other : p.nodes) {
      if (other.node != p.to) continue;
      if (other.score > v.score)
        return fmt::format("{} has a higher score ({})", p.to, score_text(other.score));
      if (p.choice == Choice::kBalance)
        return fmt::format("{} had fewer resources ({} against {})", p.to, other.resources, v.resources);
      if (p.choice == Choice::kCurrent) return fmt::format("it runs on {} already", p.to);
      if (p.choice == Choice::kName) return fmt::format("{} comes first by name", p.to);
    }
    return fmt::format("{} was preferred", p.to);
  }

  void blocked() {
    std::vector<std::string> said;
    for (const BlockedAction& b : e_.blocked) {
      // What follows a start goes without saying.
      if (b.task == "monitor" || b.task == "notify") continue;
      std::string line = fmt::format("The {} of {}{} is not possible{}.\n", b.task, b.resource,
                                     b.node.empty() ? "" : " on " + b.node,
                                     b.reason.empty() ? "" : ": " + reason_sentence(b.reason));
      if (std::find(said.begin(), said.end(), line) != said.end()) continue;
      text_ += line;
      said.push_back(std::move(line));
    }
  }

  void suggestions(const std::vector<Suggestion>& list, bool outcome) {
    for (const Suggestion& s : list) {
      text_ += fmt::format("    * if {}{}\n", changes_text(s.changes),
                           outcome ? fmt::format(", it is {}", s.outcome) : "");
      if (const std::string commands = commands_text(s.changes); !commands.empty())
        text_ += fmt::format("        {}\n", commands);
    }
  }

  void decisive() {
    if (!e_.decisive.empty()) {
      text_ += "\nWhat decides (each alone):\n";
      suggestions(e_.decisive, true);
    }
    if (!e_.together.empty()) {
      text_ += "\nWhat decides (only together):\n";
      suggestions(e_.together, true);
    }
  }

  void ways() {
    const InstanceExplanation& first = e_.instances.front();
    bool title = false;
    for (const NodeExplanation& n : first.nodes) {
      if (n.ways.empty()) continue;
      if (!title) text_ += "\nWhat would have to change (each was tried out on a copy):\n";
      title = true;
      text_ += fmt::format("  For {} on {}:\n", e_.resource, n.verdict.node);
      suggestions(n.ways, false);
    }
  }

  const Explanation& e_;
  std::string text_;
};

pugi::xml_node element(pugi::xml_node parent, const char* name,
                       std::initializer_list<std::pair<const char*, std::string>> attributes) {
  pugi::xml_node n = parent.append_child(name);
  for (const auto& [key, value] : attributes)
    if (!value.empty()) n.append_attribute(key) = value.c_str();
  return n;
}

std::string yes(bool value) { return value ? "true" : ""; }

void suggestion_tree(const Suggestion& s, pugi::xml_node parent, const char* name) {
  pugi::xml_node n = element(parent, name, {{"outcome", s.outcome}});
  for (const Change& change : s.changes)
    element(n, "change", {{"text", change_text(change)}, {"command", change_command(change)}});
}

}  // namespace

std::string reason_text(const Reason& r) {
  const std::string what = effect(r.score);
  switch (r.cause) {
    case Cause::kLocation:
      return fmt::format("location constraint {} {}", r.id, what);
    case Cause::kStickiness:
      return fmt::format("it runs there, and its stickiness {}", what);
    case Cause::kHealth:
      return fmt::format("the node's health (strategy {}) {}", r.id, what);
    case Cause::kThreshold:
      if (r.limit <= 0) return "it failed there too often: migration-threshold is reached";
      if (r.count >= kInfinity)
        return fmt::format("it failed there in a way that forbids another try, and migration-threshold is {}",
                           score_text(r.limit));
      return fmt::format("it failed there {} time{}, and migration-threshold is {}", r.count,
                         r.count == 1 ? "" : "s", score_text(r.limit));
    case Cause::kFailure:
      return r.id.empty() ? "a failure there with on-fail=ban " + what
                          : fmt::format("the failure of {} on {} {}", r.id, r.other, what);
    case Cause::kColocation:
      if (r.id.starts_with("#")) return fmt::format("it belongs together with {}, which {}", r.other, what);
      return fmt::format("colocation constraint {} with {} {}", r.id, r.other, what);
    case Cause::kUtilization:
      return r.other.empty() ? "the node has not enough capacity left for it and what must be with it"
                             : fmt::format("the node has not enough capacity left ({})", r.other);
    case Cause::kTicket:
      return fmt::format("ticket {} is not granted here (constraint {})", r.other, r.id);
    case Cause::kShutdownLock:
      return "it is locked to the node that was shut down with it (shutdown-lock)";
    case Cause::kStopped:
      if (r.id == "target-role")
        return fmt::format("its target-role says so{}", r.other.empty() ? "" : fmt::format(" ({})", r.other));
      return r.id.empty() ? "it is to be stopped" : fmt::format("it is to be stopped: {}", r.id);
    case Cause::kRemoved:
      return "it is not in the configuration any more";
    case Cause::kUnmanaged:
      return "it is not managed, and runs there";
    case Cause::kMultiple:
      return "it is active on several nodes, and multiple-active=stop_only";
    case Cause::kExclusive:
      return "a constraint with resource-discovery=exclusive allows it on other nodes only";
    case Cause::kInstances:
      if (r.id == "clone-max")
        return r.limit == 1 ? "the one instance that there may be is placed"
                            : fmt::format("all {} instances that there may be are placed", r.limit);
      if (r.count < r.limit) return "what it is an instance of is not allowed there";
      return r.limit == 1 ? "another instance is there"
                          : fmt::format("{} instances are there, as many as may be", r.limit);
    case Cause::kNodeKind:
      if (r.id == "cluster-node")
        return "a remote or guest node's connection and container run on cluster nodes only";
      if (r.id == "bundle")
        return fmt::format("the node belongs to {}: only what is in it runs there", r.other);
      return r.score > 0 ? "it belongs to this guest node" : "it belongs to other guest nodes";
    case Cause::kPromotion:
      if (!r.promotion) return fmt::format("its promotion score there {}", what);
      if (r.id == "none") return "neither the agent nor a constraint has given it a promotion score";
      if (!r.other.empty()) return fmt::format("what {} is worth there {}", r.other, what);
      return fmt::format("the promotion score that its agent has set {}", what);
  }
  return "";
}

namespace {

std::string task_text(const std::string& task, const std::string& resource, const std::string& node) {
  std::string text = task;
  if (!resource.empty()) text += " of " + resource;
  if (!node.empty()) text += (resource.empty() ? " of " : " on ") + node;
  return text;
}

// The same kind of action with the same reason, on several nodes or of several resources, is one line.
std::string waits_text(const std::vector<Wait>& waits) {
  constexpr std::size_t kShown = 4;
  struct Line {
    const Wait* first;
    std::vector<std::string> what;
  };
  std::vector<Line> lines;
  for (const Wait& w : waits) {
    auto line = std::find_if(lines.begin(), lines.end(), [&](const Line& l) {
      return l.first->task == w.task && l.first->why == w.why &&
             l.first->resource.empty() == w.resource.empty();
    });
    if (line == lines.end()) line = lines.insert(lines.end(), {&w, {}});
    line->what.push_back(w.resource.empty() ? w.node : fmt::format("{} on {}", w.resource, w.node));
  }
  std::string text;
  for (Line& l : lines) {
    const std::size_t more = l.what.size() > kShown ? l.what.size() - kShown : 0;
    l.what.resize(l.what.size() - more);
    text += fmt::format("      waits for {} of {}{} ({})\n", l.first->task, fmt::join(l.what, ", "),
                        more > 0 ? fmt::format(" and {} more", more) : "", l.first->why);
  }
  return text;
}

}  // namespace

std::string action_text(const ActionExplanation& a) { return task_text(a.task, a.resource, a.node); }

std::string reason_sentence(const std::string& reason) {
  if (reason.starts_with("required by ")) return reason.substr(12) + " needs it";
  for (const std::string_view prefix : {"required ", "unrunnable "}) {
    if (!reason.starts_with(prefix)) continue;
    const std::string rest = reason.substr(prefix.size());
    const std::size_t blank = rest.rfind(' ');
    if (blank == std::string::npos) break;
    std::string task = rest.substr(blank + 1);
    for (const auto& [done, begun] :
         {std::pair{"running", "start"}, {"stopped", "stop"}, {"promoted", "promote"}, {"demoted", "demote"}})
      if (task == done) task = begun;
    return fmt::format("the {} of {} {}", task, rest.substr(0, blank),
                       prefix == "required " ? "brings it along" : "is not possible");
  }
  return reason;
}

std::string actions_text(const std::vector<ActionExplanation>& actions) {
  std::string text;
  for (const ActionExplanation& a : actions)
    text += fmt::format("  * {}: {}\n{}", action_text(a), a.why, waits_text(a.waits));
  return text;
}

std::string explanation_text(const Explanation& e) { return Printer(e).print(); }

void explanation_tree(const Explanation& e, pugi::xml_node parent) {
  pugi::xml_node root = element(parent, "explanation",
                                {{"resource", e.resource},
                                 {"quorum", e.quorate ? "true" : "false"},
                                 {"maintenance-mode", yes(e.maintenance_mode)},
                                 {"stop-all-resources", yes(e.stop_all)},
                                 {"fencing-without-device", yes(e.fencing_without_device)},
                                 {"trials", std::to_string(e.trials)},
                                 {"complete", e.complete ? "true" : "false"}});
  for (const InstanceExplanation& i : e.instances) {
    const Placement& p = i.placement;
    pugi::xml_node instance = element(root, "instance",
                                      {{"id", p.resource},
                                       {"from", fmt::format("{}", fmt::join(p.from, " "))},
                                       {"to", p.to},
                                       {"role", p.role},
                                       {"next-role", p.next_role},
                                       {"managed", p.managed ? "true" : "false"},
                                       {"blocked", yes(p.blocked)},
                                       {"failed", yes(p.failed)},
                                       {"promotion-score", p.promotable ? score_text(p.promotion_score) : ""},
                                       {"choice", choice_name(p.choice)}});
    for (const NodeExplanation& n : i.nodes) {
      pugi::xml_node node = element(instance, "node",
                                    {{"name", n.verdict.node},
                                     {"chosen", n.here ? "true" : "false"},
                                     {"score", score_text(n.verdict.score)},
                                     {"state", state_name(n.verdict.state)}});
      for (const Reason& r : n.reasons)
        element(node, "reason",
                {{"cause", cause_name(r.cause)},
                 {"score", score_text(r.score)},
                 {"id", r.id},
                 {"other", r.other},
                 {"resource", r.resource},
                 {"promotion", yes(r.promotion)},
                 {"text", reason_text(r)}});
      for (const Suggestion& s : n.ways) suggestion_tree(s, node, "way");
    }
  }
  for (const Suggestion& s : e.decisive) suggestion_tree(s, root, "decisive");
  for (const Suggestion& s : e.together) suggestion_tree(s, root, "together");
  for (const std::string& id : e.cited) element(root, "cited", {{"constraint", id}});
  for (const BlockedAction& b : e.blocked)
    element(root, "blocked",
            {{"resource", b.resource}, {"task", b.task}, {"node", b.node}, {"reason", b.reason}});
  actions_tree(e.actions, root);
}

void actions_tree(const std::vector<ActionExplanation>& actions, pugi::xml_node parent) {
  for (const ActionExplanation& a : actions) {
    pugi::xml_node action = element(parent, "action",
                                    {{"id", std::to_string(a.id)},
                                     {"task", a.task},
                                     {"resource", a.resource},
                                     {"node", a.node},
                                     {"why", a.why}});
    for (const Wait& w : a.waits)
      element(action, "waits-for",
              {{"id", std::to_string(w.id)},
               {"action", task_text(w.task, w.resource, w.node)},
               {"why", w.why},
               {"constraint", w.constraint}});
  }
}

}  // namespace systole::pengine
