// The ra level: what agents there are, and what they want to know.
#include <algorithm>

#include "cli/crm/shell.h"

namespace systole::crm {
namespace {

struct Name {
  std::string agent_class, provider, type;
};

// "ocf:heartbeat:IPaddr2", "lsb:httpd", "stonith:external/ssh", or a type alone, looked for in all classes.
Result<Name> find_agent_name(cli::Session& session, std::string text) {
  if (const auto twice = text.find("::"); twice != std::string::npos) text.erase(twice, 1);
  const auto first = text.find(':'), last = text.rfind(':');
  if (first == std::string::npos) {
    auto classes = session.agent_classes();
    if (!classes) return fail(classes.error());
    // ocf before the others, its provider heartbeat before others.
    std::stable_partition(classes->begin(), classes->end(), [](const auto& c) { return c == "ocf"; });
    for (const auto& agent_class : *classes) {
      auto providers = agent_class == "ocf" ? session.agent_providers(agent_class) : Result<Words>(Words{""});
      if (!providers) continue;
      std::stable_partition(providers->begin(), providers->end(),
                            [](const auto& p) { return p == "heartbeat"; });
      for (const auto& provider : *providers) {
        auto types = session.agent_types(agent_class, provider);
        if (types && std::find(types->begin(), types->end(), text) != types->end())
          return Name{agent_class, provider, text};
      }
    }
    return fail(Errc::kNotFound,
                "no agent {} in any class; `ra classes` and `ra list CLASS` show what there is", text);
  }
  if (first != last)
    return Name{text.substr(0, first), text.substr(first + 1, last - first - 1), text.substr(last + 1)};
  const std::string agent_class = text.substr(0, first), type = text.substr(first + 1);
  return Name{agent_class, agent_class == "ocf" ? "heartbeat" : "", type};
}

bool print_list(Shell& shell, const Words& names) {
  std::size_t width = 0;
  for (const auto& name : names) width = std::max(width, name.size() + 2);
  const std::size_t columns = std::max<std::size_t>(1, 80 / std::max<std::size_t>(1, width));
  std::string text, line;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool last = (i + 1) % columns == 0 || i + 1 == names.size();
    line += last ? names[i] : fmt::format("{:<{}}", names[i], width);
    if (!last) continue;
    text += line + '\n';
    line.clear();
  }
  shell.out(text);
  return true;
}

bool run_classes(Shell& shell, const Invocation&) {
  auto session = shell.session();
  if (!session) return shell.error(session.error());
  auto classes = (*session)->agent_classes();
  if (!classes) return shell.error(classes.error());
  for (const auto& agent_class : *classes) {
    auto providers = agent_class == "ocf" ? (*session)->agent_providers(agent_class) : Result<Words>(Words{});
    shell.out(providers && !providers->empty() ? fmt::format("{} / {}\n", agent_class, join(*providers, " "))
                                               : agent_class + '\n');
  }
  return true;
}

bool run_list(Shell& shell, const Invocation& call) {
  if (call.args.empty() || call.args.size() > 2) return shell.usage(call);
  auto session = shell.session();
  if (!session) return shell.error(session.error());
  auto classes = (*session)->agent_classes();
  if (!classes) return shell.error(classes.error());
  if (std::find(classes->begin(), classes->end(), call.args[0]) == classes->end())
    return shell.error(
        fmt::format("class {} does not exist; there are: {}", call.args[0], join(*classes, ", ")));
  Words providers = {call.args.size() == 2 ? call.args[1] : std::string{}};
  if (call.args[0] == "ocf" && call.args.size() == 1)
    if (auto all = (*session)->agent_providers("ocf")) providers = *all;
  std::set<std::string> names;
  for (const auto& provider : providers) {
    auto types = (*session)->agent_types(call.args[0], provider);
    if (!types) return shell.error(types.error());
    names.insert(types->begin(), types->end());
  }
  return print_list(shell, Words(names.begin(), names.end()));
}

bool run_info(Shell& shell, const Invocation& call) {
  if (call.args.empty() || call.args.size() > 3) return shell.usage(call);
  auto session = shell.session();
  if (!session) return shell.error(session.error());
  // crmsh's older order too: TYPE CLASS PROVIDER.
  const Words& a = call.args;
  const std::string text = a.size() == 3   ? fmt::format("{}:{}:{}", a[1], a[2], a[0])
                           : a.size() == 2 ? fmt::format("{}:{}", a[1], a[0])
                                           : a[0];
  auto name = find_agent_name(**session, text);
  if (!name) return shell.error(name.error());
  const auto& agent = shell.agent(name->agent_class, name->provider, name->type);
  if (!agent) return shell.error(agent.error());
  shell.out(format_agent_info(*agent));
  return true;
}

bool run_providers(Shell& shell, const Invocation& call) {
  if (call.args.empty() || call.args.size() > 2) return shell.usage(call);
  auto session = shell.session();
  if (!session) return shell.error(session.error());
  const std::string agent_class = call.args.size() == 2 ? call.args[1] : "ocf";
  auto providers = (*session)->agent_providers(agent_class);
  if (!providers) return shell.error(providers.error());
  Words with;
  for (const auto& provider : *providers) {
    auto types = (*session)->agent_types(agent_class, provider);
    if (types && std::find(types->begin(), types->end(), call.args[0]) != types->end())
      with.push_back(provider);
  }
  if (with.empty()) return shell.error(fmt::format("no provider has an agent {}", call.args[0]));
  shell.out(join(with, " ") + '\n');
  return true;
}

bool run_validate(Shell& shell, const Invocation& call) {
  if (call.args.empty()) return shell.usage(call);
  Words words = {"primitive", "resource"};
  words.insert(words.end(), call.args.begin(), call.args.end());
  auto object = parse_object(words);
  if (!object) return shell.error(object.error());
  const auto node = object->node();
  const auto& agent = shell.agent(node.attribute("class").value(), node.attribute("provider").value(),
                                  node.attribute("type").value());
  if (!agent) return shell.error(agent.error());
  std::vector<pugi::xml_node> sets;
  for (const auto set : node.children("instance_attributes")) sets.push_back(set);
  const auto checked = check_resource(node, sets, *agent, "20s");
  for (const auto& message : checked.warnings) shell.warn(message);
  for (const auto& message : checked.errors) shell.error(message);
  if (checked.errors.empty()) shell.info("the parameters are what the agent wants");
  return checked.errors.empty();
}

constexpr Command kCommands[] = {
    {.name = "classes",
     .usage = "",
     .brief = "classes of agents, and providers",
     .help = "",
     .run = run_classes},
    {.name = "list",
     .usage = "<class> [<provider>]",
     .brief = "agents of a class",
     .help = "  list ocf heartbeat\n  list lsb",
     .run = run_list,
     .args = {Arg::kClass, Arg::kProvider, Arg::kNone}},
    {.name = "info",
     .usage = "[<class>:[<provider>:]]<type>",
     .brief = "what an agent does and which parameters it has",
     .help = "  info ocf:heartbeat:IPaddr2",
     .run = run_info,
     .args = {Arg::kAgent, Arg::kNone},
     .other_names = "meta"},
    {.name = "providers",
     .usage = "<type> [<class>]",
     .brief = "who has an agent of that name",
     .help = "",
     .run = run_providers,
     .args = {Arg::kNone, Arg::kClass}},
    {.name = "validate",
     .usage = "[<class>:[<provider>:]]<type> [<name>=<value>...]",
     .brief = "are these the parameters that it wants?",
     .help = "  validate ocf:heartbeat:IPaddr2 ip=192.0.2.10",
     .run = run_validate,
     .args = {Arg::kAgent, Arg::kDefinition}},
};

constexpr Level kLevel = {.name = "ra",
                          .brief = "resource agents: what is installed, what they want",
                          .help = "Resource agents: the programs that start, stop and watch resources.",
                          .commands = kCommands};

}  // namespace

const Level& ra_level() { return kLevel; }

}  // namespace systole::crm
