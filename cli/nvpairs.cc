#include "cli/nvpairs.h"

#include "cli/document_session.h"
#include "cli/output.h"

namespace systole::cli {

std::vector<Pair> find_pairs(const cib::Document& document, const PairPlace& place, std::string_view name,
                             std::string_view set_id, std::string_view pair_id) {
  std::vector<Pair> found;
  pugi::xml_node parent;
  try {
    parent = document.root().select_node(place.parent_xpath.c_str()).node();
  } catch (const pugi::xpath_exception&) {
    return found;
  }
  for (const pugi::xml_node set : parent.children(place.set_tag.c_str())) {
    if (!set_id.empty() && set_id != set.attribute("id").value()) continue;
    for (const pugi::xml_node pair : set.children("nvpair")) {
      if (!name.empty() && name != pair.attribute("name").value()) continue;
      if (!pair_id.empty() && pair_id != pair.attribute("id").value()) continue;
      found.push_back({pair.attribute("id").value(), set.attribute("id").value(),
                       pair.attribute("name").value(), pair.attribute("value").value()});
    }
  }
  return found;
}

Result<Pair> set_pair(Session& session, const cib::Document& document, const PairPlace& place,
                      const std::string& name, const std::string& value, const std::string& set_id,
                      const std::string& pair_id) {
  const auto there = find_pairs(document, place, name, set_id, pair_id);
  if (there.size() > 1) {
    return fail(Errc::kInvalidArgument, "{} options are named {}: choose one by --set-name or --attr-id",
                there.size(), name);
  }
  Pair pair{pair_id, set_id, name, value};
  if (!there.empty()) {
    pair = there.front();
    pair.value = counted_value(there.front().value, value);
  } else {
    pair.value = counted_value("0", value);
    if (pair.set.empty()) {
      const pugi::xml_node parent = document.root().select_node(place.parent_xpath.c_str()).node();
      const pugi::xml_node first = parent.child(place.set_tag.c_str());
      pair.set = first ? first.attribute("id").value() : place.set_id;
    }
    if (pair.id.empty()) pair.id = xml_id(pair.set + "-" + name);
  }
  pugi::xml_document xml;
  pugi::xml_node at = xml;
  if (!place.parent_tag.empty()) {
    at = add(at, place.parent_tag.c_str());
    set(at, "id", place.parent_id);
  }
  at = add(at, place.set_tag.c_str());
  set(at, "id", pair.set);
  at = add(at, "nvpair");
  set(at, "id", pair.id);
  set(at, "name", name);
  set(at, "value", pair.value);
  cib::Op op;
  op.kind = cib::Op::Kind::kModify;
  op.section = place.section;
  op.xml = cib::to_xml(xml.document_element());
  op.allow_create = true;
  if (const auto done = session.cib(std::move(op)); !done) return fail(done.error());
  return pair;
}

Result<void> delete_pair(Session& session, const Pair& pair) {
  cib::Op op;
  op.kind = cib::Op::Kind::kDelete;
  op.xpath = fmt::format("/cib/configuration//*[@id={}]/nvpair[@id={}]", xpath_literal(pair.set),
                         xpath_literal(pair.id));
  if (const auto done = session.cib(std::move(op)); !done) return fail(done.error());
  return {};
}

PairPlace property_place() {
  return {"crm_config", "/cib/configuration/crm_config", "",
          "",           "cluster_property_set",          "cib-bootstrap-options"};
}

PairPlace defaults_place(const std::string& section) {
  return {section,
          "/cib/configuration/" + section,
          "",
          "",
          "meta_attributes",
          section == "op_defaults" ? "op-options" : "rsc-options"};
}

Result<PairPlace> node_place(const cib::Document& document, const std::string& node, bool utilization) {
  for (const pugi::xml_node entry : document.section("nodes").children("node")) {
    if (node != entry.attribute("uname").value()) continue;
    const std::string id = entry.attribute("id").value();
    return PairPlace{"nodes",
                     fmt::format("/cib/configuration/nodes/node[@id={}]", xpath_literal(id)),
                     "node",
                     id,
                     utilization ? "utilization" : "instance_attributes",
                     "nodes-" + id + (utilization ? "-utilization" : "")};
  }
  return fail(Errc::kNotFound, "node {} is not in the configuration: `crm_node -l` lists the nodes", node);
}

}  // namespace systole::cli
