// How fencing programs are called and what they say of themselves. Pure.
//
// Source: "Fence Agent API" (fence-agents): options as name=value lines on standard input; action status ends
// with 0 for on, 2 for off; metadata XML.
#pragma once

#include "base/paths.h"
#include "base/ports.h"
#include "stonith/registry.h"

namespace systole::stonith {

constexpr std::string_view kTestAgent = "fence_test";
constexpr int kStatusOn = 0, kStatusOff = 2;

struct AgentFacts {
  bool known = false;  // Its metadata could be read. If not, the standard actions are assumed.
  std::set<std::string> actions, parameters;
  bool offers(const std::string& action) const;
};
AgentFacts parse_facts(std::string_view xml);
AgentFacts test_facts(const Device& device);  // Of the built-in device, by what it is given.
std::string test_metadata();

// A file name "fence_…", and nothing that leaves its folder.
bool is_agent_type(std::string_view type);

ProcessSpec metadata_spec(const std::string& program);
// `action` is ours ("reboot"); what is called for it may be another (pcmk_reboot_action). `target` is empty
// for monitor and list. Errors: kInvalidConfig, with what is wrong with the device.
Result<ProcessSpec> device_spec(const Device& device, const AgentFacts& facts, const std::string& action,
                                const std::string& target, const Paths& paths);

// Every name in the answer to the action list: "plug,alias" lines.
std::set<std::string> parse_list(std::string_view output);

}  // namespace systole::stonith
