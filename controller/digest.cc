#include "controller/digest.h"

#include <openssl/evp.h>

#include <pugixml.hpp>
#include <string_view>

#include "cib/document.h"

namespace systole::controller {
namespace {

bool counts(std::string_view name) {
  for (const char* ignored :
       {"id", "crm_feature_set", "op-digest", "on_node", "on_node_uuid", "pcmk_external_ip"}) {
    if (name == ignored) return false;
  }
  return !name.starts_with("CRM_meta_");
}

std::string md5(const std::string& text) {
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), sum, &size, EVP_md5(), nullptr) != 1) return {};
  std::string hex;
  for (unsigned i = 0; i < size; ++i) hex += fmt::format("{:02x}", sum[i]);
  return hex;
}

}  // namespace

std::string operation_digest(const std::map<std::string, std::string>& attributes) {
  pugi::xml_document document;
  pugi::xml_node parameters = document.append_child("parameters");
  std::map<std::string, std::string> chosen;
  for (const auto& [name, value] : attributes) {
    if (counts(name)) chosen.emplace(name, value);
  }
  const auto interval = attributes.find("CRM_meta_interval");
  const auto timeout = attributes.find("CRM_meta_timeout");
  if (interval != attributes.end() && interval->second != "0" && timeout != attributes.end())
    chosen.insert(*timeout);
  for (const auto& [name, value] : chosen) parameters.append_attribute(name.c_str()) = value.c_str();
  return md5(" " + cib::to_xml(parameters) + "\n");
}

}  // namespace systole::controller
