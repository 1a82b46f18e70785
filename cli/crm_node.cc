// crm_node and crmadmin: nodes and controllers.
#include <charconv>

#include "cli/attributes.h"
#include "cli/document_session.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/tools.h"

namespace systole::cli {
namespace {

using T = Option::Takes;

Manual node_manual() {
  return {"the cluster's nodes, as the membership knows them",
          "COMMAND [options]",
          {{"Commands",
            {{"list", 'l', T::kNothing, "", "All nodes: id, name, member or lost"},
             {"partition", 'p', T::kNothing, "", "Names of this partition's members"},
             {"name", 'n', T::kNothing, "", "This node's name"},
             {"name-for-id", 'N', T::kValue, "ID", "The name of the node with this id"},
             {"cluster-id", 'i', T::kNothing, "", "This node's id"},
             {"quorum", 'q', T::kNothing, "", "1 if this partition has quorum, 0 if not"},
             {"remove", 'R', T::kValue, "NODE", "Remove a stopped node from configuration and status"},
             {"cluster-type", 'C', T::kNothing, "", "Accepted: corosync"}}},
           {"Options", {{"force", 'f', T::kNothing, "", "Needed for --remove"}}},
           output_options()},
          "  crm_node -l\n  crm_node --remove node3 --force\n"};
}

const std::vector<std::string_view> kNodeCommands{"list",       "partition", "name",   "name-for-id",
                                                  "cluster-id", "quorum",    "remove", "cluster-type"};

int print_info(Context& context, const ClusterInfo& info, const std::string& command,
               const std::string& value) {
  std::string text;
  if (command == "list") {
    for (const auto& node : info.nodes) {
      text += fmt::format("{} {} {}\n", node.id, printable(node.name), node.member ? "member" : "lost");
    }
  } else if (command == "partition") {
    for (const auto& node : info.nodes) {
      if (node.member) text += printable(node.name) + " ";
    }
    text += "\n";
  } else if (command == "quorum") {
    text = info.quorate ? "1\n" : "0\n";
  } else if (command == "cluster-id") {
    text = fmt::format("{}\n", info.local_id);
  } else {
    std::uint32_t id = 0;
    std::from_chars(value.data(), value.data() + value.size(), id);
    const ClusterInfo::Node* node = info.find(id);
    if (node == nullptr)
      return report(context, {Errc::kNotFound, fmt::format("no node has the id {}", value)});
    text = printable(node->name) + "\n";
  }
  context.console->out(text);
  return 0;
}

Result<void> erase_node(Session& session, const std::string& node) {
  for (const char* place :
       {"/cib/status/node_state[@uname={0}]", "/cib/configuration/nodes/node[@uname={0}]"}) {
    cib::Op op;
    op.kind = cib::Op::Kind::kDeleteAll;
    op.force = true;
    op.xpath = fmt::format(fmt::runtime(place), xpath_literal(node));
    const auto done = session.cib(std::move(op));
    if (!done && done.error().code != Errc::kNotFound) return fail(done.error());
  }
  return {};
}

int remove_node(Context& context, Session& session, const std::string& node, bool force) {
  if (!force) {
    context.console->err(fmt::format(
        "crm_node: removing {} forgets its configuration: repeat it with --force\n", printable(node)));
    return 107;
  }
  if (const auto info = session.info()) {
    const ClusterInfo::Node* known = info->find(node);
    if (known != nullptr && known->member) {
      context.console->err(
          fmt::format("crm_node: {} is an active member: stop the cluster there first\n", printable(node)));
      return 107;
    }
  }
  const auto done = erase_node(session, node);
  return done ? 0 : report(context, done.error());
}

}  // namespace

int run_crm_node(Context& context) {
  Parsed parsed;
  if (const auto done = begin(context, node_manual(), parsed)) return *done;
  const std::string command = parsed.last_of(kNodeCommands);
  if (command.empty()) {
    context.console->err("crm_node: needs a command, for example --list; see crm_node --help\n");
    return 64;
  }
  if (command == "cluster-type") {
    context.console->out("corosync\n");
    return 0;
  }
  auto session = context.session();
  if (!session) return report(context, session.error());
  if (command == "remove")
    return remove_node(context, **session, parsed.value("remove"), parsed.has("force"));
  if (command == "name") {
    const auto name = default_node(context, **session);
    if (!name) return report(context, name.error());
    context.console->out(printable(*name) + "\n");
    return 0;
  }
  const auto info = (*session)->info();
  if (!info) return report(context, info.error());
  return print_info(context, *info, command, parsed.value(command));
}

namespace {

Manual admin_manual() {
  return {"controllers: the DC, and what it is doing",
          "COMMAND [options]",
          {{"Commands",
            {{"dc_lookup", 'D', T::kNothing, "", "The node that decides (DC)"},
             {"status", 'S', T::kMaybe, "NODE", "What a node's controller is doing"},
             {"nodes", 'N', T::kMaybe, "TYPE", "All nodes"},
             {"pacemakerd", 'P', T::kNothing, "", "The state of the daemon"}}},
           {"Options",
            {{"timeout", 't', T::kValue, "MS", "Give up after this time"},
             {"bash-export", 'B', T::kNothing, "", "With --nodes: as shell commands"},
             {"quiet", 'q', T::kNothing, "", "Print only the value"},
             {"ipc-name", 'i', T::kValue, "NAME", nullptr},
             {"health", 'H', T::kNothing, "", nullptr},
             {"output-as", 0, T::kValue, "FORMAT", "text or xml"},
             {"output-to", 0, T::kValue, "FILE", "Write there"},
             {"verbose", 'V', T::kNothing, "", "Say more"}}}},
          "  crmadmin -D\n  crmadmin -S node1\n"};
}

int print_dc(Context& context, const ClusterInfo& info, bool quiet, bool xml) {
  if (xml) {
    XmlResult result(context);
    if (!info.dc.empty()) set(add(result.root(), "dc"), "node_name", info.dc);
    context.console->out(result.finish(0));
  } else if (info.dc.empty()) {
    context.console->out(quiet ? "\n" : "Designated Controller not yet elected\n");
  } else {
    context.console->out(quiet ? printable(info.dc) + "\n"
                               : "Designated Controller is: " + printable(info.dc) + "\n");
  }
  return info.dc.empty() && !xml ? exit_code(Errc::kUnavailable) : 0;
}

// The state of another node follows from what all agree on: who is a member, who is DC, and whether the
// cluster is at rest.
std::string state_of(Session& session, const ClusterInfo& info, const std::string& node) {
  if (node == info.local_node) return info.state;
  const ClusterInfo::Node* known = info.find(node);
  if (known == nullptr || !known->member) return "S_OFFLINE";
  if (node != info.dc) return "S_NOT_DC";
  return session.wait_idle(Milliseconds(200)) ? "S_IDLE" : "S_TRANSITION_ENGINE";
}

int print_state(Context& context, Session& session, const ClusterInfo& info, std::string node, bool xml) {
  if (node.empty()) node = info.dc.empty() ? info.local_node : info.dc;
  if (info.find(node) == nullptr)
    return report(context, {Errc::kNotFound, fmt::format("there is no node {}", node)}, xml);
  const std::string state = state_of(session, info, node);
  if (xml) {
    XmlResult result(context);
    pugi::xml_node crmd = add(result.root(), "crmd");
    set(crmd, "node_name", node);
    set(crmd, "state", state);
    set(crmd, "result", "ok");
    context.console->out(result.finish(0));
  } else {
    context.console->out(fmt::format("Controller on {} in state {}: ok\n", printable(node), state));
  }
  return state == "S_OFFLINE" ? 102 : 0;
}

int print_nodes(Context& context, Session& session, bool bash, bool xml) {
  const auto document = session.document();
  if (!document) return report(context, document.error(), xml);
  XmlResult result(context);
  pugi::xml_node list = add(result.root(), "nodes");
  std::string text;
  for (const pugi::xml_node node : document->section("nodes").children("node")) {
    const std::string name = printable(node.attribute("uname").value()),
                      id = printable(node.attribute("id").value());
    const bool remote = std::string_view(node.attribute("type").value()) == "remote";
    text += bash ? fmt::format("export {}={}\n", name, id)
                 : fmt::format("{} node: {} ({})\n", remote ? "remote" : "cluster", name, id);
    pugi::xml_node entry = add(list, "node");
    set(entry, "type", remote ? "remote" : "cluster");
    set(entry, "name", name);
    set(entry, "id", id);
  }
  context.console->out(xml ? result.finish(0) : text);
  return 0;
}

}  // namespace

int run_crmadmin(Context& context) {
  Parsed parsed;
  if (const auto done = begin(context, admin_manual(), parsed)) return *done;
  const std::string command = parsed.last_of({"dc_lookup", "status", "nodes", "pacemakerd"});
  if (command.empty()) {
    context.console->err("crmadmin: needs a command, for example -D; see crmadmin --help\n");
    return 64;
  }
  const bool xml = parsed.value("output-as") == "xml";
  auto session = context.session();
  if (!session) return report(context, session.error(), xml);
  if (command == "nodes") return print_nodes(context, **session, parsed.has("bash-export"), xml);
  const auto info = (*session)->info();
  if (!info) return report(context, info.error(), xml);
  if (command == "dc_lookup") return print_dc(context, *info, parsed.has("quiet"), xml);
  std::string node = parsed.value("status");
  if (node.empty() && !parsed.operands.empty()) node = parsed.operands.front();
  if (command == "status") return print_state(context, **session, *info, node, xml);
  const std::string now = iso_text(epoch_seconds(context.now()));
  context.console->out(
      parsed.has("quiet")
          ? "running\n"
          : fmt::format("Status of pacemakerd: 'Pacemaker is running' (last updated {})\n", now));
  return 0;
}

}  // namespace systole::cli
