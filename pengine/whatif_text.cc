#include "pengine/whatif_text.h"

#include <algorithm>

namespace systole::pengine {
namespace {

using Fate = ServiceOutcome::Fate;

std::string places(const std::vector<std::string>& nodes, const std::vector<std::string>& promoted) {
  if (nodes.empty()) return "nowhere";
  std::string text = fmt::format("{}", fmt::join(nodes, " "));
  if (!promoted.empty()) text += fmt::format(" (promoted: {})", fmt::join(promoted, " "));
  return text;
}

pugi::xml_node element(pugi::xml_node parent, const char* name,
                       std::initializer_list<std::pair<const char*, std::string>> attributes) {
  pugi::xml_node n = parent.append_child(name);
  for (const auto& [key, value] : attributes) n.append_attribute(key) = value.c_str();
  return n;
}

std::string joined(const std::vector<std::string>& list) { return fmt::format("{}", fmt::join(list, " ")); }

std::string faults_text(const Casualty& c) {
  std::vector<std::string> parts;
  for (const Fault& f : c.faults) parts.push_back(fault_text(f));
  return fmt::format("{}", fmt::join(parts, ", "));
}

const char* kind_name(Fault::Kind kind) {
  static constexpr const char* kNames[] = {"node", "resource", "device"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace

std::string what_if_text(const WhatIf& w, bool all) {
  std::string text = "Suppose that:\n";
  for (const std::string& event : w.events) text += fmt::format("  * {}\n", event);
  for (const std::string& assumption : w.assumptions) text += fmt::format("  (assumed: {})\n", assumption);
  text += "\nNodes then:\n";
  for (const std::string& node : w.node_states) text += fmt::format("  * {}\n", node);
  text += "\nServices:\n";
  std::size_t width = 0, untouched = 0;
  for (const ServiceOutcome& s : w.services) width = std::max(width, s.id.size());
  for (const ServiceOutcome& s : w.services) {
    if (s.fate == Fate::kUntouched && !all) {
      ++untouched;
      continue;
    }
    const std::string before = places(s.before, s.promoted_before), after = places(s.after, s.promoted_after);
    text += fmt::format("  * {:<{}}  {:<15} {}\n", s.id, width, fate_name(s.fate),
                        before == after ? before : before + " -> " + after);
  }
  if (untouched > 0)
    text += fmt::format("  * {} service{} untouched\n", untouched, untouched == 1 ? " is" : "s are");
  const auto stopped = std::count_if(w.services.begin(), w.services.end(), [](const ServiceOutcome& s) {
    return s.fate == Fate::kStops || s.fate == Fate::kLosesPromoted;
  });
  if (!w.dead_ends.empty()) text += "\nDead ends:\n";
  for (const std::string& end : w.dead_ends) text += fmt::format("  * {}\n", end);
  text += fmt::format("\n{}\n", stopped == 0 ? "Every service that ran runs again."
                                             : fmt::format("{} service{} not survive.", stopped,
                                                           stopped == 1 ? " does" : "s do"));
  return text;
}

void what_if_tree(const WhatIf& w, pugi::xml_node parent) {
  pugi::xml_node root =
      element(parent, "what-if",
              {{"settled", w.settled ? "true" : "false"}, {"transitions", std::to_string(w.rounds)}});
  for (const std::string& e : w.events) element(root, "event", {{"text", e}});
  for (const std::string& a : w.assumptions) element(root, "assumption", {{"text", a}});
  for (const std::string& n : w.node_states) {
    const std::size_t colon = n.find(": ");
    element(root, "node", {{"name", n.substr(0, colon)}, {"state", n.substr(colon + 2)}});
  }
  for (const ServiceOutcome& s : w.services)
    element(root, "service",
            {{"id", s.id},
             {"fate", fate_name(s.fate)},
             {"before", joined(s.before)},
             {"after", joined(s.after)},
             {"promoted-before", joined(s.promoted_before)},
             {"promoted-after", joined(s.promoted_after)}});
  for (const std::string& end : w.dead_ends) element(root, "dead-end", {{"text", end}});
  for (const std::string& line : w.lines) element(root, "step", {{"text", line}});
}

std::string survey_text(const Survey& s, bool doubles) {
  std::string text =
      fmt::format("{} failures of {} nodes, {} resources and {} fencing devices: {} cases, {} simulations\n",
                  doubles ? "Double" : "Single", s.nodes, s.resources, s.devices, s.cases, s.simulations);
  if (!s.independent)
    text += "(The placement strategy ties all resources together, so every case was simulated.)\n";
  if (!s.never_run.empty()) text += fmt::format("Not running even now: {}\n", fmt::join(s.never_run, " "));
  if (s.casualties.empty())
    return text + fmt::format("\nEvery service survives every {} failure.\n", doubles ? "double" : "single");
  std::size_t width = 7;
  for (const Casualty& c : s.casualties) width = std::max(width, faults_text(c).size());
  text +=
      fmt::format("\n{:<{}}  {}\n{:-<{}}  {:-<16}\n", "Failure", width, "Does not survive", "", width, "");
  for (const Casualty& c : s.casualties) {
    text += fmt::format("{:<{}}  {}", faults_text(c), width, c.lost.empty() ? "-" : joined(c.lost));
    if (!c.unfenced.empty()) text += fmt::format("  [cannot be fenced: {}]", joined(c.unfenced));
    text += "\n";
  }
  if (doubles) text += "\n(What one of the two failures alone costs is not repeated: see --all-single.)\n";
  return text;
}

void survey_tree(const Survey& s, bool doubles, pugi::xml_node parent) {
  pugi::xml_node root = element(parent, "survey",
                                {{"failures", doubles ? "double" : "single"},
                                 {"nodes", std::to_string(s.nodes)},
                                 {"resources", std::to_string(s.resources)},
                                 {"devices", std::to_string(s.devices)},
                                 {"cases", std::to_string(s.cases)},
                                 {"simulations", std::to_string(s.simulations)}});
  for (const std::string& id : s.never_run) element(root, "not-running", {{"id", id}});
  for (const Casualty& c : s.casualties) {
    pugi::xml_node n = element(root, "case", {});
    for (const Fault& f : c.faults) element(n, "fault", {{"kind", kind_name(f.kind)}, {"name", f.name}});
    for (const std::string& id : c.lost) element(n, "lost", {{"id", id}});
    for (const std::string& node : c.unfenced) element(n, "unfenced", {{"node", node}});
  }
}

}  // namespace systole::pengine
