#include "pengine/fencing_paths.h"

#include <algorithm>
#include <regex>

namespace systole::pengine {
namespace {

std::vector<std::string> split(std::string_view text, std::string_view separators) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    if (end > 0) out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string pair_of(pugi::xml_node owner, const char* sets, const char* name) {
  for (const pugi::xml_node set : owner.children(sets))
    for (const pugi::xml_node pair : set.children("nvpair"))
      if (std::string_view(pair.attribute("name").value()) == name) return pair.attribute("value").value();
  return "";
}

bool matches(const std::string& pattern, const std::string& name) {
  try {
    return std::regex_search(name, std::regex(pattern, std::regex::extended));
  } catch (const std::regex_error&) {
    return false;
  }
}

// Whether a level of the topology is about the node.
bool targets(pugi::xml_node level, pugi::xml_node node) {
  const std::string name = node.attribute("uname").value();
  if (const std::string target = level.attribute("target").value(); !target.empty()) return target == name;
  if (const std::string pattern = level.attribute("target-pattern").value(); !pattern.empty())
    return name.size() < 256 && pattern.size() < 256 && matches(pattern, name);
  const std::string attribute = level.attribute("target-attribute").value();
  return !attribute.empty() &&
         pair_of(node, "instance_attributes", attribute.c_str()) == level.attribute("target-value").value();
}

}  // namespace

FencingPaths::FencingPaths(const cib::Document& document) {
  const pugi::xml_node resources = document.section("resources");
  resources.find_node([&](pugi::xml_node n) {
    if (std::string_view(n.name()) != "primitive") return false;
    const pugi::xml_node from =
        n.attribute("template")
            ? resources.find_child_by_attribute("template", "id", n.attribute("template").value())
            : n;
    if (std::string_view(from.attribute("class").value()) != "stonith") return false;
    const auto parameter = [&](const char* name) {
      const std::string own = pair_of(n, "instance_attributes", name);
      return own.empty() ? pair_of(from, "instance_attributes", name) : own;
    };
    Device d;
    d.id = n.attribute("id").value();
    d.disabled = pair_of(n, "meta_attributes", "target-role") == "Stopped";
    for (std::string& host : split(parameter("pcmk_host_list"), " ,;\t\n")) d.hosts.insert(std::move(host));
    for (const std::string& entry : split(parameter("pcmk_host_map"), " ;\t\n"))
      d.hosts.insert(entry.substr(0, entry.find_first_of(":=")));
    const std::string check = parameter("pcmk_host_check");
    d.any = check == "none" || (check != "static-list" && d.hosts.empty());
    if (!d.disabled) names_.push_back(d.id);
    devices_.push_back(std::move(d));
    return false;
  });
  for (const pugi::xml_node level : document.section("fencing-topology").children("fencing-level")) {
    for (const pugi::xml_node node : document.section("nodes").children("node")) {
      if (!targets(level, node)) continue;
      levels_.push_back(
          {node.attribute("uname").value(),
           {level.attribute("index").as_int(), split(level.attribute("devices").value(), ", ")}});
    }
  }
  std::stable_sort(levels_.begin(), levels_.end(),
                   [](const auto& a, const auto& b) { return a.second.level < b.second.level; });
}

bool FencingPaths::is_device(const std::string& id) const {
  return std::any_of(devices_.begin(), devices_.end(), [&](const Device& d) { return d.id == id; });
}

std::vector<FencingPath> FencingPaths::paths(const std::string& node) const {
  std::vector<FencingPath> out;
  for (const auto& [name, path] : levels_)
    if (name == node) out.push_back(path);
  if (!out.empty()) return out;
  for (const Device& d : devices_)
    if (!d.disabled && (d.any || d.hosts.contains(node))) out.push_back({0, {d.id}});
  return out;
}

bool FencingPaths::usable(const std::string& id, const std::set<std::string>& failed) const {
  return !failed.contains(id) && std::any_of(devices_.begin(), devices_.end(),
                                             [&](const Device& d) { return d.id == id && !d.disabled; });
}

bool FencingPaths::possible(const std::string& node, const std::set<std::string>& failed) const {
  const auto all = paths(node);
  return std::any_of(all.begin(), all.end(), [&](const FencingPath& path) {
    return !path.devices.empty() && std::all_of(path.devices.begin(), path.devices.end(),
                                                [&](const std::string& id) { return usable(id, failed); });
  });
}

}  // namespace systole::pengine
