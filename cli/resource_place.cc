#include <ctime>

#include "cli/cluster_view.h"
#include "cli/crm_resource.h"
#include "cli/document_session.h"
#include "cli/output.h"

namespace systole::cli {
namespace {

// What moves is the whole: members of clones and of bundles move with their outermost resource.
std::string moved_id(pugi::xml_node resource) {
  const pugi::xml_node top = top_resource(resource);
  const bool of_clone = is_clone(top) || std::string_view(top.name()) == "bundle";
  return (of_clone ? top : resource).attribute("id").value();
}

Result<void> write_location(const ResourceCall& call, const std::string& id, const std::string& resource,
                            const std::string& node, const char* score, const std::string& kind) {
  pugi::xml_document xml;
  pugi::xml_node location = add(xml, "rsc_location");
  set(location, "id", id);
  set(location, "rsc", resource);
  set(location, "role", call.parsed.has("promoted") ? "Promoted" : "Started");
  if (const std::string lifetime = call.parsed.value("lifetime"); !lifetime.empty()) {
    const auto length = parse_interval(lifetime);
    if (!length)
      return fail(Errc::kInvalidArgument, "\"{}\" is not a duration: use for example PT1H", lifetime);
    pugi::xml_node rule = add(location, "rule"), where = add(rule, "expression"),
                   until = add(rule, "date_expression");
    set(rule, "id", xml_id(kind + "-rule-" + resource));
    set(rule, "score", score);
    set(rule, "boolean-op", "and");
    set(where, "id", xml_id(kind + "-expr-" + resource));
    set(where, "attribute", "#uname");
    set(where, "operation", "eq");
    set(where, "value", node);
    set(where, "type", "string");
    set(until, "id", xml_id(kind + "-lifetime-end-" + resource));
    set(until, "operation", "lt");
    set(until, "end", iso_text(epoch_seconds(call.context.now()) + length->count() / 1000));
  } else {
    set(location, "node", node);
    set(location, "score", score);
  }
  // Replaced, not merged: an older one may have had a lifetime.
  cib::Op erase;
  erase.kind = cib::Op::Kind::kDelete;
  erase.xpath = fmt::format("/cib/configuration/constraints/rsc_location[@id={}]", xpath_literal(id));
  if (auto done = call.session.cib(std::move(erase)); !done && done.error().code != Errc::kNotFound)
    return fail(done.error());
  cib::Op op;
  op.kind = cib::Op::Kind::kCreate;
  op.section = "constraints";
  op.xml = cib::to_xml(location);
  if (auto done = call.session.cib(std::move(op)); !done) return fail(done.error());
  return {};
}

Result<void> erase_location(const ResourceCall& call, const std::string& id, bool tell) {
  cib::Op op;
  op.kind = cib::Op::Kind::kDelete;
  op.xpath = fmt::format("/cib/configuration/constraints/rsc_location[@id={}]", xpath_literal(id));
  if (auto done = call.session.cib(std::move(op)); !done) return fail(done.error());
  if (tell) call.out(fmt::format("Removing constraint: {}\n", printable(id)));
  return {};
}

int ban(const ResourceCall& call, const std::string& resource, const std::string& node) {
  const std::string id = xml_id("cli-ban-" + resource + "-on-" + node);
  if (const auto done = write_location(call, id, resource, node, "-INFINITY", "cli-ban"); !done)
    return report(call.context, done.error());
  if (!call.quiet) {
    call.err(fmt::format(
        "WARNING: the constraint {0} keeps {1} from {2} on {3}\n"
        "\tuntil it is taken back with 'crm_resource --clear -r {1}'{4}.\n"
        "\t{1} will not {2} on {3} even if {3} is the last node that is left.\n",
        printable(id), printable(resource), call.parsed.has("promoted") ? "being promoted" : "running",
        printable(node), call.parsed.has("lifetime") ? " or expires" : ""));
  }
  return 0;
}

const ResourceView* current(const ClusterView& view, const std::string& id, std::vector<std::string>& nodes) {
  const ResourceView* resource = find_view(view.resources, id);
  if (resource == nullptr) return nullptr;
  for (const ResourceView* p : primitives_of(*resource)) {
    for (const std::string& node : p->nodes) {
      if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) nodes.push_back(node);
    }
  }
  return resource;
}

int active_often(const ResourceCall& call, std::size_t places, const char* what) {
  call.err(fmt::format("crm_resource: {0} is active on {1} nodes: say with --node which one it is to {2}\n",
                       printable(call.resource), places, what));
  return 64;
}

int move(const ResourceCall& call, const cib::Document& document, const std::string& id) {
  std::vector<std::string> nodes;
  current(view_cluster(document, call.context.now()), id, nodes);
  if (call.node.empty()) {
    if (nodes.size() != 1) return active_often(call, nodes.size(), "leave");
    return ban(call, id, nodes.front());
  }
  const bool known = document.section("nodes").find_child_by_attribute("node", "uname", call.node.c_str());
  if (!known) return report(call.context, {Errc::kNotFound, fmt::format("node '{}' not found", call.node)});
  const bool there = nodes.size() == 1 && nodes.front() == call.node;
  if (there && !call.force) {
    call.err(fmt::format("crm_resource: {} is already active on {}\n", printable(call.resource),
                         printable(call.node)));
    return 0;
  }
  // A ban of the target would win over the preference.
  if (const auto done = erase_location(call, xml_id("cli-ban-" + id + "-on-" + call.node), false);
      !done && done.error().code != Errc::kNotFound) {
    return report(call.context, done.error());
  }
  const auto done = write_location(call, xml_id("cli-prefer-" + id), id, call.node, "INFINITY", "cli-prefer");
  if (!done) return report(call.context, done.error());
  if (call.force && nodes.size() == 1 && !there) return ban(call, id, nodes.front());
  return 0;
}

int ban_command(const ResourceCall& call, const cib::Document& document, const std::string& id) {
  if (!call.node.empty()) return ban(call, id, call.node);
  std::vector<std::string> nodes;
  current(view_cluster(document, call.context.now()), id, nodes);
  if (nodes.size() != 1) return active_often(call, nodes.size(), "be banned from");
  return ban(call, id, nodes.front());
}

bool expired(pugi::xml_node location, std::int64_t now) {
  for (const pugi::xml_node date : location.child("rule").children("date_expression")) {
    const std::string_view end = date.attribute("end").value();
    if (end.size() >= 19 && end.substr(0, 19) < std::string_view(iso_text(now)).substr(0, 19)) return true;
  }
  return false;
}

int clear(const ResourceCall& call, const cib::Document& document, const std::string& id) {
  std::vector<std::string> ids;
  for (const pugi::xml_node location : document.section("constraints").children("rsc_location")) {
    const std::string name = location.attribute("id").value();
    const bool banned = name.starts_with("cli-ban-"), preferred = name.starts_with("cli-prefer-");
    if ((!banned && !preferred) || (!id.empty() && id != location.attribute("rsc").value())) continue;
    std::string node = location.attribute("node").value();
    if (node.empty()) node = location.child("rule").child("expression").attribute("value").value();
    if (!call.node.empty() && node != call.node) continue;
    if (call.parsed.has("expired") && !expired(location, epoch_seconds(call.context.now()))) continue;
    ids.push_back(name);
  }
  for (const std::string& name : ids) {
    if (const auto done = erase_location(call, name, !call.quiet); !done)
      return report(call.context, done.error());
  }
  return 0;
}

}  // namespace

int resource_place(const ResourceCall& call, const std::string& command) {
  const auto document = call.session.document();
  if (!document) return report(call.context, document.error());
  if (command == "clear" && call.resource.empty()) {
    if (call.node.empty() && !call.parsed.has("expired"))
      return call.usage("--clear needs --resource, --node or --expired");
    return clear(call, *document, "");
  }
  const pugi::xml_node resource = find_resource(*document, call.resource);
  if (!resource) return call.not_found();
  const std::string id = moved_id(resource);
  if (command == "move") return move(call, *document, id);
  if (command == "ban") return ban_command(call, *document, id);
  return clear(call, *document, id);
}

}  // namespace systole::cli
