// The program IPaddr2: one action, by its first argument.
#include <cstdio>
#include <string>

#include "agents/ip_agent.h"

int main(int argc, char** argv) {
  using systole::agents::Ocf;
  const std::string action = argc == 2 ? argv[1] : "";
  if (action == "meta-data") {
    const std::string xml = systole::agents::ip_metadata();
    return std::fwrite(xml.data(), 1, xml.size(), stdout) == xml.size() ? 0 : 1;
  }
  if (action.empty() || action == "usage" || action == "help") {
    std::puts("usage: IPaddr2 start|stop|monitor|validate-all|meta-data   (parameters: OCF_RESKEY_ip…)");
    return static_cast<int>(action.empty() ? Ocf::kInvalidArguments : Ocf::kSuccess);
  }
  return static_cast<int>(systole::agents::ip_action(action));
}
