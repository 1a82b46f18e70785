#include "cib/digest.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "base/sha256.h"

namespace systole::cib {
namespace {

void append_step(std::string& out, pugi::xml_node node) {
  out += node.type() == pugi::node_element ? node.name() : "#";
  if (const pugi::xml_attribute id = node.attribute("id")) {
    out += '\x01';
    out += id.value();
  }
  out += '\x02';
}

void append_path(std::string& out, pugi::xml_node node) {
  pugi::xml_node chain[256];
  std::size_t depth = 0;
  for (; node && node.type() == pugi::node_element && depth < std::size(chain); node = node.parent())
    chain[depth++] = node;
  while (depth > 0) append_step(out, chain[--depth]);
}

void append_attributes(std::string& out, std::vector<std::pair<const char*, const char*>>& attributes) {
  std::sort(attributes.begin(), attributes.end(),
            [](const auto& a, const auto& b) { return std::strcmp(a.first, b.first) < 0; });
  for (const auto& [name, value] : attributes) {
    out += name;
    out += '\x01';
    out += value;
    out += '\x02';
  }
}

// Whether the node lies in <status>; the root itself does not.
bool in_status(pugi::xml_node node) {
  pugi::xml_node below_root = node;
  while (below_root.parent() && below_root.parent().parent().type() == pugi::node_element)
    below_root = below_root.parent();
  return std::strcmp(below_root.name(), "status") == 0;
}

bool is_root(pugi::xml_node node) { return node.parent().type() == pugi::node_document; }

std::string hash_sums(std::initializer_list<Fingerprint::Sum> sums) {
  std::string bytes;
  for (const Fingerprint::Sum& sum : sums)
    for (const std::uint64_t word : sum)
      for (unsigned shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(word >> shift);
  Sha256 sha;
  sha.add(std::string_view(bytes));
  return hex(sha.finish());
}

}  // namespace

std::string Fingerprint::hex() const { return hash_sums({configuration, status}); }
std::string Fingerprint::configuration_hex() const { return hash_sums({configuration}); }

RootAttribute classify_root_attribute(std::string_view name) {
  if (name == "admin_epoch" || name == "epoch" || name == "num_updates") return RootAttribute::kVersion;
  if (name == "cib-last-written" || name.starts_with("update-")) return RootAttribute::kBookkeeping;
  if (name == "have-quorum" || name == "dc-uuid" || name == "no-quorum-panic" || name == "execution-date")
    return RootAttribute::kRuntime;
  return RootAttribute::kConfiguration;
}

struct Fingerprinter::Hash {
  Sha256 sha;
};

Fingerprinter::Fingerprinter() : hash_(std::make_unique<Hash>()) {}
Fingerprinter::~Fingerprinter() = default;

void Fingerprinter::accumulate(Fingerprint::Sum& sum, bool add) {
  hash_->sha.add(std::string_view(buffer_));
  const Sha256Sum out = hash_->sha.finish();
  for (std::size_t i = 0; i < sum.size(); ++i) {
    std::uint64_t word = 0;
    for (std::size_t b = 0; b < 8; ++b) word |= std::uint64_t{out[i * 8 + b]} << (8 * b);
    sum[i] = add ? sum[i] + word : sum[i] - word;
  }
}

void Fingerprinter::term(Fingerprint& fingerprint, pugi::xml_node node, bool add) {
  const bool root = is_root(node);
  std::vector<std::pair<const char*, const char*>> attributes, runtime;
  std::uint64_t bytes = 5 + 2 * std::strlen(node.name()) + std::strlen(node.value());
  for (const pugi::xml_attribute a : node.attributes()) {
    bytes += 4 + std::strlen(a.name()) + std::strlen(a.value());
    const RootAttribute kind = root ? classify_root_attribute(a.name()) : RootAttribute::kConfiguration;
    if (kind == RootAttribute::kConfiguration) attributes.emplace_back(a.name(), a.value());
    if (kind == RootAttribute::kRuntime) runtime.emplace_back(a.name(), a.value());
  }
  // The root's bookkeeping changes outside of the sum: its length is left out.
  if (!root) fingerprint.bytes = add ? fingerprint.bytes + bytes : fingerprint.bytes - bytes;

  buffer_.clear();
  append_path(buffer_, node.type() == pugi::node_element ? node : node.parent());
  buffer_ += '\x03';
  if (const pugi::xml_node before = node.previous_sibling(); before && !root) append_step(buffer_, before);
  buffer_ += '\x03';
  buffer_ += static_cast<char>('0' + node.type());
  buffer_ += node.value();
  const std::size_t common = buffer_.size();
  append_attributes(buffer_, attributes);
  accumulate(!root && in_status(node) ? fingerprint.status : fingerprint.configuration, add);
  if (!root) return;
  buffer_.resize(common);
  append_attributes(buffer_, runtime);
  accumulate(fingerprint.status, add);
}

void Fingerprinter::add_tree(Fingerprint& to, pugi::xml_node node) {
  add(to, node);
  for (const pugi::xml_node child : node.children()) add_tree(to, child);
}

void Fingerprinter::subtract_tree(Fingerprint& from, pugi::xml_node node) {
  subtract(from, node);
  for (const pugi::xml_node child : node.children()) subtract_tree(from, child);
}

}  // namespace systole::cib
