#include "cib/schema.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <unordered_map>

#include "cib/edit.h"
#include "cib/schema_grammar.h"
#include "cib/schema_types.h"

namespace systole::cib {
namespace {

constexpr std::size_t kMaxFindings = 100;
using Type = Grammar::Type;

std::string describe(pugi::xml_node element) {
  for (const char* name : {"id", "uname", "id-ref"})
    if (const pugi::xml_attribute a = element.attribute(name))
      return fmt::format("{} '{}'", element.name(), a.value());
  return fmt::format("<{}>", element.name());
}

// The line on which the element begins when the document is written with one element on a line.
int pretty_line(pugi::xml_node element) {
  int line = 1;
  const std::function<int(pugi::xml_node)> height = [&](pugi::xml_node node) {
    int lines = 1;
    for (const pugi::xml_node child : node.children()) lines += height(child);
    return lines + (lines > 1 ? 1 : 0);
  };
  for (; element.parent().type() == pugi::node_element; element = element.parent()) {
    ++line;
    for (pugi::xml_node before = element.previous_sibling(); before; before = before.previous_sibling())
      line += height(before);
  }
  return line;
}

bool in_status(pugi::xml_node node) {
  while (node.parent().parent().type() == pugi::node_element) node = node.parent();
  return std::strcmp(node.name(), "status") == 0;
}

template <typename Visit>
void walk(pugi::xml_node node, const Visit& visit) {
  visit(node);
  for (const pugi::xml_node child : node.children())
    if (child.type() == pugi::node_element) walk(child, visit);
}

class Validator {
 public:
  explicit Validator(pugi::xml_node root) : root_(root) {}

  std::vector<Finding> take() { return std::move(findings_); }

  // False: nothing more is asked of this document.
  bool check_schema() {
    const std::string_view name = root_.attribute("validate-with").value();
    if (name == "none") return false;
    if (!is_known_schema(name))
      report(root_,
             fmt::format("validate-with=\"{}\" names no schema that is known; use {}", name, kNewestSchema));
    return true;
  }

  // What even a document without a schema must have: one of each section.
  void check_sections() {
    for (const pugi::xml_node in : {root_, root_.child("configuration")})
      for (const pugi::xml_node child : in.children())
        if (child.type() == pugi::node_element && in.child(child.name()) != child)
          report(child, fmt::format("there is a second <{}>: put both into one", child.name()));
  }

  void check_tree(pugi::xml_node element) {
    if (findings_.size() >= kMaxFindings) return;
    check_element(element);
    if (element != root_ || !Grammar::find(element.name()))
      for (const pugi::xml_node child : element.children()) {
        if (child.type() == pugi::node_element) check_tree(child);
      }
  }

  // Its attributes and which children it has.
  void check_element(pugi::xml_node element) {
    if (element != root_ && in_status(element)) return check_status(element);
    const Grammar::Element* const grammar = Grammar::find(element.name());
    if (grammar == nullptr) return;  // Said of its parent.
    check_attributes(element, *grammar);
    check_children(element, *grammar);
    check_agent(element);
    check_rule(element);
  }

  // Ids that are wanted: each once, and there where somebody refers to it.
  void add_ids(pugi::xml_node tree) {
    walk(tree, [&](pugi::xml_node node) {
      const char* id = own_id(node);
      if (id != nullptr) wanted_.try_emplace(id);
    });
  }
  void add_references(pugi::xml_node node) {
    const Grammar::Element* const grammar = Grammar::find(node.name());
    if (grammar == nullptr) return;
    for (const pugi::xml_attribute a : node.attributes()) {
      const Grammar::Attribute* const known = grammar->attribute(a.name());
      if (known == nullptr || !Grammar::is_reference(known->type)) continue;
      references_.push_back({node, a, known->type});
      wanted_.try_emplace(without_instance(a.value()));
    }
  }
  void check_ids(const std::vector<pugi::xml_node>& removed);

 private:
  struct Definition {
    std::vector<pugi::xml_node> elements;
    bool reported = false;
  };
  struct Reference {
    pugi::xml_node element;
    pugi::xml_attribute attribute;
    Type type;
  };

  void report(pugi::xml_node element, std::string message, bool reference = false) {
    if (findings_.size() >= kMaxFindings) return;
    Finding finding;
    finding.reference = reference;
    finding.line = pretty_line(element);
    finding.message = std::move(message);
    findings_.push_back(std::move(finding));
  }

  // The id by which others may refer to the element; null when its `id` is a name or a reference.
  static const char* own_id(pugi::xml_node node) {
    const pugi::xml_attribute id = node.attribute("id");
    if (!id) return nullptr;
    const Grammar::Element* const grammar = Grammar::find(node.name());
    const Grammar::Attribute* const known = grammar != nullptr ? grammar->attribute("id") : nullptr;
    return known != nullptr && known->type == Type::kId ? id.value() : nullptr;
  }

  // Sorts out most attributes at the cost of two characters: rsc, ref…, with-rsc, first, then, template, id,
  // id-ref.
  static bool may_refer(const char* name) {
    switch (name[0]) {
      case 'r':
        return name[1] == 's' || name[1] == 'e';
      case 'w':
        return true;
      case 'f':
        return name[1] == 'i';
      case 't':
        return name[1] == 'h' || name[1] == 'e';
      case 'i':
        return name[1] == 'd';
      default:
        return false;
    }
  }

  // "clone:0" is an instance of "clone".
  static std::string_view without_instance(std::string_view id) {
    const std::size_t colon = id.rfind(':');
    return colon == std::string_view::npos ? id : id.substr(0, colon);
  }

  void check_attributes(pugi::xml_node element, const Grammar::Element& grammar) {
    for (const pugi::xml_attribute a : element.attributes()) {
      const Grammar::Attribute* const known = grammar.attribute(a.name());
      if (known == nullptr) {
        if (!grammar.any_attribute && std::strchr(a.name(), ':') == nullptr)
          report(element, fmt::format("{}: the attribute {} is not known; known are {}", describe(element),
                                      a.name(), names_of(grammar)));
        continue;
      }
      if (const std::string wrong = type_error(*known, a.value()); !wrong.empty())
        report(element, fmt::format("{}: {}=\"{}\" {}", describe(element), a.name(), a.value(), wrong));
    }
    for (const Grammar::Attribute& a : grammar.attributes)
      if (a.required && !element.attribute(a.name.c_str()))
        report(element, fmt::format("{}: the attribute {} is missing", describe(element), a.name));
    check_one_of(element, grammar);
  }

  // "a b,c d": one of a and b, and one of c and d, as attribute or child.
  void check_one_of(pugi::xml_node element, const Grammar::Element& grammar) {
    std::string_view rest = grammar.one_of;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(','), rest.size());
      const std::string_view names = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      bool there = false;
      for_each_word(names, [&](const std::string& name) {
        there = there || element.attribute(name.c_str()) || element.child(name.c_str());
      });
      if (!there)
        report(element, fmt::format("{}: one of these must be there: {}", describe(element), names));
    }
  }

  void check_children(pugi::xml_node element, const Grammar::Element& grammar) {
    std::map<std::string_view, int> counts;
    for (const pugi::xml_node child : element.children()) {
      if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata)
        report(element, fmt::format("{}: text is not allowed in it: \"{}\"", describe(element),
                                    std::string_view(child.value()).substr(0, 40)));
      if (child.type() != pugi::node_element) continue;
      const Grammar::Child* const known = grammar.child(child.name());
      if (known == nullptr) {
        report(child, fmt::format("{}: there is no <{}> in {}; known are {}", describe(element), child.name(),
                                  grammar.name, children_of(grammar)));
        continue;
      }
      if (++counts[known->name] == 2 && !known->several)
        report(child, fmt::format("{}: only one <{}> may be in it", describe(element), child.name()));
    }
    for (const Grammar::Child& c : grammar.children)
      if (c.required && counts[c.name] == 0)
        report(element, fmt::format("{}: <{}> is missing in it", describe(element), c.name));
    if (grammar.one_child_of.empty()) return;
    int of_these = 0;
    for_each_word(grammar.one_child_of, [&](const std::string& name) { of_these += counts[name]; });
    if (of_these != 1)
      report(element, fmt::format("{}: exactly one of these must be in it: {}", describe(element),
                                  grammar.one_child_of));
  }

  // What the table cannot say: an agent is class, type and, for OCF, provider.
  void check_agent(pugi::xml_node element) {
    if (!element.attribute("class")) return;
    const std::string_view name = element.name();
    if (name != "primitive" && name != "template") return;
    if (!element.attribute("type") && !element.attribute("template"))
      report(element, fmt::format("{}: the attribute type is missing: the agent's name", describe(element)));
    const bool ocf = std::strcmp(element.attribute("class").value(), "ocf") == 0;
    if (ocf && !element.attribute("provider"))
      report(element, fmt::format("{}: the attribute provider is missing, which agents of class ocf have "
                                  "(for example \"heartbeat\")",
                                  describe(element)));
  }

  // Nor that a rule which is not a reference has something to be true or false.
  void check_rule(pugi::xml_node element) {
    if (std::strcmp(element.name(), "rule") != 0 || element.attribute("id-ref")) return;
    for (const pugi::xml_node child : element.children())
      if (child.type() == pugi::node_element) return;
    report(element, fmt::format("{}: a rule needs an expression", describe(element)));
  }

  void check_status(pugi::xml_node element) {
    const std::string_view name = element.name();
    if ((name == "node_state" || name == "lrm_resource" || name == "ticket_state") &&
        !element.attribute("id"))
      report(element, fmt::format("{}: the attribute id is missing", describe(element)));
  }

  void check_reference(const Reference& r);

  pugi::xml_node root_;
  std::vector<Finding> findings_;
  std::unordered_map<std::string_view, Definition> wanted_;
  std::vector<Reference> references_;
};

bool is_resource(std::string_view name) {
  return name == "primitive" || name == "group" || name == "clone" || name == "master" || name == "bundle" ||
         name == "template" || name == "tag";
}

void Validator::check_reference(const Reference& r) {
  const std::string_view value = r.attribute.value();
  const auto at = wanted_.find(without_instance(value));
  bool found = false;
  if (at != wanted_.end())
    for (const pugi::xml_node element : at->second.elements) {
      const std::string_view name = element.name();
      found = found || r.type == Type::kAny || (r.type == Type::kResource && is_resource(name)) ||
              (r.type == Type::kTemplate && name == "template") ||
              (r.type == Type::kAclRole && name == "acl_role") ||
              (r.type == Type::kSame && name == r.element.name());
    }
  if (found) return;
  const char* const what = r.type == Type::kResource   ? "resource"
                           : r.type == Type::kTemplate ? "template"
                           : r.type == Type::kAclRole  ? "ACL role"
                           : r.type == Type::kSame     ? r.element.name()
                                                       : "object";
  report(
      r.element,
      fmt::format(
          "{} of {}: {}=\"{}\" names a {} that is not configured; configure it first, or remove or correct "
          "this",
          describe(r.element), r.element.parent().name(), r.attribute.name(), value, what),
      true);
}

// One look through the configuration for what is wanted, and a second one for references to what is gone.
void Validator::check_ids(const std::vector<pugi::xml_node>& removed) {
  std::vector<std::string_view> gone;
  for (const pugi::xml_node tree : removed)
    walk(tree, [&](pugi::xml_node node) {
      if (const char* id = own_id(node)) {
        gone.emplace_back(id);
        wanted_.try_emplace(id);
      }
    });
  if (wanted_.empty()) return;
  const pugi::xml_node configuration = root_.child("configuration");
  walk(configuration, [&](pugi::xml_node node) {
    const pugi::xml_attribute id = node.attribute("id");
    if (!id) return;
    const auto at = wanted_.find(std::string_view(id.value()));
    if (at == wanted_.end() || own_id(node) == nullptr) return;
    Definition& definition = at->second;
    definition.elements.push_back(node);
    if (definition.elements.size() != 2) return;
    report(node, fmt::format("the id '{}' is there twice, in a {} and a {}: choose another for one of them",
                             id.value(), definition.elements[0].name(), node.name()));
  });
  std::erase_if(gone, [&](std::string_view id) { return !wanted_.at(id).elements.empty(); });
  if (!gone.empty()) {
    references_.clear();
    std::sort(gone.begin(), gone.end());
    const auto is_gone = [&](std::string_view id) {
      return std::binary_search(gone.begin(), gone.end(), id);
    };
    walk(configuration, [&](pugi::xml_node node) {
      for (const pugi::xml_attribute a : node.attributes()) {
        if (!may_refer(a.name()) || !is_gone(without_instance(a.value()))) continue;
        const Grammar::Element* const grammar = Grammar::find(node.name());
        const Grammar::Attribute* const known = grammar != nullptr ? grammar->attribute(a.name()) : nullptr;
        if (known != nullptr && Grammar::is_reference(known->type)) check_reference({node, a, known->type});
      }
    });
  }
  for (const Reference& r : references_) check_reference(r);
}

}  // namespace

int schema_rank(std::string_view name) {
  if (name == "pacemaker-next") return 1 << 20;
  if (!is_known_schema(name) || !name.starts_with("pacemaker-")) return -1;
  int minor = 0;
  for (const char c : name.substr(12)) minor = minor * 10 + (c - '0');
  return (name[10] - '0') * 1000 + minor;
}

bool is_known_schema(std::string_view name) {
  if (name == "none" || name == "pacemaker-next" || name == "transitional-0.6") return true;
  if (!name.starts_with("pacemaker-")) return false;
  name.remove_prefix(10);
  return name.size() >= 3 && name[0] >= '0' && name[0] <= '4' && name[1] == '.' && name.size() <= 4 &&
         std::all_of(name.begin() + 2, name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

namespace {

std::vector<Finding> validate_all(pugi::xml_node root) {
  Validator validator(root);
  validator.check_sections();
  if (!validator.check_schema()) return validator.take();
  validator.check_element(root);
  const pugi::xml_node configuration = root.child("configuration");
  validator.check_tree(configuration);
  for (const pugi::xml_node child : root.child("status").children()) validator.check_tree(child);
  validator.add_ids(configuration);
  walk(configuration, [&](pugi::xml_node node) { validator.add_references(node); });
  validator.check_ids({});
  return validator.take();
}

}  // namespace

std::vector<Finding> validate(const Document& document) { return validate_all(document.root()); }

std::vector<Finding> validate(const Edit& edit) {
  const pugi::xml_node root = edit.root();
  if (edit.schema()) return validate_all(root);
  Validator validator(root);
  if (edit.configuration()) validator.check_sections();
  if (!validator.check_schema()) return validator.take();
  for (const pugi::xml_node element : edit.changed()) {
    validator.check_element(element);
    if (element != root && !in_status(element)) validator.add_references(element);
  }
  for (const pugi::xml_node tree : edit.inserted()) {
    validator.check_tree(tree);
    if (in_status(tree)) continue;
    validator.add_ids(tree);
    walk(tree, [&](pugi::xml_node node) { validator.add_references(node); });
  }
  if (edit.configuration()) validator.check_ids(edit.removed());
  return validator.take();
}

}  // namespace systole::cib
