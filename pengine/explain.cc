// explain(): reasons from the scheduler's records, and changes that were tried out.
#include "pengine/explain.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "pengine/reasons.h"

namespace systole::pengine {
namespace {

using Kind = Change::Kind;

bool add(std::vector<Change>& list, Change change) {
  if (std::find(list.begin(), list.end(), change) != list.end()) return false;
  list.push_back(std::move(change));
  return true;
}

bool concerns(const Placement& p, const std::string& id) {
  return p.resource == id || p.configured == id ||
         std::find(p.ancestors.begin(), p.ancestors.end(), id) != p.ancestors.end();
}

// Instances of anonymous clones are told apart by nobody.
std::vector<std::string> signature(const Reasons& why, const std::string& resource) {
  std::vector<std::string> out;
  for (const Placement& p : why.placements)
    if (concerns(p, resource) && !p.to.empty()) out.push_back(p.configured + "@" + p.to + ":" + p.next_role);
  for (const BlockedAction& b : why.blocked) {
    if (b.task != "start" && b.task != "promote") continue;
    for (const Placement& p : why.placements)
      if (p.resource == b.resource && concerns(p, resource))
        out.push_back(p.configured + "@" + b.node + ":not " + b.task);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string outcome_of(const Reasons& why, const std::string& resource) {
  std::set<std::string> nodes;
  for (const Placement& p : why.placements)
    if (concerns(p, resource) && !p.to.empty()) nodes.insert(p.to);
  std::set<std::string> waiting;
  for (const BlockedAction& b : why.blocked)
    for (const Placement& p : why.placements)
      if (b.task == "start" && p.resource == b.resource && concerns(p, resource)) waiting.insert(p.to);
  if (nodes.empty()) return "nowhere";
  return fmt::format("on {}{}", fmt::join(nodes, ", "), waiting.empty() ? "" : " (its start is blocked)");
}

class Explainer {
 public:
  Explainer(const cib::Document& document, WallTime now, std::string resource, const ExplainOptions& options)
      : document_(document), now_(now), resource_(std::move(resource)), options_(options) {}

  Result<Explanation> go() {
    plan_ = run(document_);
    why_ = plan_.reasons.get();
    result_.resource = resource_;
    for (const Placement& p : why_->placements)
      if (concerns(p, resource_)) result_.instances.push_back({p, {}});
    if (result_.instances.empty()) return fail(Errc::kNotFound, "resource '{}' is not configured", resource_);
    if (const auto known = node_names(); !options_.node.empty() && !known.contains(options_.node))
      return fail(Errc::kNotFound, "there is no node '{}': the nodes are {}", options_.node,
                  fmt::join(known, ", "));
    result_.symmetric = why_->symmetric;
    result_.quorate = why_->quorate;
    result_.maintenance_mode = why_->maintenance_mode;
    result_.stop_all = why_->stop_all;
    result_.fencing_without_device = why_->fencing_without_device;
    result_.no_quorum_policy = why_->no_quorum_policy;
    before_ = signature(*why_, resource_);
    find_linked();
    nodes();
    if (options_.max_trials > 0) {
      decisive();
      ways();
    }
    result_.actions = explain_actions(document_, plan_, resource_);
    for (const BlockedAction& b : why_->blocked)
      if (is_mine(b.resource)) result_.blocked.push_back(b);
    result_.trials = trials_;
    return std::move(result_);
  }

 private:
  Plan run(const cib::Document& document) const {
    Options options;
    options.now = now_;
    options.reasons = true;
    return schedule(document, options);
  }

  bool is_mine(const std::string& id) const {
    return std::any_of(why_->placements.begin(), why_->placements.end(),
                       [&](const Placement& p) { return p.resource == id && concerns(p, resource_); });
  }

  // Instances, members and ancestors of what was asked for, and what is tied to them by colocation.
  void find_linked() {
    for (const InstanceExplanation& i : result_.instances) {
      own_.insert(i.placement.resource);
      own_.insert(i.placement.configured);
      own_.insert(i.placement.ancestors.begin(), i.placement.ancestors.end());
    }
    std::set<std::string> all = own_;
    for (bool more = true; more;) {
      more = false;
      for (const Reason& r : why_->records) {
        if (r.cause != Cause::kColocation || !all.contains(r.resource)) continue;
        more = link(all, r.other) || more;
      }
    }
    linked_ = std::move(all);
    std::set<std::string> cited;
    for (const Reason& r : why_->records) {
      const bool names =
          r.cause == Cause::kLocation || r.cause == Cause::kColocation || r.cause == Cause::kTicket;
      if (names && linked_.contains(r.resource) && !r.id.starts_with("#")) cited.insert(constraint_of(r.id));
    }
    cited.erase("");
    result_.cited.assign(cited.begin(), cited.end());
  }

  bool link(std::set<std::string>& all, const std::string& id) const {
    bool more = all.insert(id).second;
    for (const Placement& p : why_->placements) {
      if (!concerns(p, id)) continue;
      more = all.insert(p.resource).second || more;
      more = all.insert(p.configured).second || more;
      for (const std::string& up : p.ancestors) more = all.insert(up).second || more;
    }
    return more;
  }

  // The constraint that holds a rule, a set, or is it itself; empty: none.
  std::string constraint_of(const std::string& id) const {
    const pugi::xml_node constraints = document_.section("constraints");
    pugi::xml_node n =
        constraints.find_node([&](pugi::xml_node x) { return id == x.attribute("id").value(); });
    while (n && n.parent() != constraints) n = n.parent();
    return n ? n.attribute("id").value() : "";
  }

  std::set<std::string> node_names() const {
    std::set<std::string> names;
    for (const InstanceExplanation& i : result_.instances)
      for (const NodeVerdict& v : i.placement.nodes) names.insert(v.node);
    return names;
  }

  void nodes() {
    for (InstanceExplanation& i : result_.instances) {
      for (const NodeVerdict& v : i.placement.nodes) {
        if (!options_.node.empty() && v.node != options_.node && v.node != i.placement.to) continue;
        NodeExplanation e{v, v.node == i.placement.to, {}, {}};
        for (const Reason& r : why_->records) {
          if (r.node != v.node || r.score == 0 || !bears_on(r, i.placement)) continue;
          e.reasons.push_back(r);
          if (r.cause == Cause::kStopped && r.id == "target-role")
            e.reasons.back().other = target_role(i.placement);
        }
        i.nodes.push_back(std::move(e));
      }
    }
  }

  // Of who is promoted, what counts for the group counts for its members.
  static bool bears_on(const Reason& r, const Placement& p) {
    if (r.resource == p.resource) return true;
    return r.promotion && std::find(p.ancestors.begin(), p.ancestors.end(), r.resource) != p.ancestors.end();
  }

  // The id of the nvpair that says so, of the resource or what it is in; empty: it comes from elsewhere.
  std::string target_role(const Placement& p) const {
    std::vector<std::string> ids{p.configured};
    ids.insert(ids.end(), p.ancestors.begin(), p.ancestors.end());
    for (const std::string& id : ids) {
      const pugi::xml_node r = document_.section("resources").find_node([&](pugi::xml_node n) {
        return id == n.attribute("id").value();
      });
      for (const pugi::xml_node set : r.children("meta_attributes"))
        if (const pugi::xml_node pair = set.find_child_by_attribute("nvpair", "name", "target-role"))
          return pair.attribute("id").value();
    }
    return "";
  }

  std::string configured(const std::string& id) const {
    for (const Placement& p : why_->placements)
      if (p.resource == id) return p.configured;
    return id;
  }

  std::optional<Change> change_for(const Reason& r) const {
    switch (r.cause) {
      case Cause::kLocation:
      case Cause::kColocation: {
        const std::string id = constraint_of(r.id);
        if (id.empty()) return std::nullopt;
        return Change{Kind::kRemoveConstraint, id};
      }
      case Cause::kStickiness:
        return Change{Kind::kStickiness, configured(r.resource), "", "0"};
      case Cause::kHealth:
        return Change{Kind::kHealthy, "", r.node};
      case Cause::kThreshold:
      case Cause::kFailure:
        return Change{Kind::kCleanup, configured(r.resource), r.cause == Cause::kFailure ? r.other : r.node};
      case Cause::kUtilization:
        return capacity(r);
      case Cause::kTicket:
        return Change{Kind::kTicket, r.other};
      case Cause::kShutdownLock:
        return Change{Kind::kProperty, "shutdown-lock", "", "false"};
      case Cause::kStopped:
        return Change{Kind::kStart, configured(r.resource)};
      case Cause::kUnmanaged:
        return Change{Kind::kManage, configured(r.resource)};
      default:
        return std::nullopt;
    }
  }

  // What the node would have to hold: what is placed there, and this.
  std::optional<Change> capacity(const Reason& r) const {
    std::map<std::string, std::int64_t> need = utilization(configured(r.resource));
    if (need.empty()) return std::nullopt;
    for (const std::string& other : linked_)
      if (other != configured(r.resource) && is_configured_primitive(other))
        for (const auto& [name, value] : utilization(other)) need[name] += value;
    for (const Placement& p : why_->placements) {
      if (p.to != r.node || linked_.contains(p.resource)) continue;
      for (const auto& [name, value] : utilization(p.configured)) need[name] += value;
    }
    std::string text;
    for (const auto& [name, value] : need)
      text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
    return Change{Kind::kCapacity, "", r.node, text};
  }

  bool is_configured_primitive(const std::string& id) const {
    return std::any_of(why_->placements.begin(), why_->placements.end(),
                       [&](const Placement& p) { return p.configured == id; });
  }

  std::map<std::string, std::int64_t> utilization(const std::string& id) const {
    std::map<std::string, std::int64_t> out;
    const pugi::xml_node r = document_.section("resources").find_node([&](pugi::xml_node n) {
      return id == n.attribute("id").value();
    });
    for (const pugi::xml_node set : r.children("utilization"))
      for (const pugi::xml_node pair : set.children("nvpair"))
        out.emplace(pair.attribute("name").value(), pair.attribute("value").as_llong());
    return out;
  }

  std::optional<Change> change_for(const NodeVerdict& v) const {
    using State = NodeVerdict::State;
    switch (v.state) {
      case State::kUsable:
        return std::nullopt;
      case State::kStandby:
        return Change{Kind::kNodeOnline, "", v.node};
      case State::kMaintenance:
        return Change{Kind::kNodeReady, "", v.node};
      default:
        return Change{Kind::kNodeUp, "", v.node};
    }
  }

  void cluster_changes(std::vector<Change>& list) const {
    if (!why_->quorate && why_->no_quorum_policy != "ignore") add(list, {Kind::kQuorum});
    if (why_->maintenance_mode) add(list, {Kind::kProperty, "maintenance-mode", "", "false"});
    if (why_->stop_all) add(list, {Kind::kProperty, "stop-all-resources", "", "false"});
    if (why_->fencing_without_device) add(list, {Kind::kFencing});
    for (const InstanceExplanation& i : result_.instances) {
      const Placement& p = i.placement;
      if (!p.managed && !why_->maintenance_mode && !p.blocked) add(list, {Kind::kManage, p.configured});
      if (p.blocked || p.failed) add(list, {Kind::kCleanup, p.configured});
      if (p.to.empty() && p.choice == Placement::Choice::kNone) add(list, {Kind::kStart, p.configured});
    }
  }

  // The placement with these changes; nullopt: too many trials.
  std::optional<Plan> attempt(const std::vector<Change>& changes) {
    if (trials_ >= options_.max_trials) {
      result_.complete = false;
      return std::nullopt;
    }
    ++trials_;
    cib::Document copy = document_.clone();
    for (const Change& change : changes) apply(change, copy);
    return run(copy);
  }

  bool changes_something(const std::vector<Change>& changes, std::string* outcome) {
    const auto plan = attempt(changes);
    if (!plan) return false;
    if (outcome) *outcome = outcome_of(*plan->reasons, resource_);
    return signature(*plan->reasons, resource_) != before_;
  }

  // Drops what is not needed for `holds` to hold.
  template <typename Holds>
  void minimise(std::vector<Change>& changes, Holds holds) {
    for (std::size_t i = changes.size(); i-- > 0 && changes.size() > 1;) {
      std::vector<Change> fewer = changes;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      if (holds(fewer)) changes = std::move(fewer);
    }
  }

  // Every cause that bears on the choice, as a change that takes it away.
  std::vector<Change> causes() const {
    std::vector<Change> list;
    for (const Reason& r : why_->records) {
      if (!linked_.contains(r.resource) || r.score == 0) continue;
      if (auto change = change_for(r)) add(list, std::move(*change));
    }
    for (const Change& change : node_states()) add(list, change);
    cluster_changes(list);
    return list;
  }

  std::vector<Change> node_states() const {
    std::vector<Change> list;
    for (const NodeVerdict& v : result_.instances.front().placement.nodes)
      if (auto change = change_for(v)) add(list, std::move(*change));
    return list;
  }

  void decisive() {
    std::vector<Change> all = causes();
    for (const Change& change : all) {
      Suggestion s{{change}, ""};
      if (changes_something(s.changes, &s.outcome)) result_.decisive.push_back(std::move(s));
    }
    if (!result_.decisive.empty() || all.size() < 2 || !changes_something(all, nullptr)) return;
    minimise(all, [&](const std::vector<Change>& fewer) { return changes_something(fewer, nullptr); });
    Suggestion s{std::move(all), ""};
    changes_something(s.changes, &s.outcome);
    result_.together.push_back(std::move(s));
  }

  // All of it there; of a clone, one instance; and nothing blocked there.
  bool is_there(const Reasons& why, const std::string& node) const {
    bool any = false, all = true;
    std::set<std::string> blocked;
    for (const BlockedAction& b : why.blocked)
      if (b.task == "start") blocked.insert(b.resource + "@" + b.node);
    for (const Placement& p : why.placements) {
      if (!concerns(p, resource_) || p.removed) continue;
      const bool here = p.to == node && !blocked.contains(p.resource + "@" + node);
      any = any || here;
      all = all && here;
    }
    return is_collective() ? any : any && all;
  }

  // A clone or bundle, or what is in one.
  bool is_collective() const {
    const Placement& p = result_.instances.front().placement;
    if (result_.instances.size() > 1 && p.resource != p.configured) return true;
    const pugi::xml_node r = document_.section("resources").find_node([&](pugi::xml_node n) {
      return resource_ == n.attribute("id").value();
    });
    const std::string_view tag = r.name();
    return tag == "clone" || tag == "master" || tag == "bundle";
  }

  void ways() {
    for (std::size_t n = 0; n < result_.instances.front().nodes.size(); ++n) {
      const std::string node = result_.instances.front().nodes[n].verdict.node;
      if (!options_.node.empty() && node != options_.node) continue;
      const NodeVerdict& verdict = result_.instances.front().nodes[n].verdict;
      // A bundle's own node is for what is in the bundle.
      if (is_there(*why_, node) || (!verdict.allowed && why_->symmetric)) continue;
      result_.instances.front().nodes[n].ways = ways_to(node);
    }
  }

  // What speaks against this node, or for others, or ties it to a partner, as changes that take it away.
  void against(const Reasons& why, const std::string& node, std::vector<Change>& list) const {
    for (const Placement& p : why.placements) {
      if (!concerns(p, resource_)) continue;
      for (const NodeVerdict& v : p.nodes)
        if (v.node == node)
          if (auto change = change_for(v)) add(list, std::move(*change));
    }
    cluster_changes(list);
    for (const Reason& r : why.records) {
      if (!linked_.contains(r.resource) || r.score == 0 || r.promotion) continue;
      if (r.node == node && r.score > 0 && r.cause != Cause::kColocation) continue;
      if (auto change = change_for(r)) add(list, std::move(*change));
    }
  }

  std::vector<Suggestion> ways_to(const std::string& node) {
    std::vector<Change> list;
    against(*why_, node, list);
    const auto there = [&](const std::vector<Change>& changes) {
      const auto plan = attempt(changes);
      return plan && is_there(*plan->reasons, node);
    };
    std::vector<Suggestion> found;
    for (const Change& change : list) {
      if (found.size() >= 4) break;
      if (there({change})) found.push_back({{change}, "on " + node});
    }
    Change prefer{Kind::kPrefer, outermost(), node, "INFINITY"};
    if (there({prefer})) {
      prefer.value = least_score({}, prefer, there);
      found.push_back({{prefer}, "on " + node});
    }
    if (!found.empty()) return found;
    list.push_back(prefer);
    if (!widen(list, node)) return found;
    minimise(list, there);
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list[i].kind != Kind::kPrefer) continue;
      std::vector<Change> others = list;
      others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
      list[i].value = least_score(others, list[i], there);
    }
    found.push_back({std::move(list), "on " + node});
    return found;
  }

  // One ban hides another: what is found out when those known are gone is added, until it is there.
  bool widen(std::vector<Change>& list, const std::string& node) {
    while (const auto plan = attempt(list)) {
      if (is_there(*plan->reasons, node)) return true;
      const std::size_t before = list.size();
      against(*plan->reasons, node, list);
      if (list.size() == before) break;
    }
    return false;
  }

  std::string outermost() const {
    const Placement& p = result_.instances.front().placement;
    return p.ancestors.empty() ? p.configured : p.ancestors.back();
  }

  // The smallest score with which `prefer` still has its effect.
  template <typename There>
  std::string least_score(const std::vector<Change>& others, Change prefer, There there) {
    const auto works = [&](int score) {
      prefer.value = std::to_string(score);
      std::vector<Change> all = others;
      all.push_back(prefer);
      return there(all);
    };
    if (!works(kInfinity - 1)) return "INFINITY";
    int low = 0, high = kInfinity - 1;  // low fails, high works.
    if (const int guess = gap(prefer.node); guess > 0 && guess < high && works(guess)) {
      high = guess;
      if (guess == 1 || !works(guess - 1)) return std::to_string(guess);
      high = guess - 1;
    }
    while (high - low > 1) {
      const int middle = low + (high - low) / 2;
      (works(middle) ? high : low) = middle;
      if (!result_.complete) break;
    }
    return std::to_string(high);
  }

  // How far the node is behind the one that has it.
  int gap(const std::string& node) const {
    const Placement& p = result_.instances.front().placement;
    int here = 0, there = 0;
    for (const NodeVerdict& v : p.nodes) {
      if (v.node == p.to) here = v.score;
      if (v.node == node) there = v.score;
    }
    if (here >= kInfinity || there <= -kInfinity) return 0;
    return here - there + 1;
  }

  const cib::Document& document_;
  WallTime now_;
  std::string resource_;
  const ExplainOptions& options_;
  Plan plan_;
  const Reasons* why_ = nullptr;
  Explanation result_;
  std::vector<std::string> before_;
  std::set<std::string> own_, linked_;
  int trials_ = 0;
};

}  // namespace

Result<Explanation> explain(const cib::Document& document, WallTime now, const std::string& resource,
                            const ExplainOptions& options) {
  return Explainer(document, now, resource, options).go();
}

}  // namespace systole::pengine
