// Applying a patch of format 2. Deletions and changed attributes take effect in the order given; insertions
// and moves wait until then and go to their places in ascending order, since positions are those of the
// result.
#include <algorithm>
#include <charconv>
#include <cstring>
#include <set>

#include "cib/ops_detail.h"
#include "cib/path.h"

namespace systole::cib {
namespace {

struct Placing {
  pugi::xml_node node;  // To insert (of the patch) or to move (of the document).
  std::string parent;   // Path, for an insertion.
  std::size_t position = 0;
  bool insertion = false;
};

class Patcher {
 public:
  explicit Patcher(Edit& edit) : edit_(edit) {}

  Result<void> change(pugi::xml_node change) {
    const std::string_view operation = change.attribute("operation").value();
    const std::string path = change.attribute("path").value();
    if (operation == "delete") return remove(path, change.attribute("position"));
    if (operation == "modify") return modify(path, change);
    if (operation == "create") {
      const pugi::xml_node node = change.first_child();
      if (!node)
        return fail(Errc::kParse, "the patch creates nothing below {}: the element is missing", path);
      placings_.push_back({node, path, position(change), true});
      return {};
    }
    if (operation == "move") {
      auto node = find(path, "move");
      if (!node) return fail(std::move(node.error()));
      if (*node == edit_.root()) return fail(Errc::kInvalidArgument, "the patch moves the root element");
      placings_.push_back({*node, {}, position(change), false});
      waiting_.insert(node->internal_object());
      return {};
    }
    return fail(Errc::kUnsupported, "the patch has an unknown operation '{}' at {}", operation, path);
  }

  Result<void> place_all() {
    std::stable_sort(placings_.begin(), placings_.end(),
                     [](const Placing& a, const Placing& b) { return a.position < b.position; });
    for (const Placing& p : placings_)
      if (auto ok = p.insertion ? insert(p) : move(p); !ok) return ok;
    return {};
  }

 private:
  static std::size_t position(pugi::xml_node change) {
    const std::string_view text = change.attribute("position").value();
    std::size_t value = static_cast<std::size_t>(-1);
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }

  Result<pugi::xml_node> find(const std::string& path, const char* what) {
    auto found = edit_.find(path, 1);
    if (!found) return fail(std::move(found.error()));
    if (found->empty() || !edit_.root() || path.empty())
      return fail(Errc::kNotFound,
                  "the patch is to {} {}, which is not in the CIB: it was made for another one", what, path);
    return (*found)[0];
  }

  // The child at `position` when those that still wait for their move are not counted.
  pugi::xml_node child_at(pugi::xml_node parent, std::size_t position) const {
    for (const pugi::xml_node child : parent.children()) {
      if (waiting_.contains(child.internal_object())) continue;
      if (position-- == 0) return child;
    }
    return {};
  }

  Result<void> remove(std::string path, pugi::xml_attribute place) {
    const std::size_t slash = path.rfind('/');
    const std::string last = slash == std::string::npos ? path : path.substr(slash + 1);
    const bool nameless = place && (last == "comment" || last == "text");
    if (nameless) path.resize(slash);
    auto found = edit_.find(path, 1);
    if (!found) return fail(std::move(found.error()));
    if (found->empty()) return {};  // Gone already.
    pugi::xml_node node = (*found)[0];
    if (nameless) {
      const auto type = last == "comment" ? pugi::node_comment : pugi::node_pcdata;
      std::size_t position = 0;
      const std::string_view text = place.value();
      std::from_chars(text.data(), text.data() + text.size(), position);
      node = child_at(node, position);
      if (!node || node.type() != type) return {};
    }
    if (node == edit_.root()) return fail(Errc::kInvalidArgument, "the patch deletes the root element");
    edit_.remove(node);
    return {};
  }

  Result<void> modify(const std::string& path, pugi::xml_node change) {
    auto node = find(path, "modify");
    if (!node) return fail(std::move(node.error()));
    const bool root = *node == edit_.root();
    for (const pugi::xml_node a : change.child("change-list").children("change-attr")) {
      const std::string name = a.attribute("name").value();
      if (name.empty())
        return fail(Errc::kParse, "the patch changes an attribute without a name at {}", path);
      if (root && classify_root_attribute(name) == RootAttribute::kVersion) continue;  // <version> says it.
      const std::string_view operation = a.attribute("operation").value();
      if (operation == "set")
        edit_.set(*node, name, a.attribute("value").value());
      else if (operation == "unset")
        edit_.unset(*node, name);
      else
        return fail(Errc::kUnsupported, "the patch has an unknown change '{}' of {} at {}", operation, name,
                    path);
    }
    return {};
  }

  Result<void> insert(const Placing& p) {
    auto parent = find(p.parent, "add to");
    if (!parent) return fail(std::move(parent.error()));
    const pugi::xml_node place = child_at(*parent, p.position);
    if (p.node.type() != pugi::node_element) {
      const bool there =
          place && place.type() == p.node.type() && std::strcmp(place.value(), p.node.value()) == 0;
      if (!there) edit_.insert(*parent, place, p.node);
      return {};
    }
    const pugi::xml_attribute id = p.node.attribute("id");
    if (!id && place && to_xml(place) == to_xml(p.node)) return {};  // Applied before.
    for (const pugi::xml_node child : parent->children(p.node.name())) {
      if (!id || std::strcmp(id.value(), child.attribute("id").value()) != 0) continue;
      if (to_xml(child) == to_xml(p.node)) return {};
      return fail(Errc::kExists, "the patch adds {} '{}' to {}, where another one with that id already is",
                  p.node.name(), id.value(), p.parent);
    }
    edit_.insert(*parent, place, p.node);
    return {};
  }

  Result<void> move(const Placing& p) {
    const pugi::xml_node place = child_at(p.node.parent(), p.position);
    waiting_.erase(p.node.internal_object());
    edit_.move(p.node, place);
    return {};
  }

  Edit& edit_;
  std::vector<Placing> placings_;
  std::set<const void*> waiting_;
};

}  // namespace

Result<std::optional<Version>> apply_patch(Edit& edit, std::string_view xml, bool force) {
  auto tree = parse_xml(xml);
  if (!tree) return fail(std::move(tree.error()));
  const pugi::xml_node diff = tree->document_element();
  if (std::strcmp(diff.name(), "diff") != 0)
    return fail(Errc::kParse, "a patch begins with <diff format=\"2\">, and this one with <{}>", diff.name());
  if (std::strcmp(diff.attribute("format").value(), "2") != 0)
    return fail(Errc::kUnsupported, "a patch of format '{}' cannot be applied: only 2 is known",
                diff.attribute("format").value());
  std::optional<Version> target;
  if (const pugi::xml_node version = diff.child("version")) {
    const Version source = version_of(version.child("source")), now = version_of(edit.root());
    if (source == now) target = version_of(version.child("target"));
    if (source != now && !force)
      return fail(Errc::kOld,
                  "the patch was made for version {}, and the CIB is at {}: make it anew, or use --force",
                  to_string(source), to_string(now));
  }
  Patcher patcher(edit);
  for (const pugi::xml_node change : diff.children("change"))
    if (auto ok = patcher.change(change); !ok) return fail(std::move(ok.error()));
  if (auto ok = patcher.place_all(); !ok) return fail(std::move(ok.error()));
  return target;
}

}  // namespace systole::cib
