#include "controller/follower.h"

#include <algorithm>

#include "cib/ops.h"

namespace systole::controller {
namespace {

// The value of the last [@id='…'] of the last step called `element`; empty: there is no such step.
std::string_view id_in(std::string_view path, std::string_view element) {
  const std::string step = "/" + std::string(element) + "[@id='";
  const auto at = path.rfind(step);
  if (at == std::string_view::npos) return {};
  path.remove_prefix(at + step.size());
  return path.substr(0, path.find('\''));
}

bool within(std::string_view path, std::string_view section) {
  return path.find(section) != std::string_view::npos;
}

// Attributes of the root that say who wrote and when, and no more.
bool of_book_keeping(std::string_view name) {
  static constexpr std::string_view kNames[] = {"admin_epoch",      "epoch",         "num_updates",
                                                "cib-last-written", "update-origin", "update-client",
                                                "update-user"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

void collect_watched(pugi::xml_node node, std::set<std::string, std::less<>>& out) {
  for (const char* name : {"attribute", "score-attribute", "node-attribute"})
    if (const auto a = node.attribute(name)) out.insert(a.value());
  for (const auto child : node.children()) collect_watched(child, out);
}

}  // namespace

void Follower::take(cib::Document document) {
  document_ = std::move(document);
  changes_ = {};
}

Result<void> Follower::follow(std::string_view patch) {
  if (!changes_.anything) {
    auto tree = cib::parse_xml(patch);
    if (!tree) return fail(std::move(tree.error()));
    for (const auto change : tree->document_element().children("change")) note(change);
  }
  return cib::replay(*document_, patch);
}

void Follower::note(pugi::xml_node change) {
  const std::string_view path = change.attribute("path").value(),
                         operation = change.attribute("operation").value();
  if (path == "/cib" && operation == "modify") {
    for (const auto a : change.child("change-list").children("change-attr"))
      if (!of_book_keeping(a.attribute("name").value())) changes_.anything = true;
    return;
  }
  if (within(path, "/lrm_resources")) {
    std::string_view id = id_in(path, "lrm_resource");
    if (id.empty() && operation == "create") id = change.first_child().attribute("id").value();
    if (!id.empty()) {
      changes_.resources.emplace(id);
      return;
    }
  } else if (within(path, "/transient_attributes")) {
    // The patch names the attribute, but for one that goes.
    auto pair = operation == "create" ? change.first_child() : change.child("change-result").first_child();
    if (operation == "delete") pair = document_->root().select_node(std::string(path).c_str()).node();
    if (std::string_view(pair.name()) == "nvpair") return note_attribute(pair.attribute("name").value());
  }
  changes_.anything = true;
}

// A fail count or promotion score speaks of one resource; any other attribute may mean anything.
void Follower::note_attribute(std::string_view name) {
  if (!watched_.contains(name))
    for (const std::string_view prefix : {"fail-count-", "last-failure-", "master-"})
      if (name.starts_with(prefix)) {
        name.remove_prefix(prefix.size());
        changes_.resources.emplace(name.substr(0, name.find('#')));
        return;
      }
  changes_.anything = true;
}

pengine::Plan Follower::plan(const pengine::Options& options) {
  if (changes_.anything) {
    watched_.clear();
    collect_watched(document_->root().child("configuration"), watched_);
  }
  pengine::Plan plan = scheduler_.plan(*document_, changes_, options);
  changes_ = {.anything = false, .resources = {}};
  return plan;
}

}  // namespace systole::controller
