// Completion: the candidates for the word before the cursor, from the tables of commands and what the cluster
// has.
#include <algorithm>

#include "cli/crm/cursor.h"
#include "cli/crm/properties.h"
#include "cli/crm/shell.h"
#include "cli/crm/xml.h"
#include "cli/host.h"

namespace systole::crm {
namespace {

using std::string_view;

void add_names(std::span<const Property> properties, string_view suffix, Words& to) {
  for (const auto& property : properties) to.push_back(fmt::format("{}{}", property.name, suffix));
}

void add_commands(const Level& level, Words& to) {
  for (const auto& command : level.commands) to.emplace_back(command.name);
  for (const auto& command : common_commands()) to.emplace_back(command.name);
  if (level.name.empty())
    for (const auto* sub : levels()) to.emplace_back(sub->name);
}

// Agents in steps: class, then provider, then type, so that lists stay short.
void add_agents(Shell& shell, string_view word, Words& to) {
  auto session = shell.session();
  if (!session) return;
  const auto first = word.find(':');
  if (first == string_view::npos) {
    if (auto classes = (*session)->agent_classes())
      for (const auto& name : *classes) to.push_back(name + ':');
    return;
  }
  const std::string agent_class(word.substr(0, first));
  const auto second = word.find(':', first + 1);
  if (agent_class == "ocf" && second == string_view::npos) {
    if (auto providers = (*session)->agent_providers(agent_class))
      for (const auto& name : *providers) to.push_back(agent_class + ':' + name + ':');
    return;
  }
  const std::string provider(agent_class == "ocf" ? word.substr(first + 1, second - first - 1)
                                                  : string_view{});
  const std::string prefix = provider.empty() ? agent_class + ':' : agent_class + ':' + provider + ':';
  if (auto types = (*session)->agent_types(agent_class, provider))
    for (const auto& name : *types) to.push_back(prefix + name);
}

void add_parameters(Shell& shell, const std::string& agent_name, string_view suffix, Words& to) {
  auto object = parse_object({"primitive", "x", agent_name});
  if (!object) return;
  const auto node = object->node();
  const auto& agent = shell.agent(std::string(attr(node, "class")), std::string(attr(node, "provider")),
                                  std::string(attr(node, "type")));
  if (!agent) return;
  for (const auto& parameter : agent->parameters) to.push_back(parameter.name + std::string(suffix));
}

// Inside a primitive: the clause that was begun last says what may come.
void add_definition(Shell& shell, const Words& words, Words& to) {
  string_view clause = "params";
  std::size_t since = 0;
  for (std::size_t i = 2; i < words.size(); ++i)
    for (const string_view keyword : {"params", "meta", "op", "utilization", "operations"})
      if (words[i] == keyword) clause = keyword, since = i;
  if (clause == "op" && since + 1 == words.size()) {
    for (const char* name : {"monitor", "start", "stop", "promote", "demote"}) to.emplace_back(name);
    return;
  }
  if (clause == "params" && words.size() > 2) add_parameters(shell, words[2], "=", to);
  if (clause == "meta") add_names(meta_attributes(), "=", to);
  if (clause == "op") add_names(op_attributes(), "=", to);
  for (const char* keyword : {"params", "meta", "op", "utilization"}) to.emplace_back(keyword);
}

void add_objects(Shell& shell, Arg kind, Words& to) {
  auto copy = shell.working();
  if (!copy) return;
  for (const auto object : Configuration((*copy)->mine.root()).objects()) {
    const Kind* of = kind_of(object);
    const bool wanted = kind == Arg::kObject || (kind == Arg::kResource && of->resource) ||
                        (kind == Arg::kGroup && of->keyword == "group") ||
                        (kind == Arg::kPrimitive && of->keyword == "primitive") ||
                        (kind == Arg::kNode && of->keyword == "node");
    if (wanted) to.push_back(object_id(object));
  }
}

void add_resource_parameters(Shell& shell, const std::string& id, Words& to) {
  auto copy = shell.working();
  if (!copy) return;
  const auto resource = Configuration((*copy)->mine.root()).find_resource(id);
  if (name_of(resource) != "primitive") return;
  const auto& agent =
      shell.agent(std::string(attr(resource, "class")), std::string(attr(resource, "provider")),
                  std::string(attr(resource, "type")));
  if (!agent) return;
  for (const auto& parameter : agent->parameters) to.push_back(parameter.name);
}

void add_files(string_view word, Words& to) {
  const auto slash = word.rfind('/');
  const std::string folder(slash == string_view::npos ? string_view{} : word.substr(0, slash + 1));
  for (const auto& name : cli::list_folder(folder.empty() ? "." : folder)) to.push_back(folder + name);
}

void add_shadows(Shell& shell, Words& to) {
  const auto& choice = shell.context().choice;
  for (const auto& file :
       cli::list_folder(choice.shadow_dir.empty() ? shell.context().paths.cib : choice.shadow_dir))
    if (file.starts_with("shadow.")) to.push_back(file.substr(7));
  to.emplace_back("live");
}

void add_argument(Shell& shell, const Command& command, const Words& words, string_view word, Words& to) {
  // The last kind named holds for all further arguments; a kNone behind it ends them.
  std::size_t named = 0;
  while (named < 4 && command.args[named] != Arg::kNone) ++named;
  for (std::size_t i = named; i < 4; ++i)
    if (command.args[i] != Arg::kNone) named = i + 1;
  if (named == 0) return;
  const std::size_t index = std::min(words.size() - 1, named - 1);
  switch (command.args[index]) {
    case Arg::kNone:
      return;
    case Arg::kObject:
    case Arg::kResource:
    case Arg::kGroup:
    case Arg::kPrimitive:
    case Arg::kNode:
      return add_objects(shell, command.args[index], to);
    case Arg::kAgent:
      return add_agents(shell, word, to);
    case Arg::kDefinition:
      return add_definition(shell, words, to);
    case Arg::kProperty:
      return add_names(cluster_properties(), command.name == "property" ? "=" : "", to);
    case Arg::kMetaAttribute: {
      const bool assigns = command.name == "rsc_defaults" || command.name == "clone" || command.name == "ms";
      if (command.name == "clone" || command.name == "ms") to.emplace_back("meta");
      return add_names(meta_attributes(), assigns ? "=" : "", to);
    }
    case Arg::kShadow:
      return add_shadows(shell, to);
    case Arg::kFile:
      return add_files(word, to);
    case Arg::kCommand:
      return add_commands(shell.level(), to);
    case Arg::kParameter:
      return words.size() > 1 ? add_resource_parameters(shell, words[1], to) : void();
    case Arg::kClass:
      if (auto session = shell.session())
        if (auto classes = (*session)->agent_classes()) to = *classes;
      return;
    case Arg::kProvider:
      if (auto session = shell.session())
        if (auto providers = (*session)->agent_providers("ocf")) to = *providers;
      return;
    case Arg::kAction:
      to = {"set", "delete", "show"};
      return;
    case Arg::kOnOff:
      to = {"on", "off"};
      return;
    case Arg::kMethod:
      to = {"update", "replace", "push", "xml"};
      return;
    case Arg::kOption:
      to = {"editor", "pager", "output", "sort-elements", "wait", "force"};
      return;
  }
}

}  // namespace

std::vector<std::string> Shell::complete(std::string_view line) {
  const auto blank = line.find_last_of(" \t");
  const string_view word = blank == string_view::npos ? line : line.substr(blank + 1);
  // An open quote: nothing that could be known.
  auto words = split_words(blank == string_view::npos ? string_view{} : line.substr(0, blank));
  if (!words) return {};
  const Level* level = path_.back();
  std::size_t at = 0;
  Words candidates;
  const Command* command = nullptr;
  while (at < words->size()) {
    const auto found = find_command(*level, (*words)[at]);
    if (found.command == nullptr && found.level == nullptr) return {};
    ++at;
    command = found.command;
    if (command != nullptr) break;
    level = found.level;
  }
  if (command == nullptr)
    add_commands(*level, candidates);
  else
    add_argument(*this, *command, Words(words->begin() + static_cast<std::ptrdiff_t>(at) - 1, words->end()),
                 word, candidates);
  std::erase_if(candidates, [&](const auto& candidate) { return !candidate.starts_with(word); });
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  return candidates;
}

}  // namespace systole::crm
