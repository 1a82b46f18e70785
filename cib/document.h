// Document: one CIB, an XML tree with a version triple. A value: copies are deep, and explicit by clone().
//
// Holds the elements and attributes in the order in which they were written; comments are kept. XML that is
// not well-formed, holds a DTD or entities of its own, is nested deeper than 200 elements or larger than 64
// MiB is refused.
#pragma once

#include <compare>
#include <optional>
#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "cib/digest.h"

namespace systole::cib {

inline constexpr std::size_t kMaxDocument = 64U << 20;  // Bytes of XML text.
inline constexpr int kMaxDepth = 200;                   // Elements, the root counting as one.

// admin_epoch.epoch.num_updates: an administrator's override, configuration changes, all changes.
struct Version {
  std::uint64_t admin_epoch = 0, epoch = 0, num_updates = 0;
  auto operator<=>(const Version&) const = default;
};
std::string to_string(const Version& v);     // "0.12.3"
Version version_of(pugi::xml_node element);  // From the three attributes; absent or no number: 0.

class Document {
 public:
  // Any XML with a root element named `cib`. Error: kParse, with line and column.
  static Result<Document> parse(std::string_view xml);
  // An empty CIB: all sections there, version 0.0.0, our newest schema.
  static Document empty();

  Document(Document&&) noexcept = default;
  Document& operator=(Document&&) noexcept = default;
  Document clone() const;  // Does not keep track of digests.

  pugi::xml_node root() const;  // <cib>
  pugi::xml_node section(
      std::string_view name) const;  // "configuration", "resources", "status", "cib"…; or null.
  Version version() const;
  void set_version(const Version& v);

  std::string serialize(bool pretty = false) const;
  // SHA-256, hex, over the configuration, status and root attributes except the version triple and who wrote
  // it: independent of white space between elements and of the order of attributes, not of the order of
  // elements. Two replicas at one version have one digest.
  std::string digest() const;
  std::string configuration_digest() const;  // The same without what is of this run: status, quorum, DC.

  // From now on the digests follow each apply() in constant time instead of being computed when asked for.
  // The tree must then be changed by apply() alone, not through root().
  void track_digest();

 private:
  friend class Edit;
  Document() = default;
  pugi::xml_document xml_;
  std::optional<Fingerprint> tracked_;
};

// The XML of an operation or patch: any root element, under the same limits. Error: kParse with line and
// column.
Result<pugi::xml_document> parse_xml(std::string_view xml);
std::string to_xml(pugi::xml_node node, bool pretty = false);  // One element with its subtree.

}  // namespace systole::cib
