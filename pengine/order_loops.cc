#include "pengine/order_loops.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

namespace systole::pengine::engine {
namespace {

struct Edge {
  int from, to;
};
struct Order {
  std::string id;
  std::vector<Edge> edges;
};

std::string or_else(std::string value, const std::string& fallback) {
  return value.empty() ? fallback : value;
}

// Steps ("start of a") and what comes before what.
class Steps {
 public:
  explicit Steps(pugi::xml_node constraints) {
    for (const pugi::xml_node xml : constraints.children("rsc_order")) {
      const std::string_view kind = xml.attribute("kind").value();
      if (kind == "Serialize" || kind == "serialize") continue;
      Order order{xml.attribute("id").value(), {}};
      if (const std::string first = xml.attribute("first").value(); !first.empty()) {
        const std::string action = or_else(xml.attribute("first-action").value(), "start");
        order.edges.push_back(
            {step(first, action),
             step(xml.attribute("then").value(), or_else(xml.attribute("then-action").value(), action))});
      } else {
        add_sets(xml, order);
      }
      orders_.push_back(std::move(order));
    }
  }

  std::map<std::string, std::string> loops() {
    next_.resize(names_.size());
    if (!any_loop()) return {};
    std::map<std::string, std::string> out;
    for (const Edge& e : own_) next_[static_cast<std::size_t>(e.from)].push_back(e.to);
    for (const Order& order : orders_) {
      std::string loop;
      for (const Edge& e : order.edges)
        if (loop.empty()) loop = path(e.to, e.from);
      if (!loop.empty()) {
        out.emplace(order.id, loop);
        continue;
      }
      for (const Edge& e : order.edges) next_[static_cast<std::size_t>(e.from)].push_back(e.to);
    }
    return out;
  }

 private:
  int step(const std::string& resource, const std::string& action) {
    const auto [at, fresh] = steps_.emplace(resource + "\n" + action, names_.size());
    if (!fresh) return static_cast<int>(at->second);
    names_.push_back(resource);
    const int mine = static_cast<int>(at->second);
    // One resource's own steps.
    if (action == "promote") own_.push_back({step(resource, "start"), mine});
    if (action == "demote") own_.push_back({mine, step(resource, "stop")});
    return mine;
  }

  // Between two sets stands a step of its own: all of the one before all of the other.
  void add_sets(pugi::xml_node xml, Order& order) {
    int between = -1;
    for (const pugi::xml_node set : xml.children("resource_set")) {
      const std::string action = or_else(set.attribute("action").value(), "start");
      const bool sequential = std::string_view(set.attribute("sequential").value()) != "false";
      const int after = static_cast<int>(names_.size());
      names_.emplace_back();
      int previous = -1;
      for (const pugi::xml_node ref : set.children("resource_ref")) {
        const int mine = step(ref.attribute("id").value(), action);
        if (between >= 0) order.edges.push_back({between, mine});
        if (sequential && previous >= 0) order.edges.push_back({previous, mine});
        order.edges.push_back({mine, after});
        previous = mine;
      }
      between = after;
    }
  }

  // Takes away what nothing comes before, until nothing is left, or a loop.
  bool any_loop() const {
    std::vector<std::vector<int>> next(names_.size());
    std::vector<int> before(names_.size()), ready;
    const auto add = [&](const Edge& e) {
      next[static_cast<std::size_t>(e.from)].push_back(e.to);
      ++before[static_cast<std::size_t>(e.to)];
    };
    for (const Edge& e : own_) add(e);
    for (const Order& order : orders_) std::for_each(order.edges.begin(), order.edges.end(), add);
    for (std::size_t i = 0; i < before.size(); ++i)
      if (before[i] == 0) ready.push_back(static_cast<int>(i));
    std::size_t gone = 0;
    for (; !ready.empty(); ++gone) {
      const auto at = static_cast<std::size_t>(ready.back());
      ready.pop_back();
      for (const int to : next[at])
        if (--before[static_cast<std::size_t>(to)] == 0) ready.push_back(to);
    }
    return gone < names_.size();
  }

  // The way from one step to another as resources, the last one first; empty: there is none.
  std::string path(int from, int to) const {
    std::vector<int> came_from(names_.size(), -1), todo{from};
    came_from[static_cast<std::size_t>(from)] = from;
    while (!todo.empty() && came_from[static_cast<std::size_t>(to)] < 0) {
      const int at = todo.back();
      todo.pop_back();
      for (const int next : next_[static_cast<std::size_t>(at)]) {
        int& before = came_from[static_cast<std::size_t>(next)];
        if (before >= 0) continue;
        before = at;
        todo.push_back(next);
      }
    }
    if (came_from[static_cast<std::size_t>(to)] < 0) return "";
    std::vector<std::string> way{names_[static_cast<std::size_t>(from)]};
    std::vector<std::string> back;
    for (int at = to; at != from; at = came_from[static_cast<std::size_t>(at)])
      back.push_back(names_[static_cast<std::size_t>(at)]);
    way.insert(way.begin(), names_[static_cast<std::size_t>(to)]);
    way.insert(way.end(), back.rbegin(), back.rend());
    std::erase(way, "");
    way.erase(std::unique(way.begin(), way.end()), way.end());
    if (way.size() == 1) way.push_back(way.front());
    std::string text;
    for (const std::string& name : way) text += (text.empty() ? "" : ", ") + name;
    return text;
  }

  std::unordered_map<std::string, std::size_t> steps_;
  std::vector<std::string> names_;  // Of each step, its resource; none: between two sets.
  std::vector<Edge> own_;
  std::vector<Order> orders_;
  std::vector<std::vector<int>> next_;
};

}  // namespace

std::map<std::string, std::string> order_loops(pugi::xml_node constraints) {
  return Steps(constraints).loops();
}

}  // namespace systole::pengine::engine
