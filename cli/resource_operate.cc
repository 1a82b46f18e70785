#include "cli/cluster_view.h"
#include "cli/crm_resource.h"
#include "cli/document_session.h"
#include "cli/nvpairs.h"
#include "cli/output.h"

namespace systole::cli {
namespace {

// Nodes whose history of it is to be forgotten.
std::vector<std::string> nodes_for(const ResourceCall& call, const ClusterView& view) {
  if (!call.node.empty()) return {call.node};
  std::vector<std::string> nodes;
  for (const NodeView& node : view.nodes) {
    if (node.online) nodes.push_back(node.name);
  }
  return nodes;
}

// Names under which histories of it are kept: its primitives.
std::vector<std::string> names_for(const ResourceCall& call, pugi::xml_node resource) {
  std::vector<std::string> names;
  for (const pugi::xml_node p : primitives_in(resource)) names.emplace_back(p.attribute("id").value());
  if (names.empty()) names.push_back(call.resource);
  return names;
}

int forget(const ResourceCall& call, bool refresh) {
  const auto document = call.session.document();
  if (!document) return report(call.context, document.error(), call.xml);
  const ClusterView view = view_cluster(*document, call.context.now());
  const std::string operation = call.parsed.value("operation"), interval = call.parsed.value("interval");
  if (call.resource.empty()) {
    const auto done = call.session.cleanup({"", call.node, operation, interval, refresh});
    if (!done) return report(call.context, done.error(), call.xml);
    call.out(fmt::format("Cleaned up all resources on {}\n",
                         call.node.empty() ? "all nodes" : printable(call.node)));
    return 0;
  }
  const pugi::xml_node resource = find_resource(*document, call.resource);
  const bool orphan = !resource && find_view(view.resources, call.resource) != nullptr;
  if (!resource && !orphan) return call.not_found();
  std::size_t replies = 0;
  for (const std::string& name : names_for(call, resource)) {
    const auto done = call.session.cleanup({name, call.node, operation, interval, refresh});
    if (!done) return report(call.context, done.error(), call.xml);
    for (const std::string& node : nodes_for(call, view)) {
      call.out(fmt::format("Cleaned up {} on {}\n", printable(name), printable(node)));
      ++replies;
    }
  }
  if (refresh && replies > 0)
    call.out(fmt::format("Waiting for {} repl{} from the controller\n... got reply (done)\n", replies,
                         replies == 1 ? "y" : "ies"));
  return 0;
}

Duration limit(const ResourceCall& call) {
  const auto given = parse_interval(call.parsed.value("timeout", "0"));
  return given && given->count() > 0 ? Duration(*given) : Duration(Seconds(3600));
}

int wait(const ResourceCall& call) {
  const auto idle = call.session.wait_idle(limit(call));
  return idle ? 0 : report(call.context, idle.error(), call.xml);
}

PairPlace target_role_place(pugi::xml_node resource) {
  const std::string id = resource.attribute("id").value();
  return {"resources",       fmt::format("/cib/configuration/resources//*[@id={}]", xpath_literal(id)),
          resource.name(),   id,
          "meta_attributes", id + "-meta_attributes"};
}

// Stops it, waits, and puts back what was there.
int restart(const ResourceCall& call) {
  auto document = call.session.document();
  if (!document) return report(call.context, document.error(), call.xml);
  const pugi::xml_node resource = find_resource(*document, call.resource);
  if (!resource) return call.not_found();
  const ClusterView view = view_cluster(*document, call.context.now());
  const ResourceView* before = find_view(view.resources, call.resource);
  if (before == nullptr || !before->active()) {
    call.err(fmt::format("crm_resource: {} is not running and so cannot be restarted\n",
                         printable(call.resource)));
    return 1;
  }
  const PairPlace place = target_role_place(resource);
  const auto old = find_pairs(*document, place, "target-role");
  const auto stopped = set_pair(call.session, *document, place, "target-role", "Stopped");
  if (!stopped) return report(call.context, stopped.error(), call.xml);
  const auto idle = call.session.wait_idle(limit(call));
  const auto now = call.session.document();
  if (!now) return report(call.context, now.error(), call.xml);
  const auto restored =
      old.empty()
          ? delete_pair(call.session, *stopped)
          : set_pair(call.session, *now, place, "target-role", old.front().value).map([](const Pair&) {});
  if (!restored) return report(call.context, restored.error(), call.xml);
  if (!idle) return report(call.context, idle.error(), call.xml);
  return wait(call);
}

}  // namespace

int resource_operate(const ResourceCall& call, const std::string& command) {
  if (command == "wait") return wait(call);
  if (command == "restart") return restart(call);
  return forget(call, command == "refresh");
}

}  // namespace systole::cli
