#include "cli/crm/configure_commands.h"

#include <algorithm>

#include "cli/crm/commit.h"
#include "cli/crm/format.h"
#include "cli/crm/properties.h"
#include "cli/crm/select.h"
#include "cli/crm/simulate.h"
#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

using std::string_view;

std::optional<Configuration> edited(Shell& shell) {
  auto copy = shell.working();
  if (copy) return Configuration((*copy)->mine.root());
  shell.error(copy.error());
  return std::nullopt;
}

bool running_somewhere(Shell& shell, const std::string& id) {
  auto session = shell.session();
  return session && shell.live() && is_running(**session, id);
}

}  // namespace

bool run_define(Shell& shell, const Invocation& call) {
  auto configuration = edited(shell);
  if (!configuration) return false;
  Result<Object> object;
  if (call.command.name == "xml") {
    object = parse_statement(call.raw);
  } else {
    Words words = call.args;
    words.insert(words.begin(), std::string(call.command.name));
    object = parse_object(words);
  }
  if (!object) return shell.error(object.error());
  if (auto put = configuration->put(*object, Configuration::Put::kCreate); !put)
    return shell.error(put.error());
  return true;
}

bool run_show(Shell& shell, const Invocation& call) {
  auto copy = shell.working();
  if (!copy) return shell.error(copy.error());
  auto selection = parse_selection(call.args);
  auto text = show_selection(**copy, selection, shell.options().sort);
  if (!text) return shell.error(text.error());
  const bool colour = shell.options().colour && shell.context().console->colour() && !selection.xml;
  shell.out(colour ? colourise(*text) : *text);
  return true;
}

bool run_delete(Shell& shell, const Invocation& call) {
  Words ids = call.args;
  const bool force = std::erase(ids, "--force") + std::erase(ids, "force") > 0 || shell.options().force;
  if (ids.empty()) return shell.usage(call);
  auto configuration = edited(shell);
  if (!configuration) return false;
  for (const auto& id : ids) {
    const auto object = configuration->find(id);
    if (!object) return shell.error(fmt::format("object {} does not exist", id));
    const bool plain = name_of(object) == "primitive";
    if (plain && !force && running_somewhere(shell, id))
      return shell.error(fmt::format(
          "resource {} is running, can't delete it: `resource stop {}` first, or --force", id, id));
  }
  auto also = configuration->remove(ids);
  if (!also) return shell.error(also.error());
  for (const auto& message : *also) shell.info(message);
  return true;
}

bool run_rename(Shell& shell, const Invocation& call) {
  if (call.args.size() != 2) return shell.usage(call);
  auto configuration = edited(shell);
  if (!configuration) return false;
  if (!shell.options().force && configuration->find_resource(call.args[0]) &&
      running_somewhere(shell, call.args[0]))
    return shell.error(
        fmt::format("resource {} is running, can't rename it: under its new name it would be started anew",
                    call.args[0]));
  auto renamed = configuration->rename(call.args[0], call.args[1]);
  return renamed ? true : shell.error(renamed.error());
}

bool run_modgroup(Shell& shell, const Invocation& call) {
  const Words& a = call.args;
  const bool adds = a.size() >= 3 && a[1] == "add", removes = a.size() == 3 && a[1] == "remove";
  const bool beside = a.size() == 5 && (a[3] == "after" || a[3] == "before");
  if ((!adds && !removes) || (adds && a.size() != 3 && !beside)) return shell.usage(call);
  auto configuration = edited(shell);
  if (!configuration) return false;
  const auto done = adds ? configuration->add_to_group(a[0], a[2], beside ? a[4] : std::string{},
                                                       !beside || a[3] == "after")
                         : configuration->remove_from_group(a[0], a[2]);
  return done ? true : shell.error(done.error());
}

bool run_erase(Shell& shell, const Invocation& call) {
  auto configuration = edited(shell);
  if (!configuration) return false;
  if (!shell.options().force)
    for (const auto& resource : configuration->resources())
      if (running_somewhere(shell, std::string(attr(resource, "id"))))
        return shell.error(
            fmt::format("resource {} is running: stop it first, or use -F", attr(resource, "id")));
  configuration->erase(!call.args.empty() && call.args[0] == "nodes");
  return true;
}

bool run_configure_verify(Shell& shell, const Invocation&) {
  auto copy = shell.working();
  if (!copy) return shell.error(copy.error());
  // What the configuration had before is judged as well: verify is about the whole.
  return judge(shell, nullptr, (*copy)->mine, true).report(shell);
}

bool run_commit(Shell& shell, const Invocation& call) {
  bool force = false;
  for (const auto& word : call.args) {
    if (word != "force" && word != "--force" && word != "replace") return shell.usage(call);
    force |= word != "replace";
  }
  auto copy = shell.working();
  if (!copy) return shell.error(copy.error());
  if (!(*copy)->changed()) {
    if (shell.interactive) shell.info("apparently there is nothing to commit");
    return true;
  }
  return shell.commit(force);
}

bool run_refresh(Shell& shell, const Invocation&) {
  if (auto copy = shell.working(); copy && (*copy)->changed() && shell.interactive &&
                                   !shell.ask("All changes will be dropped. Do you want to proceed"))
    return false;
  shell.forget_working();
  auto copy = shell.working();
  return copy ? true : shell.error(copy.error());
}

bool run_get_property(Shell& shell, const Invocation& call) {
  Words names = call.args;
  const bool quiet_default = std::erase(names, "-t") + std::erase(names, "--true") > 0;
  if (names.empty()) return shell.usage(call);
  auto configuration = edited(shell);
  if (!configuration) return false;
  for (const auto& name : names) {
    std::string_view value = configuration->property(name);
    if (value.empty()) value = property_default(name);
    if (value.empty() && quiet_default) value = "true";
    if (value.empty()) return shell.error(fmt::format("property {} is not set and has no default", name));
    shell.out(fmt::format("{}\n", value));
  }
  return true;
}

bool run_set(Shell& shell, const Invocation& call) {
  if (call.args.size() != 2) return shell.usage(call);
  auto configuration = edited(shell);
  if (!configuration) return false;
  const auto dot = call.args[0].rfind('.');
  const std::string id = call.args[0].substr(0, dot),
                    name = dot == std::string::npos ? "" : call.args[0].substr(dot + 1);
  const auto object = configuration->find(id);
  if (!object) return shell.error(fmt::format("object {} does not exist", id));
  pugi::xml_node found;
  walk(object, [&](pugi::xml_node part) {
    if (!found && name_of(part) == "nvpair" && attr(part, "name") == name) found = part;
  });
  if (!found) return shell.error(fmt::format("{} has no attribute {}", id, name));
  set_attr(found, "value", call.args[1]);
  return true;
}

bool run_schema(Shell& shell, const Invocation& call) {
  auto copy = shell.working();
  if (!copy) return shell.error(copy.error());
  if (call.args.empty()) {
    shell.out(fmt::format("{}\n", attr((*copy)->mine.root(), "validate-with")));
    return true;
  }
  set_attr((*copy)->mine.root(), "validate-with", call.args[0]);
  return true;
}

bool run_validate_all(Shell& shell, const Invocation& call) {
  if (call.args.size() != 1) return shell.usage(call);
  auto configuration = edited(shell);
  if (!configuration) return false;
  if (name_of(configuration->find(call.args[0])) != "primitive")
    return shell.error(fmt::format("primitive {} does not exist", call.args[0]));
  auto copy = shell.working();
  const auto judgement = judge(shell, nullptr, (*copy)->mine, true);
  bool good = true;
  for (const auto& message : judgement.errors)
    if (message.starts_with(call.args[0] + ":")) good = shell.error(message);
  for (const auto& message : judgement.warnings)
    if (message.starts_with(call.args[0] + ":")) shell.warn(message);
  return good;
}

}  // namespace systole::crm
