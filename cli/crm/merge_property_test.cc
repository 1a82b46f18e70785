// Two people edit at random; whoever commits second is merged. Whatever they did, no edit is lost silently:
// the result is the same whichever of them was first, and one side's result alone is kept when the other did
// nothing.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/check.h"
#include "cli/crm/attribute_commands.h"
#include "cli/crm/format.h"
#include "cli/crm/merge.h"
#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed * 2862933555777941757ULL + 3037000493ULL) {}
  std::size_t below(std::size_t bound) {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::size_t>(state_ >> 33) % bound;
  }

 private:
  std::uint64_t state_;
};

struct Cib {
  pugi::xml_document document;
  Configuration configuration{pugi::xml_node{}};
  explicit Cib(const pugi::xml_document& other) {
    document.reset(other);
    configuration = Configuration(document.document_element());
  }
};

pugi::xml_document base_document() {
  pugi::xml_document document;
  Configuration configuration(document.append_child("cib"));
  for (const char* line :
       {"node 1: n1", "node 2: n2", "primitive a lsb:x meta k=1", "primitive b lsb:x meta k=1 l=2",
        "primitive c lsb:x", "primitive d lsb:x", "primitive e lsb:x params p=1", "group g a b", "clone k c",
        "location l1 d 1: n1", "colocation c1 inf: d e", "order o1 d ( a b ) e", "tag t: d e",
        "property x=1 y=2"}) {
    auto object = parse_statement(line);
    check(object && configuration.put(*object, Configuration::Put::kCreate), line);
  }
  return document;
}

const char* pick(Dice& dice, std::initializer_list<const char*> list) {
  return list.begin()[dice.below(list.size())];
}

void edit(Cib& cib, Dice& dice) {
  auto& c = cib.configuration;
  const char* rsc = pick(dice, {"a", "b", "c", "d", "e", "n"});
  switch (dice.below(8)) {
    case 0:
    case 1:
      if (const auto node = c.find_resource(rsc))
        set_resource_attribute(c, node, "meta_attributes", pick(dice, {"k", "l", "m"}),
                               pick(dice, {"1", "2", "3"}));
      break;
    case 2:
      if (const auto node = c.find_resource(rsc))
        delete_attribute(node, "meta_attributes", pick(dice, {"k", "l", "m"}));
      break;
    case 3:
      (void)c.remove({pick(dice, {"a", "b", "c", "d", "e", "l1", "c1", "o1", "t", "k"})});
      break;
    case 4:
      (void)c.add_to_group("g", rsc, pick(dice, {"", "a", "b"}), dice.below(2) == 0);
      break;
    case 5:
      (void)c.remove_from_group("g", rsc);
      break;
    case 6:
      (void)c.put(*parse_statement(pick(dice, {"primitive n lsb:x", "primitive n lsb:y",
                                               "location l2 e 2: n2", "group h d", "property x=3 z=1"})),
                  Configuration::Put::kCreate);
      break;
    default:
      (void)c.put(*parse_statement(pick(dice, {"location l1 d 5: n1", "location l1 e 1: n2",
                                               "colocation c1 inf: e d", "order o1 a d"})),
                  Configuration::Put::kUpdate);
  }
}

// The order of attributes within a set carries no meaning; that of members, when both add one at the same
// place, is that of the commits.
std::string meaning(const Configuration& configuration) {
  std::vector<std::string> lines;
  for (const auto object : configuration.objects()) {
    std::string text = format_object(object);
    auto words = *split_words(logical_lines(text).front().text);
    if (!kind_of(object)->constraint) std::sort(words.begin() + 1, words.end());
    lines.push_back(join(words, " "));
  }
  return join(lines, "\n");
}

TEST(MergeProperty, WhoCommitsFirstMakesNoDifference) {
  const auto base = base_document();
  int clean = 0, conflicting = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Dice dice(seed);
    Cib from(base), mine(base), theirs(base);
    for (std::size_t i = dice.below(3) + 1; i > 0; --i) edit(mine, dice);
    for (std::size_t i = dice.below(3) + 1; i > 0; --i) edit(theirs, dice);
    Cib one(theirs.document), other(mine.document);
    const auto a =
        merge_configuration(from.configuration.node(), mine.configuration.node(), one.configuration.node());
    const auto b = merge_configuration(from.configuration.node(), theirs.configuration.node(),
                                       other.configuration.node());
    ASSERT_EQ(a.empty(), b.empty()) << "seed " << seed << ": " << (a.empty() ? b : a).front().what
                                    << "\nmine:\n"
                                    << meaning(mine.configuration) << "\ntheirs:\n"
                                    << meaning(theirs.configuration);
    if (!a.empty()) {
      ++conflicting;
      continue;
    }
    ++clean;
    ASSERT_EQ(meaning(one.configuration), meaning(other.configuration))
        << "seed " << seed << "\nmine:\n"
        << meaning(mine.configuration) << "\ntheirs:\n"
        << meaning(theirs.configuration);
    std::map<std::string, int> ids;
    for (const auto object : one.configuration.objects())
      ASSERT_EQ(ids[describe(object)]++, 0) << "seed " << seed << " " << describe(object) << "\nmine:\n"
                                            << meaning(mine.configuration) << "\ntheirs:\n"
                                            << meaning(theirs.configuration);
  }
  // Both kinds must have been met, or the test has shown nothing.
  EXPECT_GT(clean, 80);
  EXPECT_GT(conflicting, 20);
}

TEST(MergeProperty, OneSideAloneIsTakenAsItIs) {
  const auto base = base_document();
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    Dice dice(seed);
    Cib from(base), mine(base), live(base), untouched(base);
    for (int i = 0; i < 4; ++i) edit(mine, dice);
    const auto conflicts =
        merge_configuration(from.configuration.node(), mine.configuration.node(), live.configuration.node());
    ASSERT_TRUE(conflicts.empty()) << "seed " << seed << ": " << conflicts.front().what;
    ASSERT_EQ(meaning(live.configuration), meaning(mine.configuration)) << "seed " << seed;
    Cib theirs(mine.document);
    ASSERT_TRUE(merge_configuration(from.configuration.node(), untouched.configuration.node(),
                                    theirs.configuration.node())
                    .empty());
    ASSERT_TRUE(same_tree(theirs.document.document_element(), mine.document.document_element()))
        << "seed " << seed;
  }
}

}  // namespace
}  // namespace systole::crm
