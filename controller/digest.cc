#include "controller/digest.h"

#include <string_view>

#include "pengine/digest.h"

namespace systole::controller {
namespace {

bool counts(std::string_view name) {
  for (const char* ignored :
       {"id", "crm_feature_set", "op-digest", "on_node", "on_node_uuid", "pcmk_external_ip"}) {
    if (name == ignored) return false;
  }
  return !name.starts_with("CRM_meta_");
}

}  // namespace

std::string operation_digest(const std::map<std::string, std::string>& attributes) {
  std::map<std::string, std::string, std::less<>> chosen;
  for (const auto& [name, value] : attributes) {
    if (counts(name)) chosen.emplace(name, value);
  }
  const auto interval = attributes.find("CRM_meta_interval");
  const auto timeout = attributes.find("CRM_meta_timeout");
  if (interval != attributes.end() && interval->second != "0" && timeout != attributes.end())
    chosen.insert(*timeout);
  return pengine::op_digest(chosen);
}

}  // namespace systole::controller
