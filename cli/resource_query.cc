#include "cli/crm_resource.h"
#include "cli/output.h"
#include "cli/status_words.h"
#include "pengine/explain_text.h"

namespace systole::cli {
namespace {

// -- Lists

void raw_ids(const ResourceView& r, std::string& text) {
  text += printable(r.id) + "\n";
  int number = 0;
  for (const ResourceView& child : r.children) {
    // Instances of a clone are numbered, as the scheduler names them.
    if (r.kind != ResourceView::Kind::kClone || r.unique) {
      raw_ids(child, text);
      continue;
    }
    for (const ResourceView* p : primitives_of(child))
      text += fmt::format("{}:{}\n", printable(p->id), number);
    ++number;
  }
}

int list_raw(const ResourceCall& call, const ClusterView& view) {
  if (view.resources.empty()) {
    call.out("NO resources configured\n");
    return 105;
  }
  std::string text;
  for (const ResourceView& r : view.resources) raw_ids(r, text);
  call.out(text);
  return 0;
}

int list(const ResourceCall& call, const cib::Document& document, const ClusterView& view) {
  if (call.xml) {
    StatusOptions options;
    options.format = StatusFormat::kXml;
    options.header = options.nodes = false;
    options.fence_history = 0;
    options.request = "crm_resource --list --output-as=xml";
    StatusInput input;
    input.document = &document;
    input.now = call.context.now();
    call.out(render_status(input, options));
    return view.resources.empty() ? 105 : 0;
  }
  StatusOptions options;
  options.inactive = true;
  const std::string body = resources_text(view.status.resources, options, 1);
  call.out("Full List of Resources:\n" + (body.empty() ? "  * No resources\n" : body));
  return body.empty() ? 105 : 0;
}

// -- One resource

int locate(const ResourceCall& call, const ResourceView& resource) {
  std::vector<std::pair<std::string, Role>> places;
  for (const ResourceView* p : primitives_of(resource)) {
    for (const std::string& node : p->nodes) {
      const bool there =
          std::any_of(places.begin(), places.end(), [&](const auto& place) { return place.first == node; });
      if (!there) places.emplace_back(node, p->role);
    }
  }
  if (call.xml) {
    XmlResult result(call.context);
    pugi::xml_node n = add(result.root(), "resource-search");
    set(n, "resource", call.resource);
    for (const auto& [node, role] : places) {
      pugi::xml_node m = add(n, "node");
      set_text(m, node);
      if (role == Role::kPromoted) set(m, "state", "promoted");
    }
    call.out(result.finish(0));
    return 0;
  }
  std::string text;
  for (const auto& [node, role] : places) {
    const char* promoted = role == Role::kPromoted ? "Promoted" : "";
    text += call.quiet ? printable(node) + "\n"
                       : fmt::format("resource {} is running on: {} {}\n", printable(call.resource),
                                     printable(node), promoted);
  }
  if (places.empty()) text = fmt::format("resource {} is NOT running\n", printable(call.resource));
  call.out(text);
  return 0;
}

int query_xml(const ResourceCall& call, const cib::Document& document, const ClusterView& view,
              const ResourceView& resource, bool state) {
  std::string text;
  if (state) {
    const pengine::ResourceStatus* status = find_status(view.status.resources, resource.id);
    StatusOptions options;
    options.inactive = true;
    if (status != nullptr) text = resources_text({*status}, options, 0);
    for (std::size_t at = 0; (at = text.find("* ", at)) != std::string::npos;) text.erase(at, 2);
    text += "Resource XML:\n";
  }
  call.out(text + xml_text(find_resource(document, call.resource)));
  return 0;
}

// -- Operations

int operations(const ResourceCall& call, const ClusterView& view, bool all) {
  std::string text;
  for (const HistoryView& h : view.history) {
    if (!call.resource.empty() && h.resource != call.resource) continue;
    if (!call.node.empty() && h.node != call.node) continue;
    const ResourceView* resource = find_view(view.resources, h.resource);
    for (const OperationView& op : h.operations) {
      const bool active = resource != nullptr && std::find(resource->nodes.begin(), resource->nodes.end(),
                                                           h.node) != resource->nodes.end();
      if (!all && !active) continue;
      text += fmt::format("{}\t({}):\t {}: {} (node={}, call={}, rc={}", printable(h.resource),
                          resource != nullptr ? printable(resource->agent) : "",
                          resource != nullptr ? role_name(resource->role) : "ORPHANED", printable(op.key),
                          printable(op.node), op.call, op.rc);
      if (op.last_change > 0)
        text += fmt::format(", last-rc-change='{}', exec={}ms", ctime_text(op.last_change), op.exec_ms);
      text += fmt::format("): {}\n", op.status);
    }
  }
  call.out(text);
  return 0;
}

// -- Constraints

std::string score_of(pugi::xml_node constraint) {
  const std::string score = constraint.attribute("score").value();
  return score.empty() ? printable(constraint.attribute("kind").value()) : printable(score);
}

int constraints(const ResourceCall& call, const cib::Document& document) {
  std::string locations, with, without, orders;
  for (const pugi::xml_node c : document.section("constraints").children()) {
    const std::string_view tag = c.name();
    const std::string id = printable(c.attribute("id").value());
    const auto is = [&](const char* name) { return call.resource == c.attribute(name).value(); };
    const auto other = [&](const char* name) { return printable(c.attribute(name).value()); };
    if (tag == "rsc_location" && is("rsc")) {
      const std::string node = other("node");
      locations += node.empty() ? fmt::format("  * by rule (id={}, rsc={})\n", id, printable(call.resource))
                                : fmt::format("  * Node {} (score={}, id={}, rsc={})\n", node, score_of(c),
                                              id, printable(call.resource));
    }
    if (tag == "rsc_colocation" && is("rsc"))
      with += fmt::format("  * {} (score={}, id={})\n", other("with-rsc"), score_of(c), id);
    if (tag == "rsc_colocation" && is("with-rsc"))
      without += fmt::format("  * {} (score={}, id={})\n", other("rsc"), score_of(c), id);
    if (tag == "rsc_order" && (is("first") || is("then"))) {
      orders += fmt::format("  * {} then {} (kind={}, id={})\n", other("first"), other("then"),
                            score_of(c).empty() ? "Mandatory" : score_of(c), id);
    }
  }
  std::string text;
  if (!locations.empty()) text += "Locations:\n" + locations;
  if (!with.empty())
    text += fmt::format("Resource {} is colocated with:\n{}", printable(call.resource), with);
  if (!without.empty())
    text += fmt::format("Resources colocated with {}:\n{}", printable(call.resource), without);
  if (!orders.empty()) text += "Orders:\n" + orders;
  call.out(text);
  return 0;
}

// -- Why

// Where it is, as Pacemaker says it; then why, from the scheduler's reasons.
std::string why_one(const ResourceCall& call, const ResourceView& resource,
                    const pengine::Explanation& explanation) {
  std::string text;
  for (const ResourceView* p : primitives_of(resource)) {
    text += p->nodes.empty() ? fmt::format("Resource {} is not running\n", printable(p->id))
                             : fmt::format("Resource {} is running on {}\n", printable(p->id),
                                           printable(fmt::format("{}", fmt::join(p->nodes, ", "))));
  }
  for (const pengine::InstanceExplanation& i : explanation.instances) {
    for (const pengine::NodeExplanation& n : i.nodes) {
      if (!call.node.empty() && n.verdict.node != call.node) continue;
      for (const pengine::Reason& r : n.reasons)
        text += fmt::format("  * {}: {}\n", printable(n.verdict.node), printable(pengine::reason_text(r)));
    }
  }
  for (const pengine::BlockedAction& b : explanation.blocked)
    text += fmt::format("  * the {} of {} is not possible: {}\n", printable(b.task), printable(b.resource),
                        printable(b.reason));
  return text;
}

int why(const ResourceCall& call, const cib::Document& document, const ClusterView& view) {
  std::vector<const ResourceView*> wanted;
  if (call.resource.empty()) {
    for (const ResourceView& resource : view.resources) wanted.push_back(&resource);
  } else if (const ResourceView* resource = find_view(view.resources, call.resource)) {
    wanted.push_back(resource);
  } else {
    return call.not_found();
  }
  pengine::ExplainOptions options;
  options.max_trials = 0;  // `crm explain` says what would change it.
  XmlResult result(call.context);
  std::string text;
  for (const ResourceView* resource : wanted) {
    const auto explanation = pengine::explain(document, call.context.now(), resource->id, options);
    if (!explanation) continue;  // A removed one that left no trace.
    if (call.xml)
      pengine::explanation_tree(*explanation, result.root());
    else
      text += why_one(call, *resource, *explanation);
  }
  call.out(call.xml ? result.finish(0) : text);
  return 0;
}

}  // namespace

int resource_query(const ResourceCall& call, const std::string& command) {
  const auto document = call.session.document();
  if (!document) return report(call.context, document.error(), call.xml);
  const ClusterView view = view_cluster(*document, call.context.now());
  if (command == "list" || command == "list-cts") return list(call, *document, view);
  if (command == "list-raw") return list_raw(call, view);
  if (command == "list-operations" || command == "list-all-operations")
    return operations(call, view, command == "list-all-operations");
  if (command == "why") return why(call, *document, view);
  const ResourceView* resource = find_view(view.resources, call.resource);
  if (resource == nullptr || (!find_resource(*document, call.resource) && !resource->orphaned))
    return call.not_found();
  if (command == "locate") {
    // The primitive inside an anonymous clone has many instances of one name: look at them all.
    const pugi::xml_node top = top_resource(find_resource(*document, call.resource));
    const ResourceView* whole = is_clone(top) && call.resource.find(':') == std::string::npos
                                    ? find_view(view.resources, top.attribute("id").value())
                                    : nullptr;
    return locate(call, whole != nullptr && whole->id != call.resource ? *whole : *resource);
  }
  if (command == "constraints" || command == "stack") return constraints(call, *document);
  return query_xml(call, *document, view, *resource, command == "query-xml");
}

}  // namespace systole::cli
