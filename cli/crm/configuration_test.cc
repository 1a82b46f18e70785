#include "cli/crm/configuration.h"

#include <gtest/gtest.h>

#include <sstream>

#include "cli/crm/attributes.h"
#include "cli/crm/format.h"
#include "cli/crm/merge.h"
#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

constexpr const char* kStart = R"(
node 1: node1
node 2: node2
primitive d1 ocf:pacemaker:Dummy params fake=1 op monitor interval=10s
primitive d2 ocf:pacemaker:Dummy
primitive d3 ocf:pacemaker:Dummy
primitive c1 ocf:pacemaker:Dummy
group g1 d2 d3
clone cl1 c1
location l1 d1 200: node1
colocation col1 inf: d1 g1
order o1 Mandatory: g1 d1
order o2 Optional: d1 ( d2 d3 ) cl1
tag t1: d1 g1
property stonith-enabled=false
)";

// A CIB built from the shell's language.
struct Cib {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("cib");
  Configuration configuration{root};

  explicit Cib(const std::string& text) {
    for (const auto& line : logical_lines(text)) put(line.text);
  }
  explicit Cib(const Cib& other) : Cib(std::string{}) {
    document.reset(other.document);
    root = document.document_element();
    configuration = Configuration(root);
  }
  void put(const std::string& text, Configuration::Put how = Configuration::Put::kCreate) {
    const auto done = try_put(text, how);
    EXPECT_TRUE(done) << text << ": " << done.error().message;
  }
  Result<void> try_put(const std::string& text, Configuration::Put how = Configuration::Put::kCreate) {
    auto object = parse_statement(text);
    if (!object) return fail(object.error());
    return configuration.put(*object, how);
  }
  std::string show() const {
    std::string text;
    for (const auto object : configuration.objects())
      text += format_object(object, {referenced_ids(root)}) + '\n';
    return text;
  }
  std::string show(const std::string& id) const {
    const auto object = configuration.find(id);
    return object ? format_object(object, {referenced_ids(root)}) : "nothing";
  }
  std::string xml() const {
    std::ostringstream out;
    root.print(out, "", pugi::format_raw);
    return out.str();
  }
};

TEST(Configuration, ShowsByKindAndId) {
  Cib cib(kStart);
  EXPECT_EQ(
      cib.show(),
      "node 1: node1\nnode 2: node2\nprimitive c1 ocf:pacemaker:Dummy\n"
      "primitive d1 ocf:pacemaker:Dummy \\\n\tparams fake=1 \\\n\top monitor interval=10s\n"
      "primitive d2 ocf:pacemaker:Dummy\nprimitive d3 ocf:pacemaker:Dummy\ngroup g1 d2 d3\nclone cl1 c1\n"
      "tag t1: d1 g1\nlocation l1 d1 200: node1\ncolocation col1 inf: d1 g1\norder o1 Mandatory: g1 d1\n"
      "order o2 Optional: d1 ( d2 d3 ) cl1\nproperty cib-bootstrap-options: \\\n\tstonith-enabled=false\n");
}

TEST(Configuration, WhatIsShownBuildsTheSameConfiguration) {
  Cib first(kStart), second("");
  // Members must be there before their containers: show's order sees to it.
  for (const auto& line : logical_lines(first.show())) second.put(line.text);
  EXPECT_EQ(first.show(), second.show());
}

TEST(Configuration, MembersMoveIntoTheirContainer) {
  Cib cib("primitive a lsb:x\nprimitive b lsb:x\ngroup g a b meta ordered=false");
  EXPECT_NE(cib.xml().find("<resources><group id=\"g\"><meta_attributes"), std::string::npos) << cib.xml();
  EXPECT_NE(cib.xml().find("<primitive id=\"a\" class=\"lsb\" type=\"x\"/><primitive id=\"b\""),
            std::string::npos);
  cib.put("clone cl g");
  EXPECT_NE(cib.xml().find("<resources><clone id=\"cl\"><group id=\"g\">"), std::string::npos) << cib.xml();
}

TEST(Configuration, RefusesWhatDoesNotFit) {
  Cib cib(kStart);
  const std::string before = cib.xml();
  for (const auto& [text, says] : std::vector<std::pair<std::string, std::string>>{
           {"primitive d1 lsb:x", "d1: id is already in use by primitive:d1"},
           {"location d1 d2 1: node1", "d1: id is already in use by primitive:d1"},
           {"primitive d1-monitor-10s lsb:x", "already in use by a part"},
           {"group g2 d2", "d2 is already in group:g1"},
           {"group g2 nosuch", "object nosuch does not exist"},
           {"group g2 d1 d1", "named twice"},
           {"group g2 cl1", "cl1 is a clone"},
           {"clone c2 cl1", "cl1 is a clone"},
           {"node 3: node1", "node node1 has id 1, not 3"}}) {
    auto done = cib.try_put(text);
    ASSERT_FALSE(done) << text;
    EXPECT_NE(done.error().message.find(says), std::string::npos) << done.error().message;
  }
  EXPECT_EQ(cib.xml(), before);
}

TEST(Configuration, AnUpdateKeepsTheIdsOfItsPartsAndFreesMembers) {
  Cib cib(
      "xml <primitive id=\"a\" class=\"lsb\" type=\"x\"><instance_attributes id=\"old\"><nvpair id=\"old-k\" "
      "name=\"k\" "
      "value=\"1\"/></instance_attributes></primitive>");
  cib.put("primitive a lsb:x params k=2 l=3", Configuration::Put::kUpdate);
  EXPECT_NE(cib.xml().find(R"(<instance_attributes id="old"><nvpair name="k" value="2" id="old-k"/>)"),
            std::string::npos)
      << cib.xml();
  Cib other(kStart);
  other.put("group g1 d3", Configuration::Put::kUpdate);
  EXPECT_EQ(other.show("g1"), "group g1 d3");
  EXPECT_EQ(other.configuration.find_resource("d2").parent().name(), std::string("resources"));
}

TEST(Configuration, AttributeSetsAndNodesAreMerged) {
  Cib cib(kStart);
  cib.put("property no-quorum-policy=ignore stonith-enabled=true");
  EXPECT_EQ(cib.show("cib-bootstrap-options"),
            "property cib-bootstrap-options: \\\n\tstonith-enabled=true \\\n\tno-quorum-policy=ignore");
  EXPECT_EQ(cib.configuration.property("no-quorum-policy"), "ignore");
  cib.put("node node1 attributes rack=r1");
  cib.put("node 1: node1 attributes standby=on");
  EXPECT_EQ(cib.show("node1"), "node 1: node1 \\\n\tattributes rack=r1 standby=on");
  EXPECT_NE(
      cib.xml().find(
          "<instance_attributes id=\"nodes-1\"><nvpair name=\"rack\" value=\"r1\" id=\"nodes-1-rack\"/>"),
      std::string::npos);
  cib.put("node 1: node1 attributes x=y", Configuration::Put::kReplace);
  EXPECT_EQ(cib.show("node1"), "node 1: node1 \\\n\tattributes x=y");
  cib.put("property cib-bootstrap-options: a=b", Configuration::Put::kReplace);
  EXPECT_EQ(cib.show("cib-bootstrap-options"), "property cib-bootstrap-options: \\\n\ta=b");
}

TEST(Configuration, IdsOfPartsNeverCollide) {
  Cib cib(
      "primitive a lsb:x meta k=1\nxml <primitive id=\"b\" class=\"lsb\" type=\"x\"><meta_attributes "
      "id=\"c-meta_attributes\"/></primitive>");
  cib.put("primitive c lsb:x meta k=1");
  EXPECT_NE(cib.xml().find(
                "<primitive id=\"c\" class=\"lsb\" type=\"x\"><meta_attributes id=\"c-meta_attributes-0\">"),
            std::string::npos)
      << cib.xml();
}

TEST(Configuration, DeletingTakesWhatHangsOnIt) {
  Cib cib(kStart);
  auto also = cib.configuration.remove({"d1"});
  ASSERT_TRUE(also);
  EXPECT_EQ(*also, (std::vector<std::string>{"hanging location:l1 deleted", "hanging colocation:col1 deleted",
                                             "hanging order:o1 deleted"}));
  EXPECT_EQ(cib.show("o2"), "order o2 Optional: ( d2 d3 ) cl1");
  EXPECT_EQ(cib.show("t1"), "tag t1: g1");
  ASSERT_TRUE(cib.configuration.remove({"d2", "d3"}));
  EXPECT_EQ(cib.show("g1"), "nothing");
  EXPECT_EQ(cib.show("o2"), "nothing");
  EXPECT_EQ(cib.show("t1"), "nothing");
}

TEST(Configuration, DeletingAContainerFreesItsMembers) {
  Cib cib(kStart);
  ASSERT_TRUE(cib.configuration.remove({"cl1", "g1"}));
  EXPECT_EQ(cib.configuration.resources().size(), 4u);
  EXPECT_TRUE(dangling_references(cib.configuration).empty());
}

TEST(Configuration, DeletingWhatIsNotThereChangesNothing) {
  Cib cib(kStart);
  const std::string before = cib.xml();
  const auto also = cib.configuration.remove({"d1", "nosuch"});
  ASSERT_FALSE(also);
  EXPECT_EQ(also.error().message, "object nosuch does not exist");
  EXPECT_EQ(cib.xml(), before);
}

TEST(Configuration, RenamesEverywhere) {
  Cib cib(kStart);
  ASSERT_TRUE(cib.configuration.rename("d1", "web"));
  EXPECT_EQ(cib.show("web"),
            "primitive web ocf:pacemaker:Dummy \\\n\tparams fake=1 \\\n\top monitor interval=10s");
  EXPECT_EQ(cib.show("col1"), "colocation col1 inf: web g1");
  EXPECT_EQ(cib.show("o1"), "order o1 Mandatory: g1 web");
  EXPECT_EQ(cib.show("o2"), "order o2 Optional: web ( d2 d3 ) cl1");
  EXPECT_EQ(cib.show("t1"), "tag t1: web g1");
  EXPECT_EQ(cib.xml().find("d1-"), std::string::npos) << cib.xml();
  EXPECT_FALSE(cib.configuration.rename("web", "g1"));
  EXPECT_FALSE(cib.configuration.rename("web", "a b"));
}

TEST(Configuration, GroupsGainAndLoseMembers) {
  Cib cib(kStart);
  ASSERT_TRUE(cib.configuration.add_to_group("g1", "d1", "", true));
  EXPECT_EQ(cib.show("g1"), "group g1 d2 d3 d1");
  ASSERT_TRUE(cib.configuration.add_to_group("g1", "d1", "d2", false));
  EXPECT_EQ(cib.show("g1"), "group g1 d1 d2 d3");
  ASSERT_TRUE(cib.configuration.add_to_group("g1", "d1", "d2", true));
  EXPECT_EQ(cib.show("g1"), "group g1 d2 d1 d3");
  ASSERT_TRUE(cib.configuration.remove_from_group("g1", "d2"));
  ASSERT_TRUE(cib.configuration.remove_from_group("g1", "d1"));
  const auto last = cib.configuration.remove_from_group("g1", "d3");
  ASSERT_FALSE(last);
  EXPECT_NE(last.error().message.find("last member"), std::string::npos);
  EXPECT_FALSE(cib.configuration.add_to_group("g1", "c1", "", true));
}

TEST(Configuration, FindsReferencesThatPointAtNothing) {
  Cib cib(kStart);
  EXPECT_TRUE(dangling_references(cib.configuration).empty());
  cib.put("location lx nosuch 1: node9");
  cib.put("order ox a ( b c )");
  cib.put("primitive p @gone meta $id-ref=nothing");
  cib.put("fencing_topology node1: st");
  EXPECT_EQ(dangling_references(cib.configuration),
            (std::vector<std::string>{
                "p: object gone does not exist", "lx: object nosuch does not exist",
                "ox: object a does not exist", "ox: object b does not exist", "ox: object c does not exist",
                "fencing_topology: object st does not exist", "id-ref nothing points at nothing"}));
  EXPECT_EQ(unknown_nodes(cib.configuration),
            std::vector<std::string>{"lx: node node9 is not known in the cluster"});
}

TEST(Configuration, EraseLeavesWhatTheClusterItselfKeeps) {
  Cib cib(std::string(kStart) + "property dc-version=1 cluster-name=x\n");
  cib.configuration.erase(false);
  EXPECT_EQ(cib.show(),
            "node 1: node1\nnode 2: node2\nproperty cib-bootstrap-options: \\\n\tdc-version=1 "
            "\\\n\tcluster-name=x\n");
}

// -- Three-way merge.

struct Merged {
  std::vector<Conflict> conflicts;
  std::string text;
};

Merged merge(const std::function<void(Cib&)>& mine, const std::function<void(Cib&)>& theirs) {
  Cib base(kStart), my(base), live(base);
  mine(my);
  theirs(live);
  Merged merged;
  merged.conflicts =
      merge_configuration(base.configuration.node(), my.configuration.node(), live.configuration.node());
  merged.text = live.show();
  return merged;
}

std::string after(const std::function<void(Cib&)>& change) {
  Cib cib(kStart);
  change(cib);
  return cib.show();
}

TEST(Merge, ChangesOfDifferentObjectsBothStay) {
  const auto mine = [](Cib& c) { c.put("primitive n1 lsb:x"); };
  const auto theirs = [](Cib& c) { c.put("primitive n2 lsb:x"); };
  const auto merged = merge(mine, theirs);
  EXPECT_TRUE(merged.conflicts.empty());
  EXPECT_EQ(merged.text, after([&](Cib& c) { mine(c), theirs(c); }));
}

TEST(Merge, TwoParametersOfOneResourceBothStay) {
  const auto merged = merge(
      [](Cib& c) {
        c.put("primitive d1 ocf:pacemaker:Dummy params fake=1 a=2 op monitor interval=10s",
              Configuration::Put::kUpdate);
      },
      [](Cib& c) {
        c.put("property no-quorum-policy=stop");
        c.put("primitive d1 ocf:pacemaker:Dummy params fake=9 op monitor interval=10s",
              Configuration::Put::kUpdate);
      });
  ASSERT_TRUE(merged.conflicts.empty()) << merged.conflicts[0].what;
  EXPECT_NE(merged.text.find("params fake=9 a=2"), std::string::npos) << merged.text;
  EXPECT_NE(merged.text.find("no-quorum-policy=stop"), std::string::npos);
}

TEST(Merge, TheSameChangeByBothIsNoConflict) {
  const auto change = [](Cib& c) {
    c.put("property stonith-enabled=true");
    c.put("primitive z lsb:x");
  };
  const auto merged = merge(change, change);
  EXPECT_TRUE(merged.conflicts.empty());
  EXPECT_EQ(merged.text, after(change));
}

TEST(Merge, TwoValuesForOneParameterConflictAndNameTheObject) {
  const auto merged = merge(
      [](Cib& c) {
        c.put("primitive d1 ocf:pacemaker:Dummy params fake=2 op monitor interval=10s",
              Configuration::Put::kUpdate);
      },
      [](Cib& c) {
        c.put("primitive d1 ocf:pacemaker:Dummy params fake=3 op monitor interval=10s",
              Configuration::Put::kUpdate);
      });
  ASSERT_EQ(merged.conflicts.size(), 1u);
  EXPECT_EQ(merged.conflicts[0].object, "d1");
  EXPECT_NE(merged.conflicts[0].what.find("set to '2' here and to '3' meanwhile"), std::string::npos)
      << merged.conflicts[0].what;
}

TEST(Merge, AChangeOfWhatIsDeletedMeanwhileConflicts) {
  const auto change = [](Cib& c) { c.put("location l1 d1 5: node2", Configuration::Put::kUpdate); };
  const auto remove = [](Cib& c) { ASSERT_TRUE(c.configuration.remove({"l1"})); };
  const auto one = merge(change, remove), other = merge(remove, change);
  ASSERT_EQ(one.conflicts.size(), 1u);
  EXPECT_EQ(one.conflicts[0].object, "l1");
  ASSERT_EQ(other.conflicts.size(), 1u);
  EXPECT_EQ(other.conflicts[0].object, "l1");
}

TEST(Merge, OneIdForTwoNewThingsConflicts) {
  const auto merged =
      merge([](Cib& c) { c.put("primitive z lsb:x"); }, [](Cib& c) { c.put("primitive z lsb:y"); });
  ASSERT_EQ(merged.conflicts.size(), 1u);
  EXPECT_EQ(merged.conflicts[0].object, "z");
}

TEST(Merge, AGroupsNewOrderIsKept) {
  const auto merged = merge(
      [](Cib& c) { ASSERT_TRUE(c.configuration.add_to_group("g1", "d3", "d2", false)); },
      [](Cib& c) { c.put("primitive d2 ocf:pacemaker:Dummy meta priority=1", Configuration::Put::kUpdate); });
  ASSERT_TRUE(merged.conflicts.empty());
  EXPECT_NE(merged.text.find("group g1 d3 d2"), std::string::npos) << merged.text;
  EXPECT_NE(merged.text.find("meta priority=1"), std::string::npos) << merged.text;
}

TEST(Merge, AMemberAddedByEachBothStay) {
  const auto both = merge([](Cib& c) { ASSERT_TRUE(c.configuration.add_to_group("g1", "d3", "d2", false)); },
                          [](Cib& c) { ASSERT_TRUE(c.configuration.add_to_group("g1", "d1", "d2", false)); });
  EXPECT_TRUE(both.conflicts.empty());
  EXPECT_NE(both.text.find("group g1 d1 d3 d2"), std::string::npos) << both.text;
}

TEST(Merge, MovingWhatWasDeletedOrMovedElsewhereMeanwhileConflicts) {
  const auto mine = [](Cib& c) { ASSERT_TRUE(c.configuration.add_to_group("g1", "d1", "", true)); };
  const auto gone = merge(mine, [](Cib& c) { ASSERT_TRUE(c.configuration.remove({"d1"})); });
  ASSERT_FALSE(gone.conflicts.empty());
  EXPECT_EQ(gone.conflicts[0].what, "d1 was moved here and deleted meanwhile");
  const auto elsewhere = merge(mine, [](Cib& c) { c.put("group g2 d1"); });
  ASSERT_FALSE(elsewhere.conflicts.empty());
  EXPECT_EQ(elsewhere.conflicts[0].object, "d1");
  const auto same = merge(mine, mine);
  EXPECT_TRUE(same.conflicts.empty());
}

TEST(Merge, MovingAResourceThatWasChangedMeanwhileConflicts) {
  const auto merged = merge(
      [](Cib& c) { ASSERT_TRUE(c.configuration.add_to_group("g1", "d1", "", true)); },
      [](Cib& c) { c.put("primitive d1 ocf:pacemaker:Dummy params fake=7", Configuration::Put::kUpdate); });
  ASSERT_FALSE(merged.conflicts.empty());
  EXPECT_EQ(merged.conflicts[0].object, "d1");
}

TEST(Merge, NothingChangedHereChangesNothingThere) {
  const auto theirs = [](Cib& c) {
    ASSERT_TRUE(c.configuration.remove({"d1"}));
    c.put("property a=b");
  };
  const auto merged = merge([](Cib&) {}, theirs);
  EXPECT_TRUE(merged.conflicts.empty());
  EXPECT_EQ(merged.text, after(theirs));
}

}  // namespace
}  // namespace systole::crm
