#include "cli/crm/commit.h"

#include "cib/ops.h"
#include "cib/schema.h"
#include "cli/crm/attributes.h"
#include "cli/crm/merge.h"
#include "cli/crm/xml.h"
#include "pengine/scheduler.h"

namespace systole::crm {
namespace {

using std::string_view;

constexpr int kMostTries = 50;  // Somebody else was faster this often: something is wrong.

Configuration in(const cib::Document& document) { return Configuration(document.root()); }

void append(std::vector<std::string>& to, std::vector<std::string> more) {
  for (auto& item : more)
    if (std::find(to.begin(), to.end(), item) == to.end()) to.push_back(std::move(item));
}

std::string default_timeout(const Configuration& configuration) {
  for (const auto set : elements(configuration.section("op_defaults")))
    if (const auto pair = find_nvpair(set, "timeout"); pair && !set.child("rule"))
      return std::string(attr(pair, "value"));
  return "20s";
}

// The sets that give a resource its parameters: its own, those it refers to, its template's.
std::vector<pugi::xml_node> parameter_sets(const Configuration& configuration, pugi::xml_node resource) {
  std::vector<pugi::xml_node> sets;
  for (const auto set : resource.children("instance_attributes")) {
    if (!set.attribute("id-ref")) {
      sets.push_back(set);
      continue;
    }
    walk(configuration.node(), [&](pugi::xml_node node) {
      if (name_of(node) == "instance_attributes" && attr(node, "id") == attr(set, "id-ref"))
        sets.push_back(node);
    });
  }
  return sets;
}

void judge_resource(Shell& shell, const Configuration& configuration, pugi::xml_node resource,
                    Judgement& judgement) {
  auto definition = resource;
  auto sets = parameter_sets(configuration, resource);
  if (resource.attribute("template")) {
    definition = configuration.find(attr(resource, "template"));
    if (!definition) return;  // Told as a dangling reference.
    for (const auto set : parameter_sets(configuration, definition)) sets.push_back(set);
  }
  const auto& agent =
      shell.agent(std::string(attr(definition, "class")), std::string(attr(definition, "provider")),
                  std::string(attr(definition, "type")));
  const auto id = attr(resource, "id");
  if (!agent) {
    const std::string message = fmt::format("{}: {}", id, agent.error().message);
    auto& list = agent.error().code == Errc::kNotFound ? judgement.errors : judgement.warnings;
    list.push_back(message);
    return;
  }
  auto checked = check_resource(resource, sets, *agent, default_timeout(configuration));
  append(judgement.errors, std::move(checked.errors));
  append(judgement.warnings, std::move(checked.warnings));
}

void judge_agents(Shell& shell, const Configuration& before, const Configuration& after,
                  Judgement& judgement) {
  for (const auto object : after.objects()) {
    if (name_of(object) != "primitive" && name_of(object) != "template") continue;
    const auto old = before.find(attr(object, "id"));
    if (!old || !same_tree(old, object)) judge_resource(shell, after, object, judgement);
  }
}

std::vector<std::string> complaints(const pengine::Plan& plan, pengine::Problem::Severity severity) {
  std::vector<std::string> messages;
  for (const auto& problem : plan.problems)
    if (problem.severity == severity) messages.push_back(problem.message);
  return messages;
}

// What it complained of before is no fault of this change: errors are only warned of, warnings not repeated.
void judge_schedule(const cib::Document* before, const cib::Document& after, WallTime now,
                    Judgement& judgement) {
  using Severity = pengine::Problem::Severity;
  pengine::Options options;
  options.now = now;
  const auto old_plan = before == nullptr ? pengine::Plan{} : pengine::schedule(*before, options);
  const auto new_plan = pengine::schedule(after, options);
  const auto old_errors = complaints(old_plan, Severity::kError),
             old_warnings = complaints(old_plan, Severity::kWarning);
  const auto among = [](const std::vector<std::string>& list, const std::string& message) {
    return std::find(list.begin(), list.end(), message) != list.end();
  };
  for (auto& message : complaints(new_plan, Severity::kError))
    append(among(old_errors, message) ? judgement.warnings : judgement.errors, {message});
  for (auto& message : complaints(new_plan, Severity::kWarning))
    if (!among(old_warnings, message)) append(judgement.warnings, {message});
}

// A bulk load may have one mistake a thousand times.
void tell(const std::vector<std::string>& messages, const std::function<void(std::string_view)>& say) {
  constexpr std::size_t kMost = 25;
  for (std::size_t i = 0; i < std::min(kMost, messages.size()); ++i) say(messages[i]);
  if (messages.size() > kMost) say(fmt::format("and {} more of this kind", messages.size() - kMost));
}

}  // namespace

bool Judgement::report(Shell& shell) const {
  tell(warnings, [&](std::string_view message) { shell.warn(message); });
  tell(refusals, [&](std::string_view message) { shell.error(message); });
  tell(errors, [&](std::string_view message) { shell.error(message); });
  return refusals.empty() && errors.empty();
}

Judgement judge(Shell& shell, const cib::Document* before, const cib::Document& after, bool deep) {
  Judgement judgement;
  const auto nothing = cib::Document::empty();
  const cib::Document& old = before == nullptr ? nothing : *before;
  const auto add_new = [](std::vector<std::string>& to, std::vector<std::string> found,
                          const std::vector<std::string>& known) {
    for (auto& problem : found)
      if (std::find(known.begin(), known.end(), problem) == known.end()) append(to, {std::move(problem)});
  };
  add_new(judgement.refusals, dangling_references(in(after)), dangling_references(in(old)));
  if (judgement.refusals.empty()) {
    const auto messages = [](const cib::Document& document, bool errors) {
      std::vector<std::string> list;
      for (auto& finding : cib::validate(document))
        if (finding.error == errors) list.push_back(std::move(finding.message));
      return list;
    };
    append(judgement.refusals, messages(after, true));
    add_new(judgement.warnings, messages(after, false), messages(old, false));
  }
  if (!judgement.refusals.empty() || !deep) return judgement;
  add_new(judgement.warnings, unknown_nodes(in(after)), unknown_nodes(in(old)));
  judge_agents(shell, in(old), in(after), judgement);
  judge_schedule(before, after, shell.context().now(), judgement);
  return judgement;
}

bool commit_copy(Shell& shell, WorkingCopy& copy, bool force, bool deep) {
  for (int tries = 0; tries < kMostTries; ++tries) {
    auto live = shell.fresh_document();
    if (!live) return shell.error(live.error());
    auto session = shell.session();
    if (!session) return shell.error(session.error());
    auto merged = live->clone();
    const auto conflicts = merge_configuration(in(copy.base).node(), in(copy.mine).node(), in(merged).node());
    for (const auto& conflict : conflicts)
      shell.error(fmt::format("conflict in {}: {}", conflict.object, conflict.what));
    if (!conflicts.empty())
      return shell.error(
          "somebody else has changed the same objects; nothing was committed. `refresh` drops your changes");
    for (const char* name : {"validate-with"})
      if (attr(copy.mine.root(), name) != attr(copy.base.root(), name))
        set_attr(merged.root(), name, attr(copy.mine.root(), name));
    // Judged once: a merge with what came meanwhile is judged by the cluster itself.
    if (tries == 0) {
      const auto judgement = judge(shell, &*live, merged, deep);
      const bool good = judgement.report(shell);
      if (!judgement.refusals.empty()) return false;
      if (!good && !force && !shell.ask("There are errors. Commit all the same")) return false;
    }
    auto version = live->version();
    version.epoch += 1;
    version.num_updates = 0;
    merged.set_version(version);
    cib::Op op;
    op.kind = cib::Op::Kind::kPatch;
    op.xml = cib::diff(*live, merged, true);
    auto done = op.xml.empty() ? Result<std::string>(std::string{}) : (*session)->cib(std::move(op), false);
    if (!done && (done.error().code == Errc::kOld || done.error().code == Errc::kConflict)) continue;
    if (!done) return shell.error(done.error());
    copy.base = merged.clone();
    copy.mine = std::move(merged);
    return true;
  }
  return shell.error("the configuration changes faster than this commit can follow; try again");
}

}  // namespace systole::crm
