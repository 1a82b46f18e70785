// Configuration: edits on the <configuration> of a CIB, object by object. Works in place on a tree that
// somebody else owns (the shell's working copy); an edit is done whole or not at all. Pure.
#pragma once

#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/crm/parse.h"

namespace systole::crm {

class Configuration {
 public:
  explicit Configuration(pugi::xml_node cib) : cib_(cib) {}

  pugi::xml_node cib() const { return cib_; }
  pugi::xml_node node() const { return cib_.child("configuration"); }
  pugi::xml_node section(std::string_view name) const;  // Below <configuration>; null when missing.
  pugi::xml_node make_section(std::string_view name);

  // Every object, members of containers too, in the order of `show`: by kind, then by id (numbers within ids
  // as numbers).
  std::vector<pugi::xml_node> objects() const;
  // By id; nodes also by name; "fencing_topology". Null when there is none.
  pugi::xml_node find(std::string_view id) const;
  pugi::xml_node find_resource(std::string_view id) const;
  pugi::xml_node find_node(std::string_view name) const;
  std::vector<pugi::xml_node> resources() const;  // Top ones.
  // A cluster property's value in any set; empty when not set.
  std::string_view property(std::string_view name) const;

  enum class Put {
    kCreate,   // What is there stays: kExists. Attribute sets and nodes are merged.
    kUpdate,   // What is there is replaced. Attribute sets and nodes are merged.
    kReplace,  // Everything is replaced.
  };
  // Places the object; its members are moved into it. kExists, kNotFound (a member), kInvalidConfig (a member
  // that is another container's, an id used by something else).
  Result<void> put(const Object& object, Put how);

  // Removes objects with everything that hangs on them: constraints that name them, their places in sets,
  // tags and topology, containers that become empty. Members of a removed container are freed. Says what went
  // besides. kNotFound; kInvalidConfig for a template that is used.
  Result<std::vector<std::string>> remove(const std::vector<std::string>& ids);
  // Everywhere where the id is named. kNotFound, kExists.
  Result<void> rename(std::string_view from, std::string_view to);
  // crmsh's modgroup: `anchor` empty: at the end. kNotFound, kInvalidConfig.
  Result<void> add_to_group(std::string_view group, std::string_view id, std::string_view anchor, bool after);
  Result<void> remove_from_group(std::string_view group, std::string_view id);
  // All but nodes and, kept by the cluster itself, its own properties (dc-version…).
  void erase(bool nodes_too);

 private:
  Result<void> put_attribute_set(const Object& object, Put how);
  Result<void> put_node(const Object& object, Put how);
  Result<void> put_topology(const Object& object);
  Result<void> put_object(const Object& object, Put how);
  Result<void> check_members(pugi::xml_node fresh, pugi::xml_node old) const;
  void take_members(pugi::xml_node fresh, pugi::xml_node old);
  void make_ids_unique(pugi::xml_node fresh, pugi::xml_node old);
  void remove_object(pugi::xml_node object, std::vector<std::string>& also);
  void remove_references(std::string_view id, std::vector<std::string>& also);

  pugi::xml_node cib_;
};

// "order:o1" for messages.
std::string describe(pugi::xml_node object);
// The id an object goes by in the shell: a node's name, "fencing_topology", else its id.
std::string object_id(pugi::xml_node object);
// Constraints, tags, levels and templates that name `id`.
bool refers_to(pugi::xml_node object, std::string_view id);
// Names what points at nothing: constraints, tags and topology without their resource, unknown templates,
// id-refs without a target.
std::vector<std::string> dangling_references(const Configuration& configuration);
// Locations that name an unknown node: legal, and mostly a slip.
std::vector<std::string> unknown_nodes(const Configuration& configuration);
bool natural_less(std::string_view a, std::string_view b);  // "n2" before "n10".

}  // namespace systole::crm
