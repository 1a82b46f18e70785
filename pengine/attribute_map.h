// AttributeMap: names and values, sorted by name, in one piece of memory. There is one for each instance of
// each resource and for each action, with some ten entries: as a tree of nodes they were most of the engine's
// memory. The interface is the part of std::map's that is used. Adding and erasing move entries: views of
// values hold until then.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace systole::pengine::engine {

class AttributeMap {
 public:
  using value_type = std::pair<std::string, std::string>;
  using iterator = std::vector<value_type>::iterator;
  using const_iterator = std::vector<value_type>::const_iterator;

  AttributeMap() = default;
  AttributeMap(std::initializer_list<value_type> entries) {
    for (const auto& [name, value] : entries) emplace(name, value);
  }

  iterator begin() { return entries_.begin(); }
  iterator end() { return entries_.end(); }
  const_iterator begin() const { return entries_.begin(); }
  const_iterator end() const { return entries_.end(); }
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  void reserve(std::size_t size) { entries_.reserve(size); }

  const_iterator lower_bound(std::string_view name) const {
    return std::lower_bound(begin(), end(), name,
                            [](const value_type& entry, std::string_view n) { return entry.first < n; });
  }
  const_iterator find(std::string_view name) const {
    const auto at = lower_bound(name);
    return at != end() && at->first == name ? at : end();
  }
  iterator find(std::string_view name) {
    return entries_.begin() + (std::as_const(*this).find(name) - entries_.cbegin());
  }
  bool contains(std::string_view name) const { return find(name) != end(); }
  std::string& operator[](std::string_view name) { return emplace(name, std::string_view()).first->second; }
  // What is there already stays.
  template <class Value>
  std::pair<iterator, bool> emplace(std::string_view name, Value&& value) {
    const auto at = entries_.begin() + (lower_bound(name) - entries_.begin());
    if (at != end() && at->first == name) return {at, false};
    return {entries_.emplace(at, std::string(name), std::string(std::forward<Value>(value))), true};
  }
  iterator erase(const_iterator at) { return entries_.erase(at); }
  void erase(std::string_view name) {
    if (const auto at = find(name); at != end()) entries_.erase(at);
  }
  template <class Predicate>
  void erase_if(Predicate predicate) {
    std::erase_if(entries_, predicate);
  }
  // All entries, sorted by name; nothing is left.
  std::vector<value_type> release() { return std::move(entries_); }
  bool operator==(const AttributeMap&) const = default;

 private:
  std::vector<value_type> entries_;
};

}  // namespace systole::pengine::engine
