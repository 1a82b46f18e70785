// Patches between random documents, and what apply() makes of patches by hand.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "cib/ops.h"

namespace systole::cib {
namespace {

// Trees of few names and ids, so that moves, replacements and near-duplicates are frequent. Siblings with an
// id differ in it or in name; those without, and comments, may be alike.
class RandomTree {
 public:
  explicit RandomTree(std::uint64_t seed) : random_(seed) {}

  std::string document() {
    std::string out =
        "<cib validate-with=\"none\" epoch=\"1\" num_updates=\"0\" admin_epoch=\"0\"><configuration>";
    for (const char* section : {"resources", "constraints"}) {
      out += std::string("<") + section + ">" + children(2) + "</" + section + ">";
    }
    return out + "</configuration><status>" + children(2) + "</status></cib>";
  }
  // A few random changes of a document.
  Document mutate(const Document& from) {
    Document out = from.clone();
    for (std::uint64_t n = 1 + below(5); n > 0; --n) mutate_once(out);
    return out;
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  std::string attributes() {
    std::string out;
    for (const char* name : {"a", "b", "c"})
      if (below(3) == 0) out += fmt::format(" {}=\"{}\"", name, below(4));
    return out;
  }
  std::string children(int depth) {
    std::string out;
    std::set<std::string> used;
    for (std::uint64_t n = below(5); n > 0; --n) {
      if (below(6) == 0) {
        out += fmt::format("<!--{}-->", below(3));
        continue;
      }
      std::string head = fmt::format("x{}", below(3));
      if (below(5) != 0) head += fmt::format(" id=\"i{}\"", below(8));
      if (!used.insert(head).second && head.size() > 2) continue;
      const std::string name = head.substr(0, 2);
      out += "<" + head + attributes() + ">" + (depth > 0 ? children(depth - 1) : "") + "</" + name + ">";
    }
    return out;
  }
  pugi::xml_node pick(pugi::xml_node in) {
    std::vector<pugi::xml_node> all;
    struct Collect : pugi::xml_tree_walker {
      std::vector<pugi::xml_node>& out;
      explicit Collect(std::vector<pugi::xml_node>& o) : out(o) {}
      bool for_each(pugi::xml_node& node) override {
        if (depth() >= 1 && std::strcmp(node.name(), "configuration") != 0) out.push_back(node);
        return true;
      }
    } collect(all);
    in.traverse(collect);
    return all[below(all.size())];
  }
  void mutate_once(Document& document) {
    const pugi::xml_node node = pick(document.root());
    pugi::xml_node parent = node.parent();
    const bool section = parent.parent().parent() == document.root().parent();  // Sections stay.
    switch (below(5)) {
      case 0:
        if (!section && parent.parent() != document.root().parent()) parent.remove_child(node);
        break;
      case 1:
        if (node.type() == pugi::node_element) {
          auto copy = node;
          copy.remove_attribute("a");
          copy.append_attribute("a") = std::to_string(below(5)).c_str();
        }
        break;
      case 2: {  // Among its siblings.
        pugi::xml_node target = parent.first_child();
        for (std::uint64_t skip = below(4); skip > 0 && target; --skip) target = target.next_sibling();
        if (target && target != node && !section) parent.insert_move_before(node, target);
        break;
      }
      default: {
        pugi::xml_document fresh;
        const std::string xml = "<r>" + children(1) + "</r>";
        fresh.load_buffer(xml.data(), xml.size(), pugi::parse_default | pugi::parse_comments);
        if (node.type() == pugi::node_element)
          for (const pugi::xml_node child : fresh.first_child().children()) {
            auto into = node;
            const char* id = child.attribute("id").value();
            if (*id != 0 && into.find_child([&](pugi::xml_node c) {
                  return std::strcmp(c.name(), child.name()) == 0 &&
                         std::strcmp(c.attribute("id").value(), id) == 0;
                }))
              continue;
            below(2) != 0 ? into.append_copy(child) : into.prepend_copy(child);
          }
      }
    }
  }
  std::mt19937_64 random_;
};

std::string canonical(const Document& d) { return d.digest(); }

void expect_round_trip(const Document& before, const Document& after, std::uint64_t seed) {
  Document target = after.clone();
  target.set_version({0, 2, 0});
  const std::string patch = diff(before, target, true);
  Document patched = before.clone();
  patched.track_digest();
  Op op;
  op.kind = Op::Kind::kPatch;
  op.xml = patch;
  const auto applied = apply(patched, op);
  ASSERT_TRUE(applied) << "seed " << seed << ": " << applied.error().message << "\n" << patch;
  ASSERT_EQ(canonical(patched), canonical(target))
      << "seed " << seed << "\nbefore " << before.serialize() << "\nafter  " << target.serialize()
      << "\ngot    " << patched.serialize() << "\n"
      << patch;
  EXPECT_EQ(patched.digest(), patched.clone().digest()) << "seed " << seed << ": the digest did not follow";
  EXPECT_EQ(patched.version(), target.version());
  // The patch that the application itself reports does the same.
  if (applied->patch.empty()) return;
  Document again = before.clone();
  const auto replayed = replay(again, applied->patch);
  ASSERT_TRUE(replayed) << "seed " << seed << ": " << replayed.error().message << "\n" << applied->patch;
  EXPECT_EQ(canonical(again), canonical(target)) << "seed " << seed;
}

TEST(DiffProperty, APatchLeadsFromOneDocumentToAnyOther) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    RandomTree tree(seed);
    const auto before = Document::parse(tree.document()), after = Document::parse(tree.document());
    ASSERT_TRUE(before && after);
    expect_round_trip(*before, *after, seed);
    if (HasFatalFailure()) return;
  }
}

TEST(DiffProperty, APatchOfAFewChangesLeadsThere) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    RandomTree tree(seed);
    const auto before = Document::parse(tree.document());
    ASSERT_TRUE(before);
    expect_round_trip(*before, tree.mutate(*before), seed);
    if (HasFatalFailure()) return;
  }
}

TEST(DiffProperty, AFailedOperationLeavesTheDocumentByteForByte) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    RandomTree tree(seed);
    auto before = Document::parse(tree.document());
    const auto after = Document::parse(tree.document());
    before->track_digest();
    const std::string text = before->serialize(), digest = before->digest();
    std::string patch = diff(*before, *after, false);
    if (patch.empty()) continue;
    // One more change at the end that cannot be done.
    patch.insert(patch.rfind("</diff>"),
                 "<change operation=\"create\" path=\"/cib/nowhere\" position=\"0\"><x/></change>");
    Op op;
    op.kind = Op::Kind::kPatch;
    op.xml = patch;
    const auto applied = apply(*before, op);
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().code, Errc::kNotFound);
    ASSERT_EQ(before->serialize(), text) << "seed " << seed;
    ASSERT_EQ(before->digest(), digest);
  }
}

Document small(const std::string& resources) {
  auto d = Document::parse(
      "<cib validate-with=\"none\" epoch=\"1\" num_updates=\"4\" admin_epoch=\"0\"><configuration>"
      "<resources>" +
      resources + "</resources></configuration><status/></cib>");
  EXPECT_TRUE(d) << d.error().message;
  return std::move(*d);
}

Result<Applied> patch(Document& d, const std::string& changes, bool force = false) {
  Op op;
  op.kind = Op::Kind::kPatch;
  op.xml = "<diff format=\"2\">" + changes + "</diff>";
  op.force = force;
  return apply(d, op);
}

std::string inside(const Document& d) {
  const std::string xml = to_xml(d.section("resources"));
  return xml == "<resources/>" ? "" : xml.substr(11, xml.size() - 23);
}

constexpr const char* kR = "path=\"/cib/configuration/resources";

TEST(Patch, CreatesAtThePositionNamed) {
  Document d = small("<p id=\"a\"/><p id=\"c\"/>");
  ASSERT_TRUE(
      patch(d, fmt::format("<change operation=\"create\" {}\" position=\"1\"><p id=\"b\"/></change>", kR)));
  EXPECT_EQ(inside(d), "<p id=\"a\"/><p id=\"b\"/><p id=\"c\"/>");
  EXPECT_EQ(d.version(), (Version{0, 2, 0}));
}

TEST(Patch, MovesToThePositionNamed) {
  Document d = small("<p id=\"a\"/><p id=\"b\"/><p id=\"c\"/>");
  ASSERT_TRUE(patch(d, fmt::format("<change operation=\"move\" {}/p[@id='a']\" position=\"2\"/>", kR)));
  EXPECT_EQ(inside(d), "<p id=\"b\"/><p id=\"c\"/><p id=\"a\"/>");
}

TEST(Patch, SetsAndUnsetsAttributes) {
  Document d = small("<p id=\"a\" x=\"1\" y=\"1\"/>");
  ASSERT_TRUE(patch(
      d, fmt::format("<change operation=\"modify\" {}/p[@id='a']\"><change-list><change-attr name=\"x\" "
                     "operation=\"set\" value=\"2\"/><change-attr name=\"y\" operation=\"unset\"/>"
                     "</change-list></change>",
                     kR)));
  EXPECT_EQ(inside(d), "<p id=\"a\" x=\"2\"/>");
}

TEST(Patch, DeletesACommentByItsPosition) {
  Document d = small("<!--one--><p id=\"a\"/><!--two-->");
  ASSERT_TRUE(patch(d, fmt::format("<change operation=\"delete\" {}/comment\" position=\"2\"/>", kR)));
  EXPECT_EQ(inside(d), "<!--one--><p id=\"a\"/>");
}

TEST(Patch, TheSamePatchAgainChangesNothing) {
  Document d = small("<p id=\"a\"/>");
  const std::string changes = fmt::format(
      "<change operation=\"delete\" {0}/p[@id='a']\"/><change operation=\"create\" {0}\" position=\"0\">"
      "<p id=\"b\"/></change>",
      kR);
  ASSERT_TRUE(patch(d, changes));
  const std::string once = d.serialize();
  const auto again = patch(d, changes);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(d.serialize(), once);
}

TEST(Patch, OfAnotherVersionIsRefusedUnlessForced) {
  const std::string changes = fmt::format(
      "<version><source admin_epoch=\"0\" epoch=\"9\" num_updates=\"0\"/><target admin_epoch=\"0\" "
      "epoch=\"10\" "
      "num_updates=\"0\"/></version><change operation=\"create\" {}\" position=\"0\"><p id=\"b\"/></change>",
      kR);
  Document d = small("");
  const auto refused = patch(d, changes);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kOld);
  ASSERT_TRUE(patch(d, changes, true));
  EXPECT_EQ(d.version(), (Version{0, 2, 0}));
}

TEST(Patch, WithItsVersionLeadsToItsTarget) {
  Document d = small("");
  ASSERT_TRUE(
      patch(d, fmt::format("<version><source admin_epoch=\"0\" epoch=\"1\" num_updates=\"4\"/><target "
                           "admin_epoch=\"0\" epoch=\"7\" num_updates=\"1\"/></version><change "
                           "operation=\"create\" {}\" position=\"0\"><p id=\"b\"/></change>",
                           kR)));
  EXPECT_EQ(d.version(), (Version{0, 7, 1}));
}

TEST(Patch, WhatIsNoPatchIsRefused) {
  Document d = small("");
  Op op;
  op.kind = Op::Kind::kPatch;
  for (const char* xml :
       {"", "<diff", "<cib/>", "<diff/>", "<diff format=\"1\"/>",
        "<diff format=\"2\"><change operation=\"delete\" path=\"/cib\"/></diff>",
        "<diff format=\"2\"><change operation=\"move\" path=\"/cib\" position=\"0\"/></diff>",
        "<diff format=\"2\"><change operation=\"modify\" path=\"/cib/x\"/></diff>",
        "<diff format=\"2\"><change operation=\"create\" path=\"/cib\"/></diff>",
        "<diff format=\"2\"><change operation=\"explode\" path=\"/cib\"/></diff>"}) {
    op.xml = xml;
    EXPECT_FALSE(apply(d, op)) << xml;
  }
}

TEST(Diff, OfEqualDocumentsIsEmpty) {
  const Document a = small("<p id=\"a\"/>");
  EXPECT_EQ(diff(a, a.clone(), true), "");
  EXPECT_EQ(diff(a, a.clone(), false), "");
}

TEST(Diff, WithoutVersionHasNone) {
  const Document a = small("<p id=\"a\"/>"), b = small("<p id=\"b\"/>");
  EXPECT_EQ(diff(a, b, false).find("version"), std::string::npos);
  EXPECT_NE(diff(a, b, true).find("<version>"), std::string::npos);
}

}  // namespace
}  // namespace systole::cib
