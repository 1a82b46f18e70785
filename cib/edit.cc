#include "cib/edit.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/check.h"
#include "cib/path.h"

namespace systole::cib {
namespace {

const void* key(pugi::xml_node node) { return node.internal_object(); }

bool is_root(pugi::xml_node node) { return node.parent().type() == pugi::node_document; }

}  // namespace

Edit::Edit(Document& document) : document_(document), requested_version_(document.version()) {
  fingerprint_before_ = document_.tracked_;
  if (fingerprint_before_) fingerprinter_.emplace();
}

Edit::~Edit() {
  if (!committed_) {
    for (auto step = undo_.rbegin(); step != undo_.rend(); ++step) undo(*step);
    document_.tracked_ = fingerprint_before_;
  }
  if (graveyard_) document_.xml_.remove_child(graveyard_);
}

template <typename Step>
void Edit::around(std::initializer_list<pugi::xml_node> nodes, Step&& step) {
  if (!fingerprinter_) return step();
  std::vector<pugi::xml_node> affected;
  for (const pugi::xml_node node : nodes)
    if (node && std::find(affected.begin(), affected.end(), node) == affected.end()) affected.push_back(node);
  for (const pugi::xml_node node : affected) fingerprinter_->subtract(*document_.tracked_, node);
  step();
  for (const pugi::xml_node node : affected) fingerprinter_->add(*document_.tracked_, node);
}

void Edit::note_place(pugi::xml_node node) {
  if (is_root(node)) return;
  while (!is_root(node.parent())) node = node.parent();
  (std::strcmp(node.name(), "status") == 0 ? status_ : configuration_) = true;
}

bool Edit::within(pugi::xml_node node, const std::set<const void*>& roots) const {
  if (roots.empty()) return false;
  for (; node; node = node.parent())
    if (roots.contains(key(node))) return true;
  return false;
}

bool Edit::attached(pugi::xml_node node) const {
  while (node && !is_root(node)) node = node.parent();
  return node && node != graveyard_;
}

Result<std::vector<pugi::xml_node>> Edit::find(const std::string& path, std::size_t most) const {
  auto found = find_path(document_.xml_, path, graveyard_ ? static_cast<std::size_t>(-1) : most);
  if (!found || !graveyard_) return found;
  std::erase_if(*found, [this](pugi::xml_node node) { return !attached(node); });
  if (found->size() > most) found->resize(most);
  return found;
}

bool Edit::request_version(pugi::xml_node element, const std::string& name, const std::string& value) {
  if (!is_root(element) || classify_root_attribute(name) != RootAttribute::kVersion) return false;
  std::uint64_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  (name == "epoch"         ? requested_version_.epoch
   : name == "num_updates" ? requested_version_.num_updates
                           : requested_version_.admin_epoch) = number;
  return true;
}

void Edit::note_attribute(pugi::xml_node element, const std::string& name) {
  if (is_root(element)) {
    const RootAttribute kind = classify_root_attribute(name);
    configuration_ = configuration_ || kind == RootAttribute::kConfiguration;
    status_ = status_ || kind == RootAttribute::kRuntime;
  } else {
    note_place(element);
  }
  if (within(element, inserted_set_)) return;
  auto [known, fresh] = modification_of_.try_emplace(key(element), modifications_.size());
  if (fresh) {
    if (!is_unambiguous(element)) rewrite(element);
    modifications_.push_back({element, {}});
  }
  auto& old = modifications_[known->second].old;
  for (const auto& [noted, value] : old)
    if (noted == name) return;
  const pugi::xml_attribute a = element.attribute(name.c_str());
  old.emplace_back(name, a ? std::optional<std::string>(a.value()) : std::nullopt);
}

void Edit::set(pugi::xml_node element, const std::string& name, const std::string& value) {
  if (request_version(element, name, value)) return;
  pugi::xml_attribute a = element.attribute(name.c_str());
  if (a && value == a.value()) return;
  if (name == "id" && a && !is_root(element)) {  // Another id is another element.
    pugi::xml_document copy;
    copy.append_copy(element).attribute("id").set_value(value.c_str());
    insert(element.parent(), element, copy.first_child());
    return remove(element);
  }
  note_attribute(element, name);
  Undo step{Undo::Kind::kAttribute, element, {}, {}, name, std::nullopt, {}};
  if (a) step.old = a.value();
  undo_.push_back(std::move(step));
  const bool counts = !is_root(element) || classify_root_attribute(name) != RootAttribute::kBookkeeping;
  around({counts ? element : pugi::xml_node()}, [&] {
    if (!a) a = element.append_attribute(name.c_str());
    a.set_value(value.c_str());
  });
}

void Edit::unset(pugi::xml_node element, const std::string& name) {
  const pugi::xml_attribute a = element.attribute(name.c_str());
  if (!a || (is_root(element) && classify_root_attribute(name) == RootAttribute::kVersion)) return;
  note_attribute(element, name);
  undo_.push_back({Undo::Kind::kAttribute, element, {}, {}, name, a.value(), a.previous_attribute().name()});
  around({element}, [&] { element.remove_attribute(a); });
}

pugi::xml_node Edit::insert(pugi::xml_node parent, pugi::xml_node before, pugi::xml_node source) {
  pugi::xml_node node;
  around({before},
         [&] { node = before ? parent.insert_copy_before(source, before) : parent.append_copy(source); });
  if (fingerprinter_) fingerprinter_->add_tree(*document_.tracked_, node);
  note_place(node);
  undo_.push_back({Undo::Kind::kInsert, node, parent, {}, {}, {}, {}});
  parents_.push_back(parent);
  if (within(parent, inserted_set_)) return node;
  if (inserted_in_.insert(key(parent)).second && !is_unambiguous(parent)) rewrite(parent);
  inserted_.push_back(node);
  inserted_set_.insert(key(node));
  return node;
}

void Edit::note_deletion(pugi::xml_node node) {
  pugi::xml_node parent = node.parent();
  if (node.type() == pugi::node_element) {
    if (!is_unambiguous(node)) return rewrite(node);
    deletions_.push_back({path_of(node), std::nullopt, parent});
    return;
  }
  // A comment or text is named by its place, which must still be that of the document before this change.
  if (!is_unambiguous(parent) || moved_in_.contains(key(parent))) return rewrite(parent);
  std::size_t position = 0;
  for (const pugi::xml_node sibling : parent.children()) {
    if (sibling == node) break;
    position += inserted_set_.contains(key(sibling)) ? 0 : 1;
  }
  const char* const step = node.type() == pugi::node_comment ? "/comment" : "/text";
  deletions_.push_back({path_of(parent) + step, position, parent});
}

void Edit::remove(pugi::xml_node node) {
  check(!is_root(node), "the root is never removed");
  note_place(node);
  if (!within(node, inserted_set_)) note_deletion(node);
  if (!graveyard_) graveyard_ = document_.xml_.append_child("removed");
  if (fingerprinter_) fingerprinter_->subtract_tree(*document_.tracked_, node);
  parents_.push_back(node.parent());
  removed_.push_back(node);
  undo_.push_back({Undo::Kind::kDetach, node, node.parent(), node.previous_sibling(), {}, {}, {}});
  around({node.next_sibling()}, [&] { graveyard_.append_move(node); });
}

void Edit::move(pugi::xml_node node, pugi::xml_node before) {
  note_place(node);
  pugi::xml_node parent = node.parent();
  if (!within(parent, inserted_set_) && !inserted_set_.contains(key(node))) {
    if (!is_unambiguous(node)) rewrite(parent);
    moved_.push_back(node);
    moved_in_.insert(key(parent));
  }
  undo_.push_back({Undo::Kind::kDetach, node, parent, node.previous_sibling(), {}, {}, {}});
  if (node == before || node.next_sibling() == before) return;
  around({node, node.next_sibling(), before},
         [&] { before ? parent.insert_move_before(node, before) : parent.append_move(node); });
}

void Edit::rewrite(pugi::xml_node node) {
  while (!is_root(node) && !is_unambiguous(node)) node = node.parent();
  if (within(node, inserted_set_) || !rewritten_set_.insert(key(node)).second) return;
  rewritten_.push_back(node);
}

void Edit::undo(const Undo& step) {
  pugi::xml_node node = step.node, parent = step.parent;
  switch (step.kind) {
    case Undo::Kind::kInsert:
      parent.remove_child(node);
      return;
    case Undo::Kind::kDetach:
      if (step.before)
        parent.insert_move_after(node, step.before);
      else
        parent.prepend_move(node);
      return;
    case Undo::Kind::kAttribute:
      break;
  }
  pugi::xml_attribute a = node.attribute(step.name.c_str());
  if (!step.old) {
    node.remove_attribute(a);
    return;
  }
  const pugi::xml_attribute previous = node.attribute(step.after_attribute.c_str());
  if (!a && previous) a = node.insert_attribute_after(step.name.c_str(), previous);
  if (!a) a = node.prepend_attribute(step.name.c_str());
  a.set_value(step.old->c_str());
}

bool Edit::schema() const {
  const auto known = modification_of_.find(key(root()));
  if (known == modification_of_.end()) return false;
  const auto& old = modifications_[known->second].old;
  return std::any_of(old.begin(), old.end(), [](const auto& o) { return o.first == "validate-with"; });
}

std::vector<pugi::xml_node> Edit::inserted() const {
  std::vector<pugi::xml_node> out;
  for (const pugi::xml_node node : inserted_)
    if (attached(node)) out.push_back(node);
  return out;
}

std::vector<pugi::xml_node> Edit::changed() const {
  std::vector<pugi::xml_node> out;
  std::set<const void*> seen;
  const auto note = [&](pugi::xml_node node) {
    if (attached(node) && !within(node, inserted_set_) && seen.insert(key(node)).second) out.push_back(node);
  };
  for (const Modification& m : modifications_) note(m.element);
  for (const pugi::xml_node parent : parents_) note(parent);
  return out;
}

void Edit::commit(const Version& version) {
  document_.set_version(version);
  committed_ = true;
}

}  // namespace systole::cib
