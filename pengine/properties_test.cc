// What must hold of every plan: it does not depend on the order of elements where order means nothing, and
// planning again after a change gives what planning from scratch gives.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <random>

#include "pengine/incremental.h"
#include "pengine/random_documents.h"
#include "pengine/scheduler.h"
#include "pengine/simulate.h"

namespace systole::pengine {
namespace {

using test::RandomCluster;

std::string text_of(const Plan& plan) {
  std::string text = plan.graph.to_xml(0);
  for (const auto& d : plan.decisions) text += d.text + "\n";
  for (const auto& p : plan.problems) text += p.message + "\n";
  for (const auto& f : plan.fence) text += f + "\n";
  return text + (plan.quorate ? "quorate" : "");
}

cib::Document parsed(const std::string& xml) {
  auto document = cib::Document::parse(xml);
  RC_ASSERT(document.has_value());
  return std::move(*document);
}

// What says nothing by its place. The order of node_state elements does, as in Pacemaker: it numbers the
// instances of anonymous clones.
class Shuffler {
 public:
  explicit Shuffler(std::uint64_t seed) : random_(seed) {}

  void shuffle(pugi::xml_node node) {
    shuffle_attributes(node);
    for (auto child : node.children()) shuffle(child);
    const std::string_view name = node.name();
    for (const std::string_view free : {"nodes", "lrm_resource", "instance_attributes", "meta_attributes",
                                        "cluster_property_set", "operations", "constraints"})
      if (name == free) shuffle_children(node);
  }

 private:
  void shuffle_attributes(pugi::xml_node node) {
    std::vector<std::pair<std::string, std::string>> list;
    for (auto a : node.attributes()) list.emplace_back(a.name(), a.value());
    std::shuffle(list.begin(), list.end(), random_);
    node.remove_attributes();
    for (const auto& [name, value] : list) node.append_attribute(name.c_str()) = value.c_str();
  }
  void shuffle_children(pugi::xml_node node) {
    std::vector<pugi::xml_node> list(node.begin(), node.end());
    std::shuffle(list.begin(), list.end(), random_);
    for (auto child : list) node.append_move(child);
  }
  std::mt19937_64 random_;
};

RC_GTEST_PROP(Plan, DoesNotDependOnTheOrderOfElements, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  cib::Document document = parsed(RandomCluster(seed).document());
  const std::string straight = text_of(schedule(document));
  Shuffler(seed + 1).shuffle(document.root());
  const bool same = text_of(schedule(document)) == straight;
  RC_ASSERT(same);
}

// What a cluster is like once nothing is left to be done, or nearly.
cib::Document settled(cib::Document document, const Options& options) {
  for (int round = 0; round < 6; ++round) {
    const Plan plan = schedule(document, options);
    if (plan.graph.actions.empty()) break;
    document = std::move(simulate(document, plan, *options.now, {}).after);
  }
  return document;
}

pugi::xml_node state_of(const cib::Document& document, int node) {
  return document.root().child("status").find_child_by_attribute("node_state", "id",
                                                                 std::to_string(node).c_str());
}
pugi::xml_node records_of(const cib::Document& document, int node) {
  return state_of(document, node).child("lrm").child("lrm_resources");
}

// One resource's record on one node becomes another one, or all of them what they were; sometimes its fail
// count or promotion score too.
void change(cib::Document& document, const cib::Document& before, RandomCluster& random,
            const std::string& id) {
  const bool restore = random.chance(40);
  const int only = 1 + random.pick(random.nodes());
  for (int node = 1; node <= random.nodes(); ++node) {
    if (!restore && node != only) continue;
    pugi::xml_node list = records_of(document, node);
    list.remove_child(list.find_child_by_attribute("lrm_resource", "id", id.c_str()));
    if (restore) {
      const auto old = records_of(before, node).find_child_by_attribute("lrm_resource", "id", id.c_str());
      if (old) list.append_copy(old);
    } else {
      const std::string xml = random.history(id);
      list.append_buffer(xml.data(), xml.size());
    }
  }
  if (!random.chance(30)) return;
  pugi::xml_node attributes =
      state_of(document, only).child("transient_attributes").child("instance_attributes");
  const std::string name = random.chance(50) ? "master-" + id : "fail-count-" + id + "#monitor_10000";
  attributes.remove_child(attributes.find_child_by_attribute("nvpair", "name", name.c_str()));
  if (restore || random.chance(30)) return;
  pugi::xml_node pair = attributes.append_child("nvpair");
  pair.append_attribute("id") = (std::string("x-") + name).c_str();
  pair.append_attribute("name") = name.c_str();
  pair.append_attribute("value") = random.pick(4);
}

struct Followed {
  bool same = true;            // Each plan was that from scratch.
  int plans = 0, partial = 0;  // … and looked at less than all.
};

// A cluster in which something changes time and again.
Followed follow(std::uint64_t seed) {
  Followed result;
  RandomCluster random(seed);
  Options options;
  options.now = WallTime(Seconds(2000));
  cib::Document document = settled(parsed(random.document()), options);
  const cib::Document before = document.clone();
  const auto resources = document.root().child("configuration").child("resources").children();
  const auto all = static_cast<std::size_t>(std::distance(resources.begin(), resources.end()));
  Scheduler scheduler;
  Scheduler::Changes changes;
  for (int step = 0; step < 12; ++step) {
    options.now = WallTime(Seconds(2000 + 10 * step));
    const std::string scratch = text_of(schedule(document, options));
    result.same = result.same && text_of(scheduler.plan(document, changes, options)) == scratch;
    ++result.plans;
    result.partial += scheduler.planned_resources() < all;
    changes = {.anything = false, .resources = {}};
    const auto& names = random.primitives();
    for (int more = 1 + random.pick(2); more > 0; --more) {
      const auto& id = names[static_cast<std::size_t>(random.pick(static_cast<int>(names.size())))];
      change(document, before, random, id);
      changes.resources.insert(id);
    }
  }
  return result;
}

RC_GTEST_PROP(Scheduler, PlansAsFromScratch, ()) {
  RC_ASSERT(follow(*rc::gen::arbitrary<std::uint64_t>()).same);
}

TEST(Scheduler, LeavesOutWhatHasNothingToDo) {
  int plans = 0, partial = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const Followed followed = follow(seed);
    plans += followed.plans;
    partial += followed.partial;
  }
  EXPECT_GT(partial * 10, plans) << "the property above compares next to nothing";
}

}  // namespace
}  // namespace systole::pengine
