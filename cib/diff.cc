// Making one tree of another by small steps, and the diff that follows from it.
#include <algorithm>
#include <cstring>
#include <string>

#include "cib/edit.h"
#include "cib/ops.h"

namespace systole::cib {
namespace {

// Children are the same when kind, name and id are; comments and text when their content is.
std::string identity(pugi::xml_node node) {
  std::string out;
  if (node.type() == pugi::node_element) {
    out.append("<").append(node.name()).append("\x01").append(node.attribute("id").value());
  } else {
    out.append(node.type() == pugi::node_comment ? "!" : "#").append(node.value());
  }
  return out;
}

bool same_identity(pugi::xml_node a, pugi::xml_node b) {
  if (a.type() != b.type()) return false;
  if (a.type() != pugi::node_element) return std::strcmp(a.value(), b.value()) == 0;
  return std::strcmp(a.name(), b.name()) == 0 &&
         std::strcmp(a.attribute("id").value(), b.attribute("id").value()) == 0;
}

// The usual case: the same children in the same order.
bool same_children(pugi::xml_node a, pugi::xml_node b) {
  a = a.first_child();
  b = b.first_child();
  for (; a && b; a = a.next_sibling(), b = b.next_sibling())
    if (!same_identity(a, b)) return false;
  return !a && !b;
}

// Which of `order`, a permutation, need not move: its longest increasing subsequence.
std::vector<bool> longest_increasing(const std::vector<std::size_t>& order) {
  constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::vector<std::size_t> tails, previous(order.size(), kNone);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto at = std::lower_bound(tails.begin(), tails.end(), order[i],
                                     [&](std::size_t t, std::size_t value) { return order[t] < value; });
    if (at != tails.begin()) previous[i] = *std::prev(at);
    if (at == tails.end())
      tails.push_back(i);
    else
      *at = i;
  }
  std::vector<bool> stays(order.size(), false);
  for (std::size_t i = tails.empty() ? kNone : tails.back(); i != kNone; i = previous[i]) stays[i] = true;
  return stays;
}

}  // namespace

void Edit::become_attributes(pugi::xml_node element, pugi::xml_node source) {
  std::vector<std::string> gone;
  for (const pugi::xml_attribute a : element.attributes())
    if (!source.attribute(a.name())) gone.emplace_back(a.name());
  for (const std::string& name : gone) unset(element, name);
  for (const pugi::xml_attribute a : source.attributes()) set(element, a.name(), a.value());
}

void Edit::become(pugi::xml_node element, pugi::xml_node source) {
  become_attributes(element, source);
  become_children(element, source);
}

void Edit::become_children(pugi::xml_node element, pugi::xml_node source) {
  if (same_children(element, source)) {
    pugi::xml_node child = element.first_child(), wanted = source.first_child();
    while (child) {
      // Taken before: an element may be exchanged while it changes.
      const pugi::xml_node next = child.next_sibling();
      if (child.type() == pugi::node_element) become(child, wanted);
      child = next;
      wanted = wanted.next_sibling();
    }
    return;
  }
  std::vector<pugi::xml_node> old(element.begin(), element.end());
  std::map<std::string, std::vector<std::size_t>> by_identity;  // In reverse: the next one is last.
  for (std::size_t i = old.size(); i-- > 0;) by_identity[identity(old[i])].push_back(i);

  struct Wanted {
    pugi::xml_node source, kept;
    bool moves = false;
  };
  std::vector<Wanted> wanted;
  std::vector<std::size_t> order, slot;
  std::vector<bool> keep(old.size(), false);
  for (const pugi::xml_node child : source.children()) {
    Wanted w{child, {}, false};
    if (const auto found = by_identity.find(identity(child));
        found != by_identity.end() && !found->second.empty()) {
      const std::size_t i = found->second.back();
      found->second.pop_back();
      keep[i] = true;
      order.push_back(i);
      slot.push_back(wanted.size());
      w.kept = old[i];
    }
    wanted.push_back(w);
  }
  const std::vector<bool> stays = longest_increasing(order);
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (stays[i]) continue;
    Wanted& w = wanted[slot[i]];
    w.moves = true;
    if (w.kept.type() == pugi::node_element) continue;
    keep[order[i]] = false;  // Comments have no name to be moved by: removed here, written there.
    w.kept = {};
  }
  // All removals come first: positions of comments are those of the old document.
  for (std::size_t i = 0; i < old.size(); ++i)
    if (!keep[i]) remove(old[i]);
  pugi::xml_node last;
  for (const Wanted& w : wanted) {
    const pugi::xml_node next = last ? last.next_sibling() : element.first_child();
    if (!w.kept) {
      last = insert(element, next, w.source);
    } else {
      if (w.moves) move(w.kept, next);
      last = w.kept;
    }
  }
  for (const Wanted& w : wanted)
    if (w.kept && w.kept.type() == pugi::node_element) become(w.kept, w.source);
}

std::string diff(const Document& before, const Document& after, bool with_version) {
  Document copy = before.clone();
  Edit edit(copy);
  edit.become(edit.root(), after.root());
  const Version from = before.version(), to = after.version();
  return edit.patch(with_version ? &from : nullptr, with_version ? &to : nullptr);
}

}  // namespace systole::cib
