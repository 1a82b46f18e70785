// AttributeMap: names and values, sorted by name, in one piece of memory, which copies share until one of
// them is changed. There is one for each instance of each resource and for each action, with some ten
// entries: as a tree of nodes, and with copies that share nothing, they were most of the engine's memory. The
// interface is the part of std::map's that is used, for reading. Adding and erasing move entries: views of
// values hold until then.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace systole::pengine::engine {

class AttributeMap {
 public:
  using value_type = std::pair<std::string, std::string>;
  using const_iterator = std::vector<value_type>::const_iterator;

  AttributeMap() = default;
  AttributeMap(std::initializer_list<value_type> entries) {
    for (const auto& [name, value] : entries) emplace(name, value);
  }

  const_iterator begin() const { return entries().begin(); }
  const_iterator end() const { return entries().end(); }
  bool empty() const { return entries().empty(); }
  std::size_t size() const { return entries().size(); }
  void reserve(std::size_t size) { own().reserve(size); }

  const_iterator lower_bound(std::string_view name) const {
    return std::lower_bound(begin(), end(), name,
                            [](const value_type& entry, std::string_view n) { return entry.first < n; });
  }
  const_iterator find(std::string_view name) const {
    const auto at = lower_bound(name);
    return at != end() && at->first == name ? at : end();
  }
  bool contains(std::string_view name) const { return find(name) != end(); }
  std::string& operator[](std::string_view name) {
    const auto place = add(name, std::string_view()).first;
    return own()[place].second;
  }
  // What is there already stays. True when it was not.
  template <class Value>
  bool emplace(std::string_view name, Value&& value) {
    return add(name, std::forward<Value>(value)).second;
  }
  void erase(std::string_view name) {
    const auto at = find(name);
    if (at == end()) return;
    const auto place = at - begin();
    auto& list = own();
    list.erase(list.begin() + place);
  }
  template <class Predicate>
  void erase_if(Predicate predicate) {
    if (std::any_of(begin(), end(), predicate)) std::erase_if(own(), predicate);
  }
  // All entries, sorted by name; nothing is left.
  std::vector<value_type> release() { return entries_ ? std::move(own()) : std::vector<value_type>{}; }
  bool operator==(const AttributeMap& other) const { return entries() == other.entries(); }

 private:
  using Entries = std::vector<value_type>;

  const Entries& entries() const {
    static const Entries kNone;
    return entries_ ? *entries_ : kNone;
  }
  Entries& own() {
    if (!entries_)
      entries_ = std::make_shared<Entries>();
    else if (entries_.use_count() > 1)
      entries_ = std::make_shared<Entries>(*entries_);
    return *entries_;
  }
  // The entry's place, and whether it is new.
  template <class Value>
  std::pair<std::size_t, bool> add(std::string_view name, Value&& value) {
    const auto at = lower_bound(name);
    const auto place = at - begin();
    if (at != end() && at->first == name) return {static_cast<std::size_t>(place), false};
    auto& list = own();
    list.emplace(list.begin() + place, std::string(name), std::string(std::forward<Value>(value)));
    return {static_cast<std::size_t>(place), true};
  }

  std::shared_ptr<Entries> entries_;
};

}  // namespace systole::pengine::engine
