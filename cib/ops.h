// The operations of cibadmin, on a Document. Pure: same document and operation, same result, on every node.
#pragma once

#include <string>
#include <string_view>

#include "base/time.h"
#include "cib/document.h"

namespace systole::cib {

struct Op {
  enum class Kind {
    kQuery,
    kCreate,   // -C: the object must not be there (kExists).
    kModify,   // -M: merged into what is there; missing: kNotFound, unless allow_create.
    kReplace,  // -R: whole CIB (older version: kOld, unless force) or one section or object.
    kDelete,   // -D: the first element matching xpath, or the element with the given attributes. None: fine.
    kDeleteAll,  // --delete-all with xpath.
    kPatch,      // -P: a `diff` of format 2. With source versions it must fit, unless force (kOld).
    kUpgrade,    // To our newest schema. Already there: fine.
    kErase,      // -E: configuration and status emptied.
    kBump,       // -B: epoch + 1.
  };
  Kind kind = Kind::kQuery;
  std::string section;  // -o; empty: the whole CIB, or the place that the element's name implies.
  std::string xpath;    // --xpath (XPath 1.0); empty: none.
  std::string xml;      // The element or patch; unused by query, delete by xpath, upgrade, erase and bump.
  bool allow_create = false;
  bool force = false;
  // Replacing the whole CIB and erasing leave <status> as it is: on a live cluster it is what is known of
  // running resources. Replica::submit sets it.
  bool keep_status = false;
  std::string
      quorum_view;  // cib/@update-quorum of a configuration change: set by Replica, never by a caller.
  bool no_children = false;  // Query: attributes only.
  bool node_path = false;    // Query by xpath: the paths of what matches, one a line.
  std::string user;          // Who, for ACL and the journal: "root", "hacluster"…
  std::string client;        // With which program: "cibadmin", "crm"…
  std::string origin;        // Node name; cib/@update-origin.
  WallTime when{};           // cib/@cib-last-written. Set by the submitting node, so that replicas agree.
};

struct Applied {
  std::string answer;  // Query: the XML; else empty.
  bool changed_configuration = false;
  bool changed_status = false;
  std::string patch;  // `diff` format 2 with versions, from before to after; empty when nothing changed.
};

// Applies to `document`, or leaves it as it was. A change of the configuration raises epoch and sets
// num_updates to 0; one of the status alone raises num_updates. The result is valid against its schema
// (kInvalidConfig otherwise, with the reasons in words): what the operation touched is checked, so an old
// fault elsewhere does not block it. Cost: of what is touched and of finding it, when the document tracks its
// digest.
Result<Applied> apply(Document& document, const Op& op);

// Brings `document` from one journaled version to the next: `patch` must fit its version, except num_updates
// (status changes are not journaled). Not checked against the schema. Errors: kParse, kOld, kNotFound,
// kExists.
Result<void> replay(Document& document, std::string_view patch);

// The patch (format 2) that makes `after` of `before`; empty when they are equal. `with_version` adds
// <version>. Cost: linear in the documents.
std::string diff(const Document& before, const Document& after, bool with_version);

}  // namespace systole::cib
