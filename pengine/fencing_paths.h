// Which fencing devices can shoot which node, as the configuration says it: fencing topology, pcmk_host_list,
// pcmk_host_map, pcmk_host_check. For "what if": the fencer itself asks the devices.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "cib/document.h"

namespace systole::pengine {

struct FencingPath {
  int level = 0;                     // 0: no topology, any device on its own.
  std::vector<std::string> devices;  // All of them must work.
};

class FencingPaths {
 public:
  explicit FencingPaths(const cib::Document& document);

  const std::vector<std::string>& devices() const { return names_; }  // That are not disabled.
  bool is_device(const std::string& id) const;
  std::vector<FencingPath> paths(const std::string& node) const;
  // Whether the node can still be fenced while these devices do not work.
  bool possible(const std::string& node, const std::set<std::string>& failed) const;

 private:
  struct Device {
    std::string id;
    std::set<std::string> hosts;  // Empty and `any`: whatever it is asked for.
    bool any = false, disabled = false;
  };
  bool usable(const std::string& id, const std::set<std::string>& failed) const;

  std::vector<Device> devices_;
  std::vector<std::string> names_;
  std::vector<std::pair<std::string, FencingPath>> levels_;  // Node and level, in order of level.
};

}  // namespace systole::pengine
