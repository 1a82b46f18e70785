// Pacemaker's schema as a table: for each element its attributes with their types, and its children with how
// often they may come. The union of what pacemaker-1.0 to 4.0 know: an older document stays valid.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace systole::cib {

struct Grammar {
  enum class Type {
    kText,
    kNonEmpty,
    kId,  // Unique in the configuration, an NCName.
    kInteger,
    kUnsigned,
    kScore,
    kBoolean,
    kRole,
    kEnum,
    // References:
    kResource,  // To a resource, or a tag.
    kTemplate,
    kAclRole,
    kSame,  // To an element of the same name.
    kAny,
  };
  struct Attribute {
    std::string name;
    Type type = Type::kText;
    bool required = false;
    std::vector<std::string> values;  // kEnum.
  };
  struct Child {
    std::string name;
    bool required = false, several = false;
  };
  struct Element {
    std::string name;
    std::vector<Attribute> attributes;
    std::vector<Child> children;
    bool any_attribute = false;
    std::string one_of;        // "id id-ref": one of these attributes must be there.
    std::string one_child_of;  // Exactly one child of these names.
    const Attribute* attribute(std::string_view name) const;
    const Child* child(std::string_view name) const;
  };
  // Null: no such element.
  static const Element* find(std::string_view name);
  static bool is_reference(Type type) { return type >= Type::kResource; }
};

}  // namespace systole::cib
