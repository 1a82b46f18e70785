#include "base/paths.h"

#include <cstdlib>

namespace systole {

Paths paths_from_environment() {
  Paths paths;
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
