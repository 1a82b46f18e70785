#include "cib/document.h"

#include <charconv>

#include "cib/schema.h"
#include "cib/sections.h"
#include "cib/xml_scan.h"

namespace systole::cib {
namespace {

std::uint64_t number(pugi::xml_attribute attribute) {
  const std::string_view text = attribute.value();
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

void set(pugi::xml_node node, const char* name, std::uint64_t value) {
  pugi::xml_attribute attribute = node.attribute(name);
  if (!attribute) attribute = node.append_attribute(name);
  attribute.set_value(std::to_string(value).c_str());
}

void escape(std::string& out, const char* text, bool attribute) {
  for (; *text != 0; ++text) switch (*text) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += attribute ? "&quot;" : "\"";
        break;
      case '\n':
        out += attribute ? "&#10;" : "\n";
        break;
      case '\t':
        out += attribute ? "&#9;" : "\t";
        break;
      case '\r':
        out += "&#13;";
        break;
      default:
        out += *text;
    }
}

// `indent` below zero: no white space between elements.
void write(std::string& out, pugi::xml_node node, int indent) {
  const auto margin = [&](int by) {
    if (indent >= 0) out.append(static_cast<std::size_t>(by) * 2, ' ');
  };
  const char* const newline = indent >= 0 ? "\n" : "";
  margin(indent);
  if (node.type() == pugi::node_comment) {
    out.append("<!--").append(node.value()).append("-->").append(newline);
    return;
  }
  if (node.type() != pugi::node_element) {  // Text and CDATA.
    escape(out, node.value(), false);
    out += newline;
    return;
  }
  out.append("<").append(node.name());
  for (const pugi::xml_attribute a : node.attributes()) {
    out.append(" ").append(a.name()).append("=\"");
    escape(out, a.value(), true);
    out += '"';
  }
  if (!node.first_child()) {
    out.append("/>").append(newline);
    return;
  }
  out += '>';
  // Text keeps its white space: nothing is added around it.
  bool text = false;
  for (const pugi::xml_node child : node.children())
    text = text || child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata;
  if (!text) out += newline;
  for (const pugi::xml_node child : node.children()) write(out, child, indent < 0 || text ? -1 : indent + 1);
  if (!text) margin(indent);
  out.append("</").append(node.name()).append(">").append(newline);
}

}  // namespace

std::string to_string(const Version& v) {
  return fmt::format("{}.{}.{}", v.admin_epoch, v.epoch, v.num_updates);
}

Version version_of(pugi::xml_node element) {
  return {number(element.attribute("admin_epoch")), number(element.attribute("epoch")),
          number(element.attribute("num_updates"))};
}

Result<pugi::xml_document> parse_xml(std::string_view xml) {
  if (auto ok = scan_xml(xml, kMaxDocument); !ok) return fail(std::move(ok.error()));
  pugi::xml_document tree;
  const auto parsed = tree.load_buffer(xml.data(), xml.size(), pugi::parse_default | pugi::parse_comments,
                                       pugi::encoding_utf8);
  if (auto ok = check_parsed(xml, tree, parsed); !ok) return fail(std::move(ok.error()));
  return tree;
}

Result<Document> Document::parse(std::string_view xml) {
  auto tree = parse_xml(xml);
  if (!tree) return fail(std::move(tree.error()));
  if (const std::string_view name = tree->document_element().name(); name != "cib")
    return fail(Errc::kParse, "line 1, column 1: the root element is <{}>, and a CIB's is <cib>", name);
  Document document;
  document.xml_ = std::move(*tree);
  return document;
}

Document Document::empty() {
  Document document;
  pugi::xml_node cib = document.xml_.append_child("cib");
  cib.append_attribute("crm_feature_set") = kFeatureSet;
  cib.append_attribute("validate-with") = kNewestSchema;
  for (const char* name : {"epoch", "num_updates", "admin_epoch"}) cib.append_attribute(name) = "0";
  pugi::xml_node configuration = cib.append_child("configuration");
  for (const char* name : {"crm_config", "nodes", "resources", "constraints"})
    configuration.append_child(name);
  cib.append_child("status");
  return document;
}

Document Document::clone() const {
  Document copy;
  copy.xml_.reset(xml_);
  return copy;
}

pugi::xml_node Document::root() const { return xml_.document_element(); }
pugi::xml_node Document::section(std::string_view name) const { return find_section(root(), name); }
Version Document::version() const { return version_of(root()); }

void Document::set_version(const Version& v) {
  set(root(), "epoch", v.epoch);
  set(root(), "num_updates", v.num_updates);
  set(root(), "admin_epoch", v.admin_epoch);
}

std::string Document::serialize(bool pretty) const { return to_xml(root(), pretty); }

std::string Document::digest() const {
  if (tracked_) return tracked_->hex();
  Fingerprint fingerprint;
  Fingerprinter().add_tree(fingerprint, root());
  return fingerprint.hex();
}

std::string Document::configuration_digest() const {
  if (tracked_) return tracked_->configuration_hex();
  Fingerprint fingerprint;
  Fingerprinter().add_tree(fingerprint, root());
  return fingerprint.configuration_hex();
}

void Document::track_digest() {
  tracked_.emplace();
  Fingerprinter().add_tree(*tracked_, root());
}

std::string to_xml(pugi::xml_node node, bool pretty) {
  std::string out;
  write(out, node, pretty ? 0 : -1);
  return out;
}

}  // namespace systole::cib
