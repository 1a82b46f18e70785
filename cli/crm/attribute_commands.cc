#include "cli/crm/attribute_commands.h"

#include "cli/crm/attributes.h"
#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

void set_in(Configuration& configuration, pugi::xml_node owner, const char* element, const std::string& base,
            std::string_view name, std::string_view value) {
  auto used = ids_in(configuration.node());
  pugi::xml_node plain;
  for (const auto set : owner.children(element)) {
    if (find_nvpair(set, name)) {
      set_nvpair(set, name, value, used);
      return;
    }
    if (!plain && !set.child("rule") && !set.attribute("id-ref")) plain = set;
  }
  if (!plain) {
    // Before members, where the schema wants a container's sets.
    plain = name_of(owner) == "primitive" || name_of(owner) == "node" ? owner.append_child(element)
                                                                      : owner.prepend_child(element);
    set_attr(plain, "id", unused_id(base, used));
  }
  set_nvpair(plain, name, value, used);
}

struct Request {
  std::string owner, action, name, value;
};

std::optional<Request> parse_request(const Words& a) {
  const bool set = a.size() == 4 && a[1] == "set";
  const bool other = a.size() == 3 && (a[1] == "delete" || a[1] == "show");
  if (!set && !other) return std::nullopt;
  return Request{a[0], a[1], a[2], set ? a[3] : std::string{}};
}

}  // namespace

void set_resource_attribute(Configuration& configuration, pugi::xml_node resource, const char* element,
                            std::string_view name, std::string_view value) {
  set_in(configuration, resource, element, fmt::format("{}-{}", attr(resource, "id"), element), name, value);
}

void set_node_attribute(Configuration& configuration, pugi::xml_node node, const char* element,
                        std::string_view name, std::string_view value) {
  const bool attributes = std::string_view(element) == "instance_attributes";
  set_in(configuration, node, element,
         fmt::format("nodes-{}{}", attr(node, "id"), attributes ? "" : "-utilization"), name, value);
}

bool delete_attribute(pugi::xml_node owner, const char* element, std::string_view name) {
  bool any = false;
  for (auto set : elements(owner)) {
    if (name_of(set) != element) continue;
    while (auto pair = find_nvpair(set, name)) any |= set.remove_child(pair);
    if (any && elements(set).empty()) owner.remove_child(set);
  }
  return any;
}

std::optional<std::string> read_attribute(pugi::xml_node owner, const char* element, std::string_view name) {
  for (const auto set : owner.children(element))
    if (const auto pair = find_nvpair(set, name)) return std::string(attr(pair, "value"));
  return std::nullopt;
}

bool resource_attribute_command(Shell& shell, const Invocation& call, const char* element) {
  const auto request = parse_request(call.args);
  if (!request) return shell.usage(call);
  if (request->action == "show") {
    auto session = shell.session();
    if (!session) return shell.error(session.error());
    auto document = (*session)->document();
    if (!document) return shell.error(document.error());
    const auto resource = Configuration(document->root()).find_resource(request->owner);
    if (!resource) return shell.error(fmt::format("resource {} does not exist", request->owner));
    const auto value = read_attribute(resource, element, request->name);
    if (!value) return shell.error(fmt::format("{}: {} is not set", request->owner, request->name));
    shell.out(*value + '\n');
    return true;
  }
  return shell.change([&](Configuration& configuration) -> Result<void> {
    const auto resource = configuration.find_resource(request->owner);
    if (!resource) return fail(Errc::kNotFound, "resource {} does not exist", request->owner);
    if (request->action == "set") {
      set_resource_attribute(configuration, resource, element, request->name, request->value);
      return {};
    }
    if (!delete_attribute(resource, element, request->name))
      return fail(Errc::kNotFound, "{}: {} is not set", request->owner, request->name);
    return {};
  }) && shell.settle();
}

bool node_attribute_command(Shell& shell, const Invocation& call, const char* element) {
  const auto request = parse_request(call.args);
  if (!request) return shell.usage(call);
  if (request->action == "show") {
    auto session = shell.session();
    if (!session) return shell.error(session.error());
    auto document = (*session)->document();
    if (!document) return shell.error(document.error());
    const auto node = Configuration(document->root()).find_node(request->owner);
    if (!node) return shell.error(fmt::format("node {} does not exist", request->owner));
    const auto value = read_attribute(node, element, request->name);
    if (!value) return shell.error(fmt::format("{}: {} is not set", request->owner, request->name));
    shell.out(fmt::format("scope=nodes  name={} value={}\n", request->name, *value));
    return true;
  }
  return shell.change([&](Configuration& configuration) -> Result<void> {
    const auto node = configuration.find_node(request->owner);
    if (!node) return fail(Errc::kNotFound, "node {} does not exist", request->owner);
    if (request->action == "set")
      set_node_attribute(configuration, node, element, request->name, request->value);
    else
      delete_attribute(node, element, request->name);
    return {};
  }) && shell.settle();
}

}  // namespace systole::crm
