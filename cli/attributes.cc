#include "cli/attributes.h"

#include <regex.h>

#include "cli/document_session.h"
#include "cli/nvpairs.h"
#include "cli/output.h"

namespace systole::cli {
namespace {

using Verb = AttributeCommand::Verb;

bool same(std::string_view a, std::string_view b) { return a == b; }

class Run {
 public:
  Run(Context& context, const AttributeCommand& command, Session& session)
      : context_(context), command_(command), session_(session) {}

  int run() { return same(command_.scope, "status") && !command_.utilization ? transient() : permanent(); }

 private:
  int shown(const std::string& value) {
    if (command_.xml) {
      XmlResult result(context_);
      pugi::xml_node attribute = add(result.root(), "attribute");
      set(attribute, "name", command_.name);
      set(attribute, "value", value);
      set(attribute, "scope", command_.scope);
      context_.console->out(result.finish(0));
    } else if (command_.quiet) {
      context_.console->out(printable(value) + "\n");
    } else {
      context_.console->out(fmt::format("scope={}  name={} value={}\n", command_.scope,
                                        printable(command_.name), printable(value)));
    }
    return 0;
  }

  int missing() {
    if (command_.otherwise) return shown(*command_.otherwise);
    return report(context_,
                  {Errc::kNotFound, fmt::format("{} has no attribute {}{}", command_.scope, command_.name,
                                                command_.node.empty() ? "" : " of node " + command_.node)},
                  command_.xml);
  }

  // -- status

  Result<std::vector<AttributeValue>> matching(const std::string& node) {
    if (command_.pattern.empty()) return session_.attributes(command_.name, node);
    regex_t expression;
    if (regcomp(&expression, command_.pattern.c_str(), REG_EXTENDED | REG_NOSUB) != 0) {
      return fail(Errc::kInvalidArgument, "\"{}\" is not a regular expression", command_.pattern);
    }
    auto all = session_.attributes("", node);
    if (all) {
      std::erase_if(*all, [&](const AttributeValue& a) {
        return regexec(&expression, a.name.c_str(), 0, nullptr, 0) != 0;
      });
    }
    regfree(&expression);
    return all;
  }

  int transient() {
    auto node = command_.node.empty() ? default_node(context_, session_) : Result<std::string>(command_.node);
    if (!node) return report(context_, node.error(), command_.xml);
    if (command_.verb == Verb::kSet && command_.pattern.empty()) {
      const auto done = session_.set_attribute(*node, command_.name, command_.value);
      return done ? 0 : report(context_, done.error(), command_.xml);
    }
    const auto found = matching(*node);
    if (!found) return report(context_, found.error(), command_.xml);
    if (command_.verb == Verb::kGet) return found->empty() ? missing() : shown(found->front().value);
    for (const AttributeValue& a : *found) {
      const auto done = command_.verb == Verb::kSet ? session_.set_attribute(*node, a.name, command_.value)
                                                    : session_.delete_attribute(*node, a.name);
      if (!done) return report(context_, done.error(), command_.xml);
    }
    return 0;
  }

  // -- configuration

  Result<PairPlace> place(const cib::Document& document) {
    if (same(command_.scope, "crm_config")) return property_place();
    if (same(command_.scope, "rsc_defaults") || same(command_.scope, "op_defaults"))
      return defaults_place(command_.scope);
    const auto node =
        command_.node.empty() ? default_node(context_, session_) : Result<std::string>(command_.node);
    if (!node) return fail(node.error());
    return node_place(document, *node, command_.utilization);
  }

  int several(const std::vector<Pair>& pairs) {
    std::string text = fmt::format("Multiple attributes match name={}\n", printable(command_.name));
    for (const Pair& p : pairs) {
      text += fmt::format("  Value: {} \t(set={}, id={})\n", printable(p.value), printable(p.set),
                          printable(p.id));
    }
    context_.console->out(text);
    return 109;
  }

  int permanent() {
    const auto document = session_.document();
    if (!document) return report(context_, document.error(), command_.xml);
    const auto where = place(*document);
    if (!where) return report(context_, where.error(), command_.xml);
    if (command_.verb == Verb::kSet) {
      const auto done =
          set_pair(session_, *document, *where, command_.name, command_.value, command_.set, command_.id);
      return done ? 0 : report(context_, done.error(), command_.xml);
    }
    const auto pairs = find_pairs(*document, *where, command_.name, command_.set, command_.id);
    if (pairs.size() > 1) return several(pairs);
    if (command_.verb == Verb::kGet) return pairs.empty() ? missing() : shown(pairs.front().value);
    if (pairs.empty()) return 0;
    if (const auto done = delete_pair(session_, pairs.front()); !done)
      return report(context_, done.error(), command_.xml);
    if (!command_.quiet) {
      context_.console->out(fmt::format("Deleted {} option: id={} name={}\n", command_.scope,
                                        printable(pairs.front().id), printable(command_.name)));
    }
    return 0;
  }

  Context& context_;
  const AttributeCommand& command_;
  Session& session_;
};

}  // namespace

Result<std::string> default_node(const Context& context, Session& session) {
  const std::string inside = context.variable("OCF_RESKEY_CRM_meta_on_node");
  if (!inside.empty() && !context.variable("OCF_RESOURCE_INSTANCE").empty()) return inside;
  return session.local_node();
}

int run_attribute(Context& context, const AttributeCommand& command) {
  auto session = context.session();
  if (!session) return report(context, session.error(), command.xml);
  return Run(context, command, **session).run();
}

}  // namespace systole::cli
