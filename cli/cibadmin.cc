// cibadmin: queries and changes of the CIB.
#include <array>

#include "cib/ops.h"
#include "cli/host.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/tools.h"

namespace systole::cli {
namespace {

using Kind = cib::Op::Kind;

struct Command {
  const char* key;
  Kind kind;
  const char* call;  // Its name in messages.
  bool input;
  bool dangerous;  // Needs --force.
};
constexpr Command kCommands[] = {
    {"query", Kind::kQuery, "cib_query", false, false},
    {"create", Kind::kCreate, "cib_create", true, false},
    {"modify", Kind::kModify, "cib_modify", true, false},
    {"replace", Kind::kReplace, "cib_replace", true, false},
    {"delete", Kind::kDelete, "cib_delete", true, false},
    {"delete-all", Kind::kDeleteAll, "cib_delete", true, true},
    {"patch", Kind::kPatch, "cib_apply_diff", true, false},
    {"upgrade", Kind::kUpgrade, "cib_upgrade", false, true},
    {"erase", Kind::kErase, "cib_erase", false, true},
    {"bump", Kind::kBump, "cib_bump", false, false},
};

constexpr std::string_view kSections[] = {
    "configuration",    "nodes", "resources",   "constraints", "crm_config", "rsc_defaults", "acls",
    "fencing-topology", "tags",  "op_defaults", "alerts",      "status",     "cib",          "all"};

Manual manual() {
  using T = Option::Takes;
  return {
      "query and change the cluster's configuration and status",
      "COMMAND [options]",
      {{"Commands",
        {{"query", 'Q', T::kNothing, "", "Print the CIB or the part chosen by --scope or --xpath"},
         {"create", 'C', T::kNothing, "", "Add an element; it must not be there yet"},
         {"modify", 'M', T::kNothing, "", "Merge an element into the one there"},
         {"replace", 'R', T::kNothing, "", "Replace the CIB, a section or an element"},
         {"delete", 'D', T::kNothing, "", "Delete the first element that matches"},
         {"delete-all", 'd', T::kNothing, "", "With --xpath: delete all elements that match"},
         {"patch", 'P', T::kNothing, "", "Apply a patch made by crm_diff"},
         {"upgrade", 'u', T::kNothing, "", "Move to the newest schema (--force)"},
         {"erase", 'E', T::kNothing, "", "Empty configuration and status (--force)"},
         {"bump", 'B', T::kNothing, "", "Raise the epoch"},
         {"empty", 'a', T::kMaybe, "SCHEMA", "Print an empty CIB"},
         {"md5-sum", '5', T::kNothing, "", "Print the digest of a CIB"},
         {"md5-sum-versioned", '6', T::kNothing, "", "The same, as nodes compare it"},
         {"features", '!', T::kNothing, "", "Print version and features", "cib-features"}}},
       {"What",
        {{"scope", 'o', T::kValue, "SECTION",
          "configuration, nodes, resources, constraints, crm_config, status…", "obj_type"},
         {"xpath", 'A', T::kValue, "XPATH", "Elements by XPath 1.0"},
         {"xml-text", 'X', T::kValue, "XML", "Input, as an argument"},
         {"xml-file", 'x', T::kValue, "FILE", "Input, in a file (\"-\": standard input)"},
         {"xml-pipe", 'p', T::kNothing, "", "Input, on standard input"},
         {"node-path", 'e', T::kNothing, "", "With --xpath: print the paths of what matches"},
         {"no-children", 'n', T::kNothing, "", "Print elements without their children"},
         {"allow-create", 'c', T::kNothing, "", "With --modify: create what is missing"},
         {"force", 'f', T::kNothing, "", "Do it although it is dangerous, or older than what is there"},
         {"dry-run", 0, T::kNothing, "", "Judge a change without making it"}}},
       {"How",
        {{"user", 'U', T::kValue, "NAME", "Act as this user"},
         {"timeout", 't', T::kValue, "SECONDS", "Give up after this time"},
         {"local", 'l', T::kNothing, "", "Accepted: every node holds the same document"},
         {"sync-call", 's', T::kNothing, "", "Accepted: every call waits for its result"},
         {"node", 'N', T::kValue, "NODE", "Accepted: every node holds the same document", "host"},
         {"no-bcast", 'b', T::kNothing, "", "Accepted"},
         {"show-access", 'S', T::kMaybe, "HOW", "Accepted"}}},
       output_options()},
      "  cibadmin --query --scope resources\n"
      "  cibadmin --modify --scope crm_config -X '<cluster_property_set id=\"cib-bootstrap-options\">\n"
      "    <nvpair id=\"cib-bootstrap-options-stonith-enabled\" name=\"stonith-enabled\" value=\"true\"/>\n"
      "    </cluster_property_set>'\n"
      "  cibadmin --delete --xpath \"//nvpair[@name='pingd']\"\n"};
}

Result<std::string> read_input(Context& context, const Parsed& parsed) {
  if (parsed.has("xml-text")) return parsed.value("xml-text");
  const std::string file = parsed.value("xml-file");
  if (parsed.has("xml-pipe") || file == "-") return context.console->input();
  if (!file.empty()) return read_file(file);
  return fail(Errc::kInvalidArgument, "needs input: give --xml-text, --xml-file or --xml-pipe");
}

// As Pacemaker reports a refused update: what was refused, in XML on standard output.
std::string failed_update(const cib::Op& op, const char* call, const std::string& reason) {
  pugi::xml_document given, answer;
  given.load_buffer(op.xml.data(), op.xml.size());
  pugi::xml_node update = add(add(answer, "failed"), "failed_update");
  const pugi::xml_node element = given.document_element();
  if (const auto id = element.attribute("id")) set(update, "id", id.value());
  set(update, "object_type", element.name());
  set(update, "operation", call);
  set(update, "reason", reason);
  if (element) update.append_copy(element);
  return xml_text(answer.document_element());
}

int refused(Context& context, const cib::Op& op, const Command& command, const Error& error) {
  if (error.code == Errc::kUnavailable) return report(context, error);
  if (error.code == Errc::kExists) context.console->out(failed_update(op, command.call, error.message));
  context.console->err(fmt::format("Call {} failed: {}\n", command.call, printable_lines(error.message)));
  return exit_code(error.code);
}

int print_empty(Context& context, const std::string& schema) {
  cib::Document empty = cib::Document::empty();
  if (!schema.empty()) empty.root().attribute("validate-with") = schema.c_str();
  context.console->out(empty.serialize(true));
  return 0;
}

int print_digest(Context& context, const Parsed& parsed) {
  Result<std::string> xml = parsed.has("xml-text") || parsed.has("xml-file") || parsed.has("xml-pipe")
                                ? read_input(context, parsed)
                                : context.session().and_then([](auto session) { return session->cib({}); });
  if (!xml) return report(context, xml.error());
  const auto document = cib::Document::parse(*xml);
  if (!document) return report(context, document.error());
  context.console->out(document->digest() + "\n");
  return 0;
}

const Command* chosen(const Parsed& parsed) {
  const Command* command = nullptr;
  for (const auto& [key, value] : parsed.given) {
    for (const Command& c : kCommands) {
      if (key == c.key) command = &c;
    }
  }
  return command;
}

std::string schema_of(Session& session) {
  cib::Op op;
  op.no_children = true;
  const auto xml = session.cib(std::move(op));
  pugi::xml_document document;
  if (xml) document.load_buffer(xml->data(), xml->size());
  return document.document_element().attribute("validate-with").value();
}

int usage(Context& context, const std::string& message) {
  context.console->err(fmt::format("{}: {}\n", context.name, message));
  return 64;
}

}  // namespace

int run_cibadmin(Context& context) {
  Parsed parsed;
  if (const auto done = begin(context, manual(), parsed)) return *done;
  if (parsed.has("features")) {
    context.console->out(fmt::format("Pacemaker {} (Build: {}): {}\n", kPacemakerVersion, kBuild, kFeatures));
    return 0;
  }
  if (parsed.has("empty")) {
    return print_empty(context, parsed.operands.empty() ? parsed.value("empty") : parsed.operands[0]);
  }
  if (parsed.has("md5-sum") || parsed.has("md5-sum-versioned")) return print_digest(context, parsed);

  const Command* command = chosen(parsed);
  if (command == nullptr) return usage(context, "needs a command, for example --query; see cibadmin --help");
  cib::Op op;
  op.kind = command->kind;
  op.section = parsed.value("scope");
  op.xpath = parsed.value("xpath");
  op.allow_create = parsed.has("allow-create");
  op.force = parsed.has("force");
  op.no_children = parsed.has("no-children");
  op.node_path = parsed.has("node-path");
  if (!op.section.empty() &&
      std::find(std::begin(kSections), std::end(kSections), op.section) == std::end(kSections)) {
    return usage(context, fmt::format("there is no section \"{}\"; sections are {}", printable(op.section),
                                      fmt::join(kSections, ", ")));
  }
  if (op.section == "all" || op.section == "cib") op.section.clear();
  if (command->dangerous && !op.force) {
    context.console->err(fmt::format(
        "cibadmin: --{} may destroy what the cluster needs: repeat it with --force if you mean it\n",
        command->key));
    return 107;
  }
  const bool by_xpath = !op.xpath.empty() && (op.kind == Kind::kDelete || op.kind == Kind::kDeleteAll);
  if (command->input && !by_xpath) {
    auto input = read_input(context, parsed);
    if (!input) return report(context, input.error());
    op.xml = std::move(*input);
  }
  if (parsed.has("user")) context.choice.user = parsed.value("user");
  auto session = context.session();
  if (!session) return report(context, session.error());
  const std::string schema = op.kind == Kind::kUpgrade ? schema_of(**session) : "";
  const auto answer = (*session)->cib(op, parsed.has("dry-run"));
  if (!answer) return refused(context, op, *command, answer.error());
  if (op.kind == Kind::kUpgrade && schema_of(**session) == schema) {
    context.console->out(fmt::format("Nothing to upgrade: the schema is already the newest ({})\n", schema));
  }
  if (!answer->empty()) {
    context.console->out(*answer);
    if (answer->back() != '\n') context.console->out("\n");
  }
  return 0;
}

}  // namespace systole::cli
