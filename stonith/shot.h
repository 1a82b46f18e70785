// Shot: one member's attempt to carry out a fencing request, through the levels of topology and the devices
// of each, within a budget of time. A device's word is not enough where its agent has the action status:
// after "off" the state is read back, and only "off" counts.
//
// reboot is done as off, read back, on, where the agent has all three and nothing else is configured, and
// always where several devices feed a node: the node is safe, and the result given, before "on" begins.
#pragma once

#include <functional>
#include <memory>

#include "stonith/device_runner.h"
#include "stonith/fencer.h"

namespace systole::stonith {

// Devices of each level to try, in order. `lists` are the names that devices themselves gave (host check
// dynamic-list), by device. Pure.
using Lists = std::map<std::string, std::set<std::string>>;
std::vector<std::vector<std::string>> plan_levels(const Registry& registry, const Lists& lists,
                                                  const std::string& target, const std::string& action);
bool can_reach(const Device& device, const Lists& lists, const std::string& target);

class Shot : public std::enable_shared_from_this<Shot> {
 public:
  struct Result {
    bool succeeded = false;
    std::string device, reason;
  };
  struct World {
    Ports ports;
    Logger log;
    DeviceRunner* runner = nullptr;
    std::string self;  // This node's name.
    // Asked before power is cut: a reason not to do it any more, or empty.
    std::function<std::string()> objection;
  };
  Shot(World world, Registry registry, Lists lists, Request request, Milliseconds budget,
       std::function<void(Result)> done);

  void begin();
  // Nothing is reported any more; what runs is killed, except that power is given back.
  void abandon();

  static constexpr Milliseconds kReadBackPause{500}, kRetryPause{200}, kGiveBackLimit{20000};
  static constexpr Seconds kFactsLimit{5};  // For an agent that hangs when asked for its metadata.
  static constexpr int kReadBacks = 3;
  static constexpr unsigned kRetries = 2;  // pcmk_*_retries

 private:
  using Next = std::function<void(bool ok, const std::string& why)>;

  void try_level();
  void next_device();
  void level_failed(const std::string& device, const std::string& why);
  void succeed();
  void finish(Result result);
  void give_back();
  void give_back(const std::string& device, unsigned tries_left);

  void use(const Device& device, Next next);
  void use_informed(const Device& device, Next next);
  void check_host(const Device& device, Next next);
  void wait_delay(const Device& device, Next next);
  void act(const Device& device, const std::string& action, unsigned tries_left, Next next);
  void read_back(const Device& device, int checks_left, Next next);
  void run(const Device& device, const std::string& action, DeviceRunner::Done done);
  void after(Duration delay, std::function<void()> then);
  bool cuts_power() const { return request_.action != "on"; }
  // What is asked of this device: "off" in place of "reboot" where that is safer.
  std::string action_for(const Device& device) const;
  Milliseconds limit_for(const Device& device, const std::string& action) const;

  World world_;
  Registry registry_;
  Request request_;
  std::function<void(Result)> done_;
  std::vector<std::vector<std::string>> levels_;
  std::size_t level_ = 0, device_ = 0;
  Time end_, level_end_;
  Milliseconds budget_;
  std::vector<std::string> failures_;
  std::vector<std::string> to_give_back_;
  DeviceRunner::Id running_ = 0;
  Timers::Id timer_ = 0;
};

}  // namespace systole::stonith
