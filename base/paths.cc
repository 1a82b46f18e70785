#include "base/paths.h"

#include <cstdlib>
#include <filesystem>

namespace systole {

Paths paths_from_environment() {
  Paths paths;
  // The tools of this very build, where they lie beside the program.
  std::error_code error;
  const auto beside = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  if (!error && std::filesystem::exists(beside / "crm_attribute", error)) paths.tools = beside;
  const auto take = [](const char* name, std::string& place) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') place = value;
  };
  take("COROSYNC_MAIN_CONFIG_FILE", paths.conf);
  take("SYSTOLE_AUTHKEY", paths.authkey);
  take("SYSTOLE_STATE_DIR", paths.state);
  take("SYSTOLE_RUN_DIR", paths.run);
  take("SYSTOLE_LOG", paths.log);
  take("SYSTOLE_CIB_DIR", paths.cib);
  take("SYSTOLE_PENGINE_DIR", paths.pengine);
  take("OCF_ROOT", paths.ocf_root);
  take("SYSTOLE_LSB_DIR", paths.lsb);
  take("SYSTOLE_HEARTBEAT_DIR", paths.heartbeat);
  take("SYSTOLE_FENCE_DIR", paths.fence_agents);
  take("SYSTOLE_TOOLS_DIR", paths.tools);
  take("SYSTOLE_AGENTS_DIR", paths.own_agents);
  return paths;
}

}  // namespace systole
