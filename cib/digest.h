// Fingerprint: a digest of a tree that follows a change without reading the rest of the tree.
//
// Each node contributes one term: SHA-256 of the path to it (names and ids), of the name and id of the
// sibling before it, and of its own content. The terms are added up, so a change subtracts the old terms and
// adds the new ones. The siblings' terms chain them, which makes the order count. What it cannot tell apart
// are certain permutations of siblings that have the same name and no ids; a valid CIB has none but comments.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <pugixml.hpp>
#include <string>

namespace systole::cib {

struct Fingerprint {
  using Sum = std::array<std::uint64_t, 4>;
  Sum configuration{};
  Sum status{};             // With the root's attributes of this run: have-quorum, dc-uuid…
  std::uint64_t bytes = 0;  // About the length of the document as text.
  bool operator==(const Fingerprint&) const = default;

  std::string hex() const;                // SHA-256 of both sums.
  std::string configuration_hex() const;  // Of the first one.
};

// What an attribute of <cib> itself belongs to.
enum class RootAttribute { kVersion, kBookkeeping, kRuntime, kConfiguration };
RootAttribute classify_root_attribute(std::string_view name);

// Adds and subtracts terms. Not for two threads at once.
class Fingerprinter {
 public:
  Fingerprinter();
  ~Fingerprinter();
  void add(Fingerprint& to, pugi::xml_node node) { term(to, node, true); }  // One node.
  void subtract(Fingerprint& from, pugi::xml_node node) { term(from, node, false); }
  void add_tree(Fingerprint& to, pugi::xml_node node);
  void subtract_tree(Fingerprint& from, pugi::xml_node node);

 private:
  void term(Fingerprint& sum, pugi::xml_node node, bool add);
  void accumulate(Fingerprint::Sum& sum, bool add);
  struct Hash;
  std::unique_ptr<Hash> hash_;
  std::string buffer_;
};

}  // namespace systole::cib
