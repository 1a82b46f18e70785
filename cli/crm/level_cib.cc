// The cib level: shadow configurations, to try changes out.
#include <algorithm>

#include "cib/ops.h"
#include "cli/crm/shell.h"
#include "cli/host.h"

namespace systole::crm {
namespace {

std::string folder(Shell& shell) {
  auto& context = shell.context();
  return context.choice.shadow_dir.empty() ? context.paths.cib : context.choice.shadow_dir;
}

Result<std::string> path_of(Shell& shell, const std::string& name) {
  return cli::shadow_path(shell.context().choice, shell.context().paths, name);
}

// The cluster itself, whatever shadow is in use.
Result<std::unique_ptr<cli::Session>> cluster(Shell& shell) {
  return shell.context().open(shell.cluster_choice());
}

Words shadows(Shell& shell) {
  Words names;
  for (const auto& file : cli::list_folder(folder(shell)))
    if (file.starts_with("shadow.")) names.push_back(file.substr(7));
  return names;
}

bool write_shadow(Shell& shell, const std::string& name, const cib::Document& document, bool force) {
  auto path = path_of(shell, name);
  if (!path) return shell.error(path.error());
  if (cli::file_exists(*path) && !force)
    return shell.error(fmt::format(
        "{} shadow CIB already exists: `cib new {} force`, or `cib delete {}` first", name, name, name));
  auto written = cli::write_file(*path, document.serialize(true));
  return written ? true : shell.error(written.error());
}

bool run_new(Shell& shell, const Invocation& call) {
  Words args = call.args;
  const bool force = std::erase(args, "force") + std::erase(args, "--force") > 0 || shell.options().force;
  const bool empty = std::erase(args, "empty") > 0, with_status = std::erase(args, "withstatus") > 0;
  if (args.size() != 1) return shell.usage(call);
  auto document = Result<cib::Document>(cib::Document::empty());
  if (!empty) {
    auto session = cluster(shell);
    if (!session) return shell.error(session.error());
    document = (*session)->document();
    if (!document) return shell.error(document.error());
    if (!with_status) {
      auto status = document->section("status");
      while (auto child = status.first_child()) status.remove_child(child);
    }
  }
  if (!write_shadow(shell, args[0], *document, force)) return false;
  shell.info(fmt::format("cib.new: {} shadow CIB created", args[0]));
  shell.use_shadow(args[0]);
  return true;
}

bool run_use(Shell& shell, const Invocation& call) {
  if (call.args.size() > 2) return shell.usage(call);
  const std::string name = call.args.empty() || call.args[0] == "live" ? "" : call.args[0];
  if (!name.empty()) {
    auto path = path_of(shell, name);
    if (!path) return shell.error(path.error());
    if (!cli::file_exists(*path))
      return shell.error(fmt::format("{}: no such shadow CIB; `cib list` shows them", name));
  }
  shell.use_shadow(name);
  return true;
}

bool run_list(Shell& shell, const Invocation&) {
  for (const auto& name : shadows(shell)) shell.out(name + '\n');
  return true;
}

bool run_delete(Shell& shell, const Invocation& call) {
  if (call.args.empty()) return shell.usage(call);
  for (const auto& name : call.args) {
    if (name == shell.context().choice.shadow)
      return shell.error(fmt::format("{} shadow CIB is in use: `cib use live` first", name));
    auto path = path_of(shell, name);
    if (!path) return shell.error(path.error());
    if (!cli::file_exists(*path)) return shell.error(fmt::format("{}: no such shadow CIB", name));
    if (auto removed = cli::remove_file(*path); !removed) return shell.error(removed.error());
    shell.info(fmt::format("cib.delete: {} shadow CIB deleted", name));
  }
  return true;
}

// The shadow named, or the one in use.
std::optional<std::string> shadow_argument(Shell& shell, const Invocation& call) {
  const std::string name = call.args.empty() ? shell.context().choice.shadow : call.args[0];
  if (name.empty()) return shell.error("no shadow CIB is in use: name one"), std::nullopt;
  return name;
}

Result<cib::Document> read_shadow(Shell& shell, const std::string& name) {
  auto path = path_of(shell, name);
  if (!path) return fail(path.error());
  auto text = cli::read_file(*path);
  if (!text) return fail(text.error());
  return cib::Document::parse(*text);
}

bool run_commit(Shell& shell, const Invocation& call) {
  const auto name = shadow_argument(shell, call);
  if (!name) return false;
  auto shadow = read_shadow(shell, *name);
  if (!shadow) return shell.error(shadow.error());
  auto session = cluster(shell);
  if (!session) return shell.error(session.error());
  cib::Op op;
  op.kind = cib::Op::Kind::kReplace;
  op.section = "configuration";
  op.xml = cib::to_xml(shadow->section("configuration"));
  op.force = shell.options().force;
  if (auto done = (*session)->cib(std::move(op)); !done) return shell.error(done.error());
  shell.info(fmt::format("cib.commit: committed '{}' shadow CIB to the cluster", *name));
  return true;
}

bool run_reset(Shell& shell, const Invocation& call) {
  const auto name = shadow_argument(shell, call);
  if (!name) return false;
  auto session = cluster(shell);
  if (!session) return shell.error(session.error());
  auto document = (*session)->document();
  if (!document) return shell.error(document.error());
  if (!write_shadow(shell, *name, *document, true)) return false;
  shell.forget_working();
  shell.info(fmt::format("cib.reset: copied live CIB to {}", *name));
  return true;
}

bool run_diff(Shell& shell, const Invocation& call) {
  const auto name = shadow_argument(shell, call);
  if (!name) return false;
  auto shadow = read_shadow(shell, *name);
  if (!shadow) return shell.error(shadow.error());
  auto session = cluster(shell);
  if (!session) return shell.error(session.error());
  auto live = (*session)->document();
  if (!live) return shell.error(live.error());
  auto wanted = live->clone();
  auto root = wanted.root();
  auto old = root.child("configuration");
  root.insert_copy_before(shadow->section("configuration"), old);
  root.remove_child(old);
  const std::string patch = cib::diff(*live, wanted, false);
  shell.out(patch.empty() ? std::string{} : patch + '\n');
  return true;
}

bool run_import(Shell& shell, const Invocation& call) {
  if (call.args.empty() || call.args.size() > 2) return shell.usage(call);
  auto text = cli::read_file(call.args[0]);
  if (!text) return shell.error(text.error());
  auto document = cib::Document::parse(*text);
  if (!document) return shell.error(document.error());
  std::string name = call.args.size() == 2 ? call.args[1] : call.args[0].substr(call.args[0].rfind('/') + 1);
  if (name.ends_with(".xml")) name.resize(name.size() - 4);
  if (!write_shadow(shell, name, *document, shell.options().force)) return false;
  shell.info(fmt::format("cib.import: {} shadow CIB created from {}", name, call.args[0]));
  shell.use_shadow(name);
  return true;
}

constexpr Command kCommands[] = {
    {.name = "new",
     .usage = "<name> [force] [withstatus] [empty]",
     .brief = "a copy of the configuration to play with",
     .help = "Makes the shadow and uses it: what follows changes the copy only.\n\n  cib new test\n  "
             "configure property "
             "maintenance-mode=true\n  cib commit test",
     .run = run_new},
    {.name = "use",
     .usage = "[<name> | live]",
     .brief = "work on a shadow, or on the cluster again",
     .help = "",
     .run = run_use,
     .args = {Arg::kShadow, Arg::kNone}},
    {.name = "commit",
     .usage = "[<name>]",
     .brief = "put a shadow into the cluster",
     .help = "The whole configuration becomes the shadow's.",
     .run = run_commit,
     .args = {Arg::kShadow, Arg::kNone}},
    {.name = "reset",
     .usage = "[<name>]",
     .brief = "copy the cluster's configuration anew",
     .help = "",
     .run = run_reset,
     .args = {Arg::kShadow, Arg::kNone}},
    {.name = "delete",
     .usage = "<name>...",
     .brief = "delete shadows",
     .help = "",
     .run = run_delete,
     .args = {Arg::kShadow}},
    {.name = "list", .usage = "", .brief = "names of the shadows", .help = "", .run = run_list},
    {.name = "diff",
     .usage = "[<name>]",
     .brief = "what a shadow would change",
     .help = "",
     .run = run_diff,
     .args = {Arg::kShadow, Arg::kNone}},
    {.name = "import",
     .usage = "<file> [<name>]",
     .brief = "a shadow from a CIB in a file",
     .help = "",
     .run = run_import,
     .args = {Arg::kFile, Arg::kNone}},
};

constexpr Level kLevel = {
    .name = "cib",
    .brief = "copies of the configuration to try changes on",
    .help = "Shadow configurations. While one is in use, `configure` changes it and not the cluster.",
    .commands = kCommands};

}  // namespace

const Level& cib_level() { return kLevel; }

}  // namespace systole::crm
