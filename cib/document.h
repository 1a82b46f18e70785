// Document: one CIB, an XML tree with a version triple. A value: copies are deep, and explicit by clone().
//
// Holds the elements and attributes in the order in which they were written; comments are kept. XML that is
// not well-formed, holds a DTD, is nested deeper than 200 elements or larger than 64 MiB is refused.
#pragma once

#include <compare>
#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace systole::cib {

// admin_epoch.epoch.num_updates: an administrator's override, configuration changes, all changes.
struct Version {
  std::uint64_t admin_epoch = 0, epoch = 0, num_updates = 0;
  auto operator<=>(const Version&) const = default;
};
std::string to_string(const Version& v);  // "0.12.3"

class Document {
 public:
  // Error: kParse, with line and column.
  static Result<Document> parse(std::string_view xml);
  // An empty CIB: all sections there, version 0.0.0, our newest schema.
  static Document empty();

  Document(Document&&) noexcept = default;
  Document& operator=(Document&&) noexcept = default;
  Document clone() const;

  pugi::xml_node root() const;  // <cib>
  pugi::xml_node section(
      std::string_view name) const;  // "configuration", "resources", "status", "cib"…; or null.
  Version version() const;
  void set_version(const Version& v);

  std::string serialize(bool pretty = false) const;
  // SHA-256, hex, of the configuration and status in canonical form (independent of white space between
  // elements, not of order). Two replicas at one version have one digest.
  std::string digest() const;

 private:
  Document() = default;
  pugi::xml_document xml_;
};

std::string to_xml(pugi::xml_node node, bool pretty = false);  // One element with its subtree.

}  // namespace systole::cib
