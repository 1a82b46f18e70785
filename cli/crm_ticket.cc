// crm_ticket: tickets of multi-site clusters, kept in the status section.
#include "cli/document_session.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/tools.h"

namespace systole::cli {
namespace {

using T = Option::Takes;

Manual manual() {
  return {"tickets: which site may run what",
          "[-t TICKET] COMMAND [options]",
          {{"Commands",
            {{"info", 'l', T::kNothing, "", "List tickets"},
             {"details", 'L', T::kNothing, "", "List tickets with all attributes"},
             {"raw", 'w', T::kNothing, "", "List names"},
             {"query-xml", 'q', T::kNothing, "", "Print as XML"},
             {"constraints", 'c', T::kNothing, "", "Constraints that need it"},
             {"grant", 'g', T::kNothing, "", "Grant it to this site (--force)"},
             {"revoke", 'r', T::kNothing, "", "Revoke it from this site (--force)"},
             {"standby", 's', T::kNothing, "", "Tell this site not to act on it"},
             {"activate", 'a', T::kNothing, "", "Tell this site to act on it again"},
             {"get-attr", 'G', T::kValue, "NAME", "Print an attribute"},
             {"set-attr", 'S', T::kValue, "NAME", "Set an attribute to --attr-value"},
             {"delete-attr", 'D', T::kValue, "NAME", "Delete an attribute"},
             {"cleanup", 'C', T::kNothing, "", "Delete all of a ticket's state"}}},
           {"Options",
            {{"ticket", 't', T::kValue, "TICKET", "The ticket"},
             {"attr-value", 'v', T::kValue, "VALUE", "With --set-attr"},
             {"default", 'd', T::kValue, "VALUE", "With --get-attr: the value when there is none"},
             {"force", 'f', T::kNothing, "", "Needed to grant and revoke"},
             {"set-name", 'n', T::kValue, "ID", nullptr},
             {"nvpair", 'i', T::kValue, "ID", nullptr},
             {"output-as", 0, T::kValue, "FORMAT", "text or xml"},
             {"output-to", 0, T::kValue, "FILE", "Write there"},
             {"quiet", 'Q', T::kNothing, "", "Less"},
             {"verbose", 'V', T::kNothing, "", "More"}}}},
          "  crm_ticket --info\n  crm_ticket -t ticketA --grant --force\n"};
}

class Tickets {
 public:
  Tickets(Context& context, const Parsed& parsed, Session& session)
      : context_(context), parsed_(parsed), session_(session), ticket_(parsed.value("ticket")) {}

  int run(const std::string& command) {
    const auto document = session_.document();
    if (!document) return report(context_, document.error());
    if (command == "info" || command == "details" || command == "raw" || command == "query-xml")
      return list(*document, command);
    if (ticket_.empty()) {
      context_.console->err("crm_ticket: needs --ticket\n");
      return 64;
    }
    if (command == "constraints") return constraints(*document);
    if (command == "get-attr") return get(*document);
    if ((command == "grant" || command == "revoke") && !parsed_.has("force")) return unforced(command);
    if (command == "cleanup")
      return erase(fmt::format("/cib/status/tickets/ticket_state[@id={}]", xpath_literal(ticket_)));
    return change(command);
  }

 private:
  int list(const cib::Document& document, const std::string& command) {
    std::string text;
    bool found = false;
    for (const pugi::xml_node state : document.section("status").child("tickets").children("ticket_state")) {
      if (!ticket_.empty() && ticket_ != state.attribute("id").value()) continue;
      found = true;
      text += command == "raw"         ? printable(state.attribute("id").value()) + "\n"
              : command == "query-xml" ? "State XML:\n\n" + xml_text(state) + "\n"
                                       : line(state, command == "details");
    }
    if (!found && !ticket_.empty())
      return report(context_, {Errc::kNotFound, fmt::format("there is no ticket {}", ticket_)});
    context_.console->out(text);
    return 0;
  }

  static std::string line(pugi::xml_node state, bool details) {
    const bool granted = std::string_view(state.attribute("granted").value()) == "true";
    const bool standby = std::string_view(state.attribute("standby").value()) == "true";
    std::string text = fmt::format("{}\t{}{}", printable(state.attribute("id").value()),
                                   granted ? "granted" : "revoked", standby ? " [standby]" : "          ");
    std::vector<std::string> pairs;
    for (const pugi::xml_attribute a : state.attributes()) {
      const std::string_view name = a.name();
      if (name == "id" || (!details && name != "last-granted")) continue;
      const std::string value =
          name == "last-granted" ? "'" + ctime_text(a.as_llong()) + "'" : printable(a.value());
      pairs.push_back(fmt::format("{}={}", printable(name), value));
    }
    if (!pairs.empty()) text += fmt::format(" ({})", fmt::join(pairs, ", "));
    return text + "\n";
  }

  int constraints(const cib::Document& document) {
    std::string text = "Constraints XML:\n\n";
    for (const pugi::xml_node c : document.section("constraints").children("rsc_ticket")) {
      if (ticket_ == c.attribute("ticket").value()) text += xml_text(c);
    }
    context_.console->out(text);
    return 0;
  }

  int get(const cib::Document& document) {
    const std::string name = parsed_.value("get-attr");
    for (const pugi::xml_node state : document.section("status").child("tickets").children("ticket_state")) {
      if (ticket_ != state.attribute("id").value()) continue;
      for (const pugi::xml_attribute a : state.attributes()) {
        if (name != a.name()) continue;
        context_.console->out(printable(a.value()) + "\n");
        return 0;
      }
    }
    if (parsed_.has("default")) {
      context_.console->out(printable(parsed_.value("default")) + "\n");
      return 0;
    }
    return report(context_, {Errc::kNotFound, fmt::format("ticket {} has no attribute {}", ticket_, name)});
  }

  int unforced(const std::string& command) {
    context_.console->err(
        fmt::format("crm_ticket: this command cannot tell whether ticket {0} is granted elsewhere.\n"
                    "If it is, data may be lost when it is granted here too. To {1} it nevertheless, "
                    "please specify --force\n",
                    printable(ticket_), command));
    return 4;
  }

  int change(const std::string& command) {
    pugi::xml_document xml;
    pugi::xml_node tickets = add(xml, "tickets"), state = add(tickets, "ticket_state");
    set(state, "id", ticket_);
    if (command == "grant" || command == "revoke") set(state, "granted", command == "grant");
    if (command == "grant") set(state, "last-granted", epoch_seconds(context_.now()));
    if (command == "standby" || command == "activate") set(state, "standby", command == "standby");
    if (command == "set-attr") set(state, parsed_.value("set-attr").c_str(), parsed_.value("attr-value"));
    if (command == "delete-attr") return drop_attribute();
    return apply(cib::Op::Kind::kModify, cib::to_xml(tickets));
  }

  int drop_attribute() {
    const auto document = session_.document();
    if (!document) return report(context_, document.error());
    for (const pugi::xml_node state : document->section("status").child("tickets").children("ticket_state")) {
      if (ticket_ != state.attribute("id").value()) continue;
      pugi::xml_document copy;
      pugi::xml_node changed = copy.append_copy(state);
      changed.remove_attribute(parsed_.value("delete-attr").c_str());
      const int erased =
          erase(fmt::format("/cib/status/tickets/ticket_state[@id={}]", xpath_literal(ticket_)));
      return erased != 0 ? erased
                         : apply(cib::Op::Kind::kModify, "<tickets>" + cib::to_xml(changed) + "</tickets>");
    }
    return report(context_, {Errc::kNotFound, fmt::format("there is no ticket {}", ticket_)});
  }

  int apply(cib::Op::Kind kind, std::string xml) {
    cib::Op op;
    op.kind = kind;
    op.section = "status";
    op.xml = std::move(xml);
    op.allow_create = true;
    const auto done = session_.cib(std::move(op));
    return done ? 0 : report(context_, done.error());
  }

  int erase(const std::string& xpath) {
    cib::Op op;
    op.kind = cib::Op::Kind::kDelete;
    op.xpath = xpath;
    const auto done = session_.cib(std::move(op));
    return done ? 0 : report(context_, done.error());
  }

  Context& context_;
  const Parsed& parsed_;
  Session& session_;
  std::string ticket_;
};

}  // namespace

int run_crm_ticket(Context& context) {
  Parsed parsed;
  if (const auto done = begin(context, manual(), parsed)) return *done;
  const std::string command =
      parsed.last_of({"info", "details", "raw", "query-xml", "constraints", "grant", "revoke", "standby",
                      "activate", "get-attr", "set-attr", "delete-attr", "cleanup"});
  for (const char* key : {"set-attr", "delete-attr"}) {
    if (command == key && (parsed.value(key).empty() || xml_id(parsed.value(key)) != parsed.value(key))) {
      context.console->err(
          fmt::format("crm_ticket: \"{}\" cannot be an attribute's name\n", printable(parsed.value(key))));
      return 64;
    }
  }
  auto session = context.session();
  if (!session) return report(context, session.error());
  return Tickets(context, parsed, **session).run(command.empty() ? "info" : command);
}

}  // namespace systole::cli
