// crm_shadow: configurations to try changes on. They are files DIR/shadow.NAME, which CIB_shadow=NAME
// selects.
#include "cib/ops.h"
#include "cli/host.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/tools.h"

namespace systole::cli {
namespace {

using T = Option::Takes;

Manual manual() {
  return {"configurations on the side, to try changes on",
          "COMMAND [options]",
          {{"Commands",
            {{"which", 'w', T::kNothing, "", "The name of the active one"},
             {"display", 'p', T::kNothing, "", "Its contents"},
             {"diff", 'd', T::kNothing, "", "How it differs from the cluster; exit 1 if it does"},
             {"file", 'F', T::kNothing, "", "Its file"},
             {"create", 'c', T::kValue, "NAME", "Make one from the cluster's configuration"},
             {"create-empty", 'e', T::kValue, "NAME", "Make an empty one"},
             {"commit", 'C', T::kValue, "NAME", "Make the cluster's configuration of it"},
             {"delete", 'D', T::kValue, "NAME", "Delete it"},
             {"reset", 'r', T::kValue, "NAME", "Make it anew from the cluster's configuration"},
             {"switch", 's', T::kValue, "NAME", "Say how to use it"},
             {"edit", 'E', T::kNothing, "", nullptr}}},
           {"Options",
            {{"force", 'f', T::kNothing, "", "Needed for --commit and --delete; overwrites with --create"},
             {"batch", 'b', T::kNothing, "", "Accepted: no shell is ever started"},
             {"all", 'a', T::kNothing, "", "Commit the status too"},
             {"validate-with", 'v', T::kValue, "SCHEMA", "With --create-empty: its schema"}}},
           output_options()},
          "  crm_shadow --create test\n  CIB_shadow=test cibadmin -Q\n  crm_shadow --commit test --force\n"};
}

class Shadow {
 public:
  Shadow(Context& context, const Parsed& parsed) : context_(context), parsed_(parsed) {
    live_ = context.choice;
    live_.shadow.clear();
  }

  int run(const std::string& command) {
    const std::string named = parsed_.value(command);
    const std::string name = named.empty() ? context_.choice.shadow : named;
    if (command == "which" && !name.empty()) return say(printable(name) + "\n", 0);
    if (name.empty())
      return report(context_,
                    {Errc::kNotFound, "no shadow configuration is active: set CIB_shadow to its name"});
    const auto path = shadow_path(context_.choice, context_.paths, name);
    if (!path) return report(context_, path.error());
    if (command == "file") return say(printable(*path) + "\n", 0);
    if (command == "create" || command == "create-empty" || command == "reset")
      return make(command, name, *path);
    if (!file_exists(*path)) {
      return report(context_,
                    {Errc::kNotFound, fmt::format("there is no shadow configuration {} ({})", name, *path)});
    }
    if (command == "display") return display(*path);
    if (command == "diff") return diff(*path);
    if (command == "commit") return commit(name, *path);
    if (command == "delete") return erase(name, *path);
    return say(fmt::format("Use it with: CIB_shadow={}; export CIB_shadow\n", printable(name)), 0);
  }

 private:
  int say(std::string_view text, int code) {
    context_.console->out(text);
    return code;
  }

  int unforced(const char* what, const std::string& name) {
    context_.console->err(
        fmt::format("crm_shadow: to {} {}, repeat it with --force\n", what, printable(name)));
    return 107;
  }

  int make(const std::string& command, const std::string& name, const std::string& path) {
    const bool there = file_exists(path);
    if (command == "reset" && !there) {
      return report(context_,
                    {Errc::kNotFound, fmt::format("there is no shadow configuration {} to reset", name)});
    }
    if (command != "reset" && there && !parsed_.has("force")) {
      context_.console->err(fmt::format(
          "crm_shadow: a shadow configuration {} exists already: choose another name, or --force\n",
          printable(name)));
      return 73;
    }
    std::string xml;
    if (command == "create-empty") {
      cib::Document empty = cib::Document::empty();
      if (parsed_.has("validate-with"))
        empty.root().attribute("validate-with") = parsed_.value("validate-with").c_str();
      xml = empty.serialize(true);
    } else {
      auto document = context_.open(live_).and_then([](auto session) { return session->document(); });
      if (!document) return report(context_, document.error());
      xml = document->serialize(true);
    }
    const auto written = write_file(path, xml);
    if (!written) {
      report(context_, written.error());
      return 73;
    }
    if (parsed_.has("batch")) return 0;
    return say(
        fmt::format("A shadow configuration {} was made. Use it with: CIB_shadow={}; export CIB_shadow\n",
                    printable(name), printable(name)),
        0);
  }

  int display(const std::string& path) {
    const auto xml = read_file(path);
    return xml ? say(*xml, 0) : report(context_, xml.error());
  }

  int diff(const std::string& path) {
    const auto live = context_.open(live_).and_then([](auto session) { return session->document(); });
    if (!live) return report(context_, live.error());
    const auto xml = read_file(path);
    if (!xml) return report(context_, xml.error());
    const auto shadow = cib::Document::parse(*xml);
    if (!shadow) return report(context_, shadow.error());
    const std::string patch = cib::diff(*live, *shadow, true);
    if (patch.empty()) return 0;
    return say(readable(patch), 1);
  }

  // "+  path: @name=value", "++ path: <element>", "-- path".
  static std::string readable(const std::string& patch) {
    pugi::xml_document xml;
    xml.load_buffer(patch.data(), patch.size());
    std::string text;
    const pugi::xml_node version = xml.document_element().child("version");
    for (const char* side : {"source", "target"}) {
      const pugi::xml_node v = version.child(side);
      if (!v) continue;
      text += fmt::format("Diff: {} {}.{}.{} {}\n", side[0] == 's' ? "---" : "+++",
                          v.attribute("admin_epoch").value(), v.attribute("epoch").value(),
                          v.attribute("num_updates").value(), side[0] == 's' ? "1" : "2");
    }
    for (const pugi::xml_node change : xml.document_element().children("change")) {
      const std::string operation = change.attribute("operation").value();
      const std::string path = printable(change.attribute("path").value());
      if (operation == "create")
        text += fmt::format("++ {}: {}\n", path, printable(cib::to_xml(change.first_child())));
      if (operation == "delete") text += fmt::format("-- {}\n", path);
      if (operation == "move")
        text += fmt::format("+~ {} moved to position {}\n", path, change.attribute("position").value());
      for (const pugi::xml_node a : change.child("change-list").children("change-attr")) {
        const bool gone = std::string_view(a.attribute("operation").value()) == "unset";
        text += gone ? fmt::format("+  {}: @{} removed\n", path, printable(a.attribute("name").value()))
                     : fmt::format("+  {}: @{}={}\n", path, printable(a.attribute("name").value()),
                                   printable(a.attribute("value").value()));
      }
    }
    return text;
  }

  int commit(const std::string& name, const std::string& path) {
    if (!parsed_.has("force")) return unforced("commit", name);
    const auto xml = read_file(path);
    if (!xml) return report(context_, xml.error());
    const auto shadow = cib::Document::parse(*xml);
    if (!shadow) return report(context_, shadow.error());
    auto session = context_.open(live_);
    if (!session) return report(context_, session.error());
    cib::Op op;
    op.kind = cib::Op::Kind::kReplace;
    op.force = true;
    op.section = parsed_.has("all") ? "" : "configuration";
    op.xml = cib::to_xml(parsed_.has("all") ? shadow->root() : shadow->section("configuration"));
    const auto done = (*session)->cib(std::move(op));
    return done ? 0 : report(context_, done.error());
  }

  int erase(const std::string& name, const std::string& path) {
    if (!parsed_.has("force")) return unforced("delete", name);
    const auto removed = remove_file(path);
    return removed ? 0 : report(context_, removed.error());
  }

  Context& context_;
  const Parsed& parsed_;
  SessionChoice live_;
};

}  // namespace

int run_crm_shadow(Context& context) {
  Parsed parsed;
  if (const auto done = begin(context, manual(), parsed)) return *done;
  const std::string command = parsed.last_of(
      {"which", "display", "diff", "file", "create", "create-empty", "commit", "delete", "reset", "switch"});
  if (command.empty()) {
    context.console->err("crm_shadow: needs a command, for example --create NAME; see crm_shadow --help\n");
    return 64;
  }
  return Shadow(context, parsed).run(command);
}

}  // namespace systole::cli
