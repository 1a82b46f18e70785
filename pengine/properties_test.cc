// What must hold of every plan: it does not depend on the order of elements where order means nothing, and
// planning again after a change gives what planning from scratch gives.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <random>

#include "pengine/incremental.h"
#include "pengine/random_documents.h"
#include "pengine/scheduler.h"

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

pugi::xml_node state_of(cib::Document& document, int node) {
  return document.root().child("status").find_child_by_attribute("node_state", "id",
                                                                 std::to_string(node).c_str());
}

// One resource's record on one node becomes another one; sometimes its fail count or promotion score too.
void change(cib::Document& document, RandomCluster& random, const std::string& id) {
  pugi::xml_node state = state_of(document, 1 + random.pick(random.nodes()));
  pugi::xml_node list = state.child("lrm").child("lrm_resources");
  list.remove_child(list.find_child_by_attribute("lrm_resource", "id", id.c_str()));
  const std::string xml = random.history(id, 0);
  list.append_buffer(xml.data(), xml.size());
  if (!random.chance(30)) return;
  pugi::xml_node attributes = state.child("transient_attributes").child("instance_attributes");
  const std::string name = random.chance(50) ? "master-" + id : "fail-count-" + id + "#monitor_10000";
  attributes.remove_child(attributes.find_child_by_attribute("nvpair", "name", name.c_str()));
  if (random.chance(30)) return;
  pugi::xml_node pair = attributes.append_child("nvpair");
  pair.append_attribute("id") = (std::string("x-") + name).c_str();
  pair.append_attribute("name") = name.c_str();
  pair.append_attribute("value") = random.pick(4);
}

int left_out = 0;

RC_GTEST_PROP(Scheduler, PlansAsFromScratch, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  RandomCluster random(seed);
  cib::Document document = parsed(random.document());
  Scheduler scheduler;
  Scheduler::Changes changes;
  Options options;
  for (int step = 0; step < 12; ++step) {
    options.now = WallTime(Seconds(2000 + 20 * step));
    const std::string scratch = text_of(schedule(document, options));
    const bool same = text_of(scheduler.plan(document, changes, options)) == scratch;
    RC_ASSERT(same);
    const auto resources = document.root().child("configuration").child("resources").children();
    left_out += scheduler.planned_resources() <
                static_cast<std::size_t>(std::distance(resources.begin(), resources.end()));
    changes = {.anything = false, .resources = {}};
    for (int more = 1 + random.pick(3); more > 0; --more) {
      const auto& id = random.primitives()[static_cast<std::size_t>(
          random.pick(static_cast<int>(random.primitives().size())))];
      change(document, random, id);
      changes.resources.insert(id);
    }
  }
}

TEST(Scheduler, LeavesOutWhatHasNothingToDo) {
  EXPECT_GT(left_out, 0) << "the property above compared nothing";
}

}  // namespace
}  // namespace systole::pengine
