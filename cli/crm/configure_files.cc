#include "cli/crm/configure_files.h"

#include <algorithm>

#include "cli/crm/attributes.h"
#include "cli/crm/select.h"
#include "cli/crm/xml.h"
#include "cli/host.h"

namespace systole::crm {
namespace {

using std::string_view;

constexpr string_view kOwnProperties[] = {"dc-version", "cluster-infrastructure", "cluster-name",
                                          "have-watchdog"};

// An element of a CIB as objects: members first, then their container with placeholders for them.
void split_element(pugi::xml_node element, std::vector<Object>& objects) {
  const Kind* kind = kind_of(element);
  if (kind == nullptr) return;
  Object object{kind, std::make_unique<pugi::xml_document>()};
  auto copy = object.document->append_copy(element);
  if (kind->container && kind->keyword != "bundle")
    for (auto part : elements(copy)) {
      const Kind* inner = kind_of(part);
      if (inner == nullptr || !inner->resource) continue;
      auto member = copy.insert_child_before(kMember, part);
      set_attr(member, "id", attr(part, "id"));
      copy.remove_child(part);
    }
  if (kind->container && kind->keyword != "bundle")
    for (const auto part : elements(element)) split_element(part, objects);
  objects.push_back(std::move(object));
}

ReadObjects read_xml(string_view text) {
  ReadObjects read;
  pugi::xml_document document;
  const auto loaded = document.load_buffer(text.data(), text.size());
  if (!loaded) {
    read.errors.push_back(fmt::format("XML: {} at offset {}", loaded.description(), loaded.offset));
    return read;
  }
  auto configuration = document.document_element();
  if (name_of(configuration) == "cib") configuration = configuration.child("configuration");
  if (name_of(configuration) != "configuration") {
    read.errors.push_back("XML: a <cib> or <configuration> is expected");
    return read;
  }
  for (const auto section : elements(configuration)) {
    if (kind_of(section) != nullptr) split_element(section, read.objects);
    for (const auto element : elements(section)) split_element(element, read.objects);
  }
  return read;
}

bool named(const std::vector<Object>& objects, pugi::xml_node object) {
  return std::any_of(objects.begin(), objects.end(), [&](const Object& o) {
    return o.kind == kind_of(object) && object_id(o.node()) == object_id(object);
  });
}

// What the cluster keeps there itself stays when a set is replaced.
void keep_own_properties(const Configuration& before, Configuration& after) {
  auto set = after.find("cib-bootstrap-options");
  if (!set) return;
  auto used = ids_in(after.node());
  for (const auto name : kOwnProperties) {
    const std::string value(before.property(name));
    if (!value.empty() && after.property(name).empty()) set_nvpair(set, name, value, used);
  }
}

bool put_text(Shell& shell, string_view text, bool xml, Configuration::Put how,
              const std::vector<std::string>* only) {
  auto read = read_objects(text, xml);
  for (const auto& message : read.errors) shell.error(message);
  if (!read.errors.empty()) return shell.error("nothing was changed");
  auto copy = shell.working();
  if (!copy) return shell.error(copy.error());
  auto attempt = (*copy)->mine.clone();
  Configuration configuration(attempt.root());
  if (auto put = put_objects(configuration, read.objects, how, only); !put) {
    shell.error(put.error());
    return shell.error("nothing was changed");
  }
  keep_own_properties(Configuration((*copy)->mine.root()), configuration);
  (*copy)->mine = std::move(attempt);
  return true;
}

}  // namespace

ReadObjects read_objects(string_view text, bool xml) {
  if (xml) return read_xml(text);
  ReadObjects read;
  for (const auto& line : logical_lines(text)) {
    auto object = parse_statement(line.text);
    if (object)
      read.objects.push_back(std::move(*object));
    else
      read.errors.push_back(fmt::format("line {}: {}", line.number, object.error().message));
  }
  return read;
}

Result<void> put_objects(Configuration& configuration, const std::vector<Object>& objects,
                         Configuration::Put how, const std::vector<std::string>* only) {
  // Members stand before their containers, and what is left out goes last, when nothing needs it any more.
  std::vector<const Object*> order;
  for (const auto& object : objects) order.push_back(&object);
  std::stable_sort(order.begin(), order.end(),
                   [](auto a, auto b) { return a->kind->place < b->kind->place; });
  if (only != nullptr) {
    // A container that is left out frees its members before another takes them.
    std::vector<std::string> gone;
    for (const auto object : configuration.objects()) {
      const Kind* kind = kind_of(object);
      const bool wanted = std::find(only->begin(), only->end(), object_id(object)) != only->end();
      if (kind->container && wanted && !named(objects, object)) gone.push_back(object_id(object));
    }
    if (auto removed = configuration.remove(gone); !removed) return fail(removed.error());
  }
  for (const auto* object : order)
    if (auto put = configuration.put(*object, how); !put) return put;
  if (only == nullptr) return {};
  std::vector<std::string> gone;
  for (const auto object : configuration.objects()) {
    const bool wanted = std::find(only->begin(), only->end(), object_id(object)) != only->end();
    if (wanted && !named(objects, object)) gone.push_back(object_id(object));
  }
  auto removed = configuration.remove(gone);
  if (!removed) return fail(removed.error());
  return {};
}

bool run_load(Shell& shell, const Invocation& call) {
  Words args = call.args;
  const bool xml = !args.empty() && args[0] == "xml";
  if (xml) args.erase(args.begin());
  if (args.size() != 2) return shell.usage(call);
  const std::string& method = args[0];
  if (method != "replace" && method != "update" && method != "push") return shell.usage(call);
  auto text = args[1] == "-" ? shell.context().console->input() : cli::read_file(args[1]);
  if (!text) return shell.error(text.error());
  if (method == "update") return put_text(shell, *text, xml, Configuration::Put::kUpdate, nullptr);
  auto copy = shell.working();
  if (!copy) return shell.error(copy.error());
  std::vector<std::string> all;
  for (const auto object : Configuration((*copy)->mine.root()).objects())
    if (name_of(object) != "node" && object_id(object) != "cib-bootstrap-options")
      all.push_back(object_id(object));
  return put_text(shell, *text, xml, Configuration::Put::kReplace, &all);
}

bool run_save(Shell& shell, const Invocation& call) {
  Words args = call.args;
  const bool xml = !args.empty() && args[0] == "xml";
  if (xml) args.erase(args.begin());
  if (args.empty()) return shell.usage(call);
  auto copy = shell.working();
  if (!copy) return shell.error(copy.error());
  auto selection = parse_selection(Words(args.begin() + 1, args.end()));
  selection.xml |= xml;
  auto text = show_selection(**copy, selection, shell.options().sort);
  if (!text) return shell.error(text.error());
  if (args[0] == "-") {
    shell.out(*text);
    return true;
  }
  auto written = cli::write_file(args[0], *text);
  return written ? true : shell.error(written.error());
}

bool run_edit(Shell& shell, const Invocation& call) {
  auto copy = shell.working();
  if (!copy) return shell.error(copy.error());
  const auto selection = parse_selection(call.args);
  auto objects = select_objects(**copy, selection, shell.options().sort);
  auto text = show_selection(**copy, selection, shell.options().sort);
  if (!objects) return shell.error(objects.error());
  if (!text) return shell.error(text.error());
  if (!shell.edit_text) return shell.error("edit needs a terminal or $EDITOR");
  std::vector<std::string> shown;
  for (const auto object : *objects) shown.push_back(object_id(object));
  for (;;) {
    auto edited = shell.edit_text(*text);
    if (!edited) return shell.error(edited.error());
    if (*edited == *text) return true;
    if (put_text(shell, *edited, selection.xml, Configuration::Put::kReplace, &shown)) return true;
    if (!shell.interactive || !shell.ask("Edit again")) return false;
    *text = *edited;
  }
}

}  // namespace systole::crm
