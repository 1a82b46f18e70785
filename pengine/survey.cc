#include "pengine/survey.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <numeric>
#include <set>

namespace systole::pengine {
namespace {

using Kind = Fault::Kind;

// Which top-level resources have constraints between them.
class Components {
 public:
  explicit Components(const cib::Document& document) : document_(document) {
    for (const pugi::xml_node r : document.section("resources").children())
      claim(r, r.attribute("id").value());
    for (const pugi::xml_node c : document.section("constraints").children()) {
      const std::string_view tag = c.name();
      if (tag != "rsc_colocation" && tag != "rsc_order") continue;
      std::vector<std::string> ids;
      for (const char* name : {"rsc", "with-rsc", "first", "then"}) resolve(c.attribute(name).value(), ids);
      for (const pugi::xml_node set : c.children("resource_set"))
        for (const pugi::xml_node ref : set.children("resource_ref"))
          resolve(ref.attribute("id").value(), ids);
      for (std::size_t i = 1; i < ids.size(); ++i) join(ids[0], ids[i]);
    }
  }

  std::string of(const std::string& primitive) {
    const auto top = top_.find(primitive);
    return root(top == top_.end() ? primitive : top->second);
  }

 private:
  void claim(pugi::xml_node r, const std::string& top) {
    const std::string id = r.attribute("id").value();
    const std::string_view tag = r.name();
    if (tag == "primitive" || tag == "group" || tag == "clone" || tag == "master" || tag == "bundle")
      top_.emplace(id, top);
    if (const char* from = r.attribute("template").value(); *from) users_[from].push_back(id);
    for (const pugi::xml_node child : r.children()) claim(child, top);
  }
  // A resource, or what a tag or template names.
  void resolve(const std::string& id, std::vector<std::string>& out) {
    if (id.empty()) return;
    if (const auto found = top_.find(id); found != top_.end()) return out.push_back(found->second);
    if (const auto found = users_.find(id); found != users_.end())
      for (const std::string& user : found->second) resolve(user, out);
    const pugi::xml_node tag = document_.section("tags").find_child_by_attribute("tag", "id", id.c_str());
    for (const pugi::xml_node ref : tag.children("obj_ref"))
      if (const auto found = top_.find(ref.attribute("id").value()); found != top_.end())
        out.push_back(found->second);
  }
  std::string root(const std::string& id) {
    std::string at = id;
    while (parent_.contains(at) && parent_[at] != at) at = parent_[at];
    return at;
  }
  void join(const std::string& a, const std::string& b) {
    const std::string ra = root(a), rb = root(b);
    if (ra != rb) parent_[rb] = ra;
  }

  const cib::Document& document_;
  std::map<std::string, std::string> top_, parent_;
  std::map<std::string, std::vector<std::string>> users_;
};

bool has_pair(pugi::xml_node owner, const char* sets, const char* name) {
  for (const pugi::xml_node set : owner.children(sets))
    if (set.find_child_by_attribute("nvpair", "name", name)) return true;
  return false;
}

// One resource that may fail.
struct Target {
  std::string id, component;
  bool alone = false;  // Its failure may do something to a node: fencing, standby, a guest node's end.
};

using Lost = std::set<std::string>;

struct Outcome {
  Lost lost;
  std::vector<std::string> unfenced;
  bool node_effects = false;
};

class Surveyor {
 public:
  Surveyor(const cib::Document& document, WallTime now, const SurveyOptions& options)
      : now_(now),
        options_(options),
        fencing_(document),
        base_{document.clone(), {}, {}, true, 0, {}, {}, {}, {}, false} {}

  Survey go() {
    settle(base_, now_, fencing_);
    base_ = base_.copy();
    for (const Service& s : services_of(base_.document, now_)) {
      if (fencing_.is_device(s.id)) continue;
      if (s.nodes.empty())
        result_.never_run.push_back(s.id);
      else
        expected_.push_back(s);
    }
    find_targets();
    result_.nodes = nodes_.size();
    result_.resources = targets_.size();
    result_.devices = fencing_.devices().size();
    const std::size_t all = result_.nodes + result_.resources + result_.devices;
    result_.cases = options_.doubles ? all * (all - 1) / 2 : all;
    result_.independent = independent_;
    plan_total();
    singles();
    if (options_.doubles) {
      result_.casualties.clear();
      doubles();
    }
    result_.simulations = simulations_;
    std::stable_sort(result_.casualties.begin(), result_.casualties.end(),
                     [](const Casualty& a, const Casualty& b) { return rank(a) < rank(b); });
    return std::move(result_);
  }

 private:
  static std::string rank(const Casualty& c) {
    std::string text;
    for (const Fault& f : c.faults) text += static_cast<char>('0' + static_cast<int>(f.kind));
    for (const Fault& f : c.faults) text += "\n" + f.name;
    return text;
  }

  // -- What may fail

  void find_targets() {
    for (const pugi::xml_node node : base_.document.section("nodes").children("node")) {
      const std::string_view type = node.attribute("type").value();
      const pugi::xml_node state = base_.document.section("status").find_child_by_attribute(
          "node_state", "uname", node.attribute("uname").value());
      if (type == "remote" || type == "ping") continue;
      if (std::string_view(state.attribute("crmd").value()) == "offline" || !state) continue;
      nodes_.emplace_back(node.attribute("uname").value());
    }
    std::string strategy;
    base_.document.section("crm_config").find_node([&](pugi::xml_node n) {
      const std::string_view name = n.attribute("name").value();
      if (name == "placement-strategy") strategy = n.attribute("value").value();
      return false;
    });
    independent_ = strategy.empty() || strategy == "default";
    Components components(base_.document);
    const pugi::xml_node resources = base_.document.section("resources");
    for (const Service& s : expected_) {
      const pugi::xml_node primitive = resources.find_node([&](pugi::xml_node n) {
        return std::string_view(n.name()) == "primitive" && s.id == n.attribute("id").value();
      });
      if (!primitive) continue;  // Implied by a bundle or guest.
      targets_.push_back({s.id, components.of(s.id), !independent_ || touches_nodes(primitive)});
    }
    for (const Target& t : targets_) {
      auto& list = t.alone ? alone_ : columns_[t.component];
      list.push_back(&t);
    }
    for (const auto& [id, list] : columns_) deepest_ = std::max(deepest_, list.size());
  }

  static bool touches_nodes(pugi::xml_node primitive) {
    for (pugi::xml_node up = primitive; up; up = up.parent())
      if (std::string_view(up.name()) == "bundle") return true;
    if (std::string_view(primitive.attribute("type").value()) == "remote") return true;
    if (has_pair(primitive, "meta_attributes", "remote-node")) return true;
    if (has_pair(primitive, "meta_attributes", "container")) return true;
    for (const pugi::xml_node op : primitive.child("operations").children("op")) {
      const std::string_view on_fail = op.attribute("on-fail").value();
      if (on_fail == "fence" || on_fail == "standby") return true;
      if (has_pair(op, "meta_attributes", "on-fail")) return true;
    }
    return primitive.attribute("template") && !primitive.attribute("class");
  }

  // -- Simulations

  void plan_total() {
    const std::size_t row = deepest_ + alone_.size();
    total_ = nodes_.size() + row;
    if (!options_.doubles) return;
    total_ += nodes_.size() * (nodes_.size() - (nodes_.empty() ? 0 : 1)) / 2 + nodes_.size() * row +
              nodes_.size() * fencing_.devices().size() +
              deepest_ * (deepest_ - (deepest_ == 0 ? 0 : 1)) / 2 + alone_.size() * targets_.size();
  }

  void each(std::size_t n, const std::function<void(std::size_t)>& job) const {
    if (options_.parallel) return options_.parallel(n, job);
    for (std::size_t i = 0; i < n; ++i) job(i);
  }

  Outcome run(Situation& s) {
    settle(s, now_, fencing_);
    Outcome out;
    std::map<std::string, Service> now;
    for (Service& service : services_of(s.document, now_)) now.emplace(service.id, std::move(service));
    for (const Service& was : expected_) {
      const auto is = now.find(was.id);
      if (is == now.end() || is->second.nodes.empty())
        out.lost.insert(was.id);
      else if (!was.promoted.empty() && is->second.promoted.empty())
        out.lost.insert(was.id + " (promoted)");
    }
    out.unfenced.assign(s.unfenced.begin(), s.unfenced.end());
    out.node_effects = s.node_effects;
    const std::size_t done = ++simulations_;
    if (options_.progress) options_.progress(done, std::max(total_, done));
    return out;
  }

  static const std::string service_of(const std::string& lost) { return lost.substr(0, lost.find(' ')); }

  // Of what was lost, what belongs to one component.
  Lost in_component(const Lost& lost, const std::string& component) const {
    Lost out;
    for (const std::string& id : lost) {
      const std::string service = service_of(id);
      const auto target =
          std::find_if(targets_.begin(), targets_.end(), [&](const Target& t) { return t.id == service; });
      if (target != targets_.end() && target->component == component) out.insert(id);
    }
    return out;
  }

  // The k-th resource of every component.
  std::vector<const Target*> layer(std::size_t k) const {
    std::vector<const Target*> out;
    for (const auto& [id, list] : columns_)
      if (k < list.size()) out.push_back(list[k]);
    return out;
  }

  struct Layer {
    Situation after;
    std::map<std::string, Outcome> of;  // By target.
  };

  // The failure of several resources at once that have nothing to do with each other.
  Layer fail_layer(const Situation& from, const std::vector<const Target*>& targets) {
    Layer layer{from.copy(), {}};
    const std::vector<Service> services = services_of(from.document, now_);
    for (const Target* t : targets) fail_resource(layer.after, services, t->id, "", true, now_);
    const Outcome all = run(layer.after);
    if (all.node_effects && targets.size() > 1) {
      // Not so independent: one by one then.
      for (const Target* t : targets) layer.of[t->id] = fail_one(from, *t);
      return layer;
    }
    for (const Target* t : targets) {
      Outcome mine = all;
      if (!t->alone) mine.lost = in_component(all.lost, t->component);
      layer.of[t->id] = std::move(mine);
    }
    return layer;
  }

  Outcome fail_one(const Situation& from, const Target& t) {
    Situation s = from.copy();
    fail_resource(s, services_of(from.document, now_), t.id, "", true, now_);
    return run(s);
  }

  // -- Cases

  struct Row {
    std::map<std::string, Outcome> of;
    std::vector<Situation> layers;
  };

  // Every resource's failure from one situation.
  Row resource_row(const Situation& from) {
    Row row;
    for (std::size_t k = 0; k < deepest_; ++k) {
      Layer done = fail_layer(from, layer(k));
      row.of.merge(done.of);
      row.layers.push_back(std::move(done.after));
    }
    for (const Target* t : alone_) row.of[t->id] = fail_one(from, *t);
    return row;
  }

  void casualty(std::vector<Fault> faults, const Outcome& outcome, const std::vector<const Lost*>& known) {
    Casualty c{std::move(faults), {}, outcome.unfenced};
    for (const std::string& id : outcome.lost) {
      const bool old = std::any_of(known.begin(), known.end(), [&](const Lost* lost) {
        return lost->contains(id) || lost->contains(service_of(id));
      });
      if (!old) c.lost.push_back(id);
    }
    if (!c.lost.empty() || (!c.unfenced.empty() && known.empty())) result_.casualties.push_back(std::move(c));
  }

  void singles() {
    std::vector<Outcome> of_node(nodes_.size());
    after_node_.clear();
    for (std::size_t i = 0; i < nodes_.size(); ++i) after_node_.push_back(base_.copy());
    each(nodes_.size() + 1, [&](std::size_t i) {
      if (i == nodes_.size()) {
        row_ = resource_row(base_);
        return;
      }
      fail_node(after_node_[i], nodes_[i], options_.votes);
      of_node[i] = run(after_node_[i]);
    });
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      casualty({{Kind::kNode, nodes_[i]}}, of_node[i], {});
      node_outcome_[nodes_[i]] = of_node[i];
      after_node_[i] = after_node_[i].copy();
    }
    for (const Target& t : targets_) casualty({{Kind::kResource, t.id}}, row_.of[t.id], {});
  }

  void doubles() {
    node_pairs();
    node_and_device();
    node_and_resource();
    related_pairs();
    lone_pairs();
  }

  void node_pairs() {
    std::vector<std::pair<std::size_t, std::size_t>> pairs;
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      for (std::size_t j = i + 1; j < nodes_.size(); ++j) pairs.emplace_back(i, j);
    std::vector<Outcome> out(pairs.size());
    each(pairs.size(), [&](std::size_t k) {
      Situation s = base_.copy();
      fail_node(s, nodes_[pairs[k].first], options_.votes);
      fail_node(s, nodes_[pairs[k].second], options_.votes);
      out[k] = run(s);
    });
    for (std::size_t k = 0; k < pairs.size(); ++k) {
      const std::string &a = nodes_[pairs[k].first], &b = nodes_[pairs[k].second];
      casualty({{Kind::kNode, a}, {Kind::kNode, b}}, out[k],
               {&node_outcome_[a].lost, &node_outcome_[b].lost});
    }
  }

  // A device matters where somebody is to be fenced.
  void node_and_device() {
    const auto& devices = fencing_.devices();
    std::vector<Outcome> out(nodes_.size() * devices.size());
    each(out.size(), [&](std::size_t k) {
      const std::string &node = nodes_[k / devices.size()], &device = devices[k % devices.size()];
      if (!node_outcome_[node].node_effects) return;
      // With another way to fence it, nothing changes.
      if (fencing_.possible(node, {device})) return;
      Situation s = base_.copy();
      s.failed_devices.insert(device);
      fail_node(s, node, options_.votes);
      out[k] = run(s);
    });
    for (std::size_t k = 0; k < out.size(); ++k) {
      const std::string &node = nodes_[k / devices.size()], &device = devices[k % devices.size()];
      casualty({{Kind::kNode, node}, {Kind::kDevice, device}}, out[k], {&node_outcome_[node].lost});
    }
  }

  void node_and_resource() {
    std::vector<Row> rows(nodes_.size());
    each(nodes_.size(), [&](std::size_t i) {
      rows[i] = resource_row(after_node_[i]);
      rows[i].layers.clear();
    });
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      for (const Target& t : targets_)
        casualty({{Kind::kNode, nodes_[i]}, {Kind::kResource, t.id}}, rows[i].of[t.id],
                 {&node_outcome_[nodes_[i]].lost, &row_.of[t.id].lost});
    }
  }

  // Two resources with constraints between them, in all components at once.
  void related_pairs() {
    std::vector<std::pair<std::size_t, std::size_t>> pairs;
    for (std::size_t i = 0; i < deepest_; ++i)
      for (std::size_t j = i + 1; j < deepest_; ++j) pairs.emplace_back(i, j);
    std::vector<std::map<std::string, Outcome>> out(pairs.size());
    each(pairs.size(), [&](std::size_t k) {
      out[k] = fail_layer(row_.layers[pairs[k].first].copy(), layer(pairs[k].second)).of;
    });
    for (std::size_t k = 0; k < pairs.size(); ++k) {
      for (const auto& [component, list] : columns_) {
        if (pairs[k].second >= list.size()) continue;
        const Target &a = *list[pairs[k].first], &b = *list[pairs[k].second];
        casualty({{Kind::kResource, a.id}, {Kind::kResource, b.id}}, out[k][b.id],
                 {&row_.of[a.id].lost, &row_.of[b.id].lost});
      }
    }
  }

  // Resources whose failure may be a node's, with everything; and with devices, where they fence.
  void lone_pairs() {
    for (std::size_t i = 0; i < alone_.size(); ++i) {
      const Target& a = *alone_[i];
      Situation first = base_.copy();
      fail_resource(first, expected_, a.id, "", true, now_);
      settle(first, now_, fencing_);
      std::vector<const Target*> others;
      for (const Target& t : targets_) {
        const auto at = std::find(alone_.begin(), alone_.end(), &t);
        if (at == alone_.end() || static_cast<std::size_t>(at - alone_.begin()) > i) others.push_back(&t);
      }
      std::vector<Outcome> out(others.size());
      each(others.size(), [&](std::size_t k) { out[k] = fail_one(first, *others[k]); });
      for (std::size_t k = 0; k < others.size(); ++k)
        casualty({{Kind::kResource, a.id}, {Kind::kResource, others[k]->id}}, out[k],
                 {&row_.of[a.id].lost, &row_.of[others[k]->id].lost});
      if (!row_.of[a.id].node_effects) continue;
      for (const std::string& device : fencing_.devices()) {
        Situation s = base_.copy();
        s.failed_devices.insert(device);
        fail_resource(s, expected_, a.id, "", true, now_);
        casualty({{Kind::kResource, a.id}, {Kind::kDevice, device}}, run(s), {&row_.of[a.id].lost});
      }
    }
  }

  WallTime now_;
  const SurveyOptions& options_;
  FencingPaths fencing_;
  Situation base_;
  Survey result_;
  std::vector<Service> expected_;
  std::vector<std::string> nodes_;
  std::vector<Target> targets_;
  std::map<std::string, std::vector<const Target*>> columns_;  // Component: its resources.
  std::vector<const Target*> alone_;
  std::size_t deepest_ = 0, total_ = 0;
  std::atomic<std::size_t> simulations_{0};
  bool independent_ = true;
  std::vector<Situation> after_node_;
  std::map<std::string, Outcome> node_outcome_;
  Row row_;
};

}  // namespace

std::string fault_text(const Fault& fault) {
  switch (fault.kind) {
    case Kind::kNode:
      return fault.name + " dies";
    case Kind::kResource:
      return fault.name + " fails for good";
    case Kind::kDevice:
      return "device " + fault.name + " fails";
  }
  return "";
}

Survey survey(const cib::Document& document, WallTime now, const SurveyOptions& options) {
  return Surveyor(document, now, options).go();
}

}  // namespace systole::pengine
