// Edit: one change of a document. Every step is recorded, so that it can be undone, written as a patch,
// checked where it touched the document, and reflected in the digests, all at a cost that depends on the
// change and not on the document.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cib/document.h"

namespace systole::cib {

class Edit {
 public:
  explicit Edit(Document& document);
  ~Edit();  // Undoes everything unless commit() was called.
  Edit(const Edit&) = delete;
  Edit& operator=(const Edit&) = delete;

  pugi::xml_node root() const { return document_.root(); }
  // find_path() in what is now the document.
  Result<std::vector<pugi::xml_node>> find(const std::string& path, std::size_t most) const;

  // The version triple is not written by these: see requested_version().
  void set(pugi::xml_node element, const std::string& name, const std::string& value);
  void unset(pugi::xml_node element, const std::string& name);
  // A copy of `source` as a child of `parent`, before `before`; last when that is null.
  pugi::xml_node insert(pugi::xml_node parent, pugi::xml_node before, pugi::xml_node source);
  void remove(pugi::xml_node node);
  void move(pugi::xml_node node, pugi::xml_node before);  // Among its siblings.
  // Makes `element` what `source` is, by the smallest steps: children are the same when name and id are.
  void become(pugi::xml_node element, pugi::xml_node source);
  void become_attributes(pugi::xml_node element, pugi::xml_node source);

  bool configuration() const { return configuration_; }  // Changed so far?
  bool status() const { return status_; }
  // The triple as set() and unset() on the root would have made it.
  const Version& requested_version() const { return requested_version_; }

  bool schema() const;  // validate-with changed: the whole document has to be looked at.

  // What a check has to look at. Handles are valid until the next step.
  std::vector<pugi::xml_node> inserted() const;  // Roots of inserted trees that are still there.
  std::vector<pugi::xml_node> changed() const;   // Elements with other attributes or children than before.
  const std::vector<pugi::xml_node>& removed() const { return removed_; }  // No longer in the document.

  // `diff` format 2; empty when there is nothing to write. Without versions: no <version>.
  std::string patch(const Version* before, const Version* after) const;
  std::uint64_t bytes() const { return document_.tracked_ ? document_.tracked_->bytes : 0; }

  void commit(const Version& version);  // Stores the triple and keeps the change.

 private:
  struct Undo {
    enum class Kind { kAttribute, kInsert, kDetach } kind;
    pugi::xml_node node, parent, before;  // `before`: the sibling that stood before it.
    std::string name;
    std::optional<std::string> old;
    std::string after_attribute;  // The attribute that stood before a removed one.
  };
  struct Deletion {
    std::string path;
    std::optional<std::size_t> position;  // For comments and text.
    pugi::xml_node parent;
  };
  struct Modification {
    pugi::xml_node element;
    std::vector<std::pair<std::string, std::optional<std::string>>> old;  // First values.
  };

  void note_place(pugi::xml_node node);  // Configuration or status?
  void note_attribute(pugi::xml_node element, const std::string& name);
  void note_deletion(pugi::xml_node node);
  void rewrite(pugi::xml_node node);  // Patch the nearest ancestor that a path can name, as a whole.
  bool attached(pugi::xml_node node) const;
  bool within(pugi::xml_node node, const std::set<const void*>& roots) const;
  void undo(const Undo& step);
  bool request_version(pugi::xml_node element, const std::string& name, const std::string& value);
  void become_children(pugi::xml_node element, pugi::xml_node source);

  template <typename Step>
  void around(std::initializer_list<pugi::xml_node> nodes, Step&& step);  // Digest terms before and after.

  Document& document_;
  pugi::xml_node graveyard_;  // Beside the root, once something was removed.
  std::optional<Fingerprint> fingerprint_before_;
  std::optional<Fingerprinter> fingerprinter_;
  bool configuration_ = false, status_ = false, committed_ = false;
  Version requested_version_;

  std::vector<Undo> undo_;
  std::vector<Deletion> deletions_;
  std::vector<Modification> modifications_;
  std::map<const void*, std::size_t> modification_of_;
  std::vector<pugi::xml_node> inserted_, moved_, removed_, rewritten_, parents_;
  std::set<const void*> inserted_set_, rewritten_set_, moved_in_, inserted_in_;
};

}  // namespace systole::cib
