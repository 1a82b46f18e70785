#include "stonith/shot.h"

#include <fmt/ranges.h>

#include "base/mutation.h"

namespace systole::stonith {

bool can_reach(const Device& device, const Lists& lists, const std::string& target) {
  switch (device.host_check) {
    case HostCheck::kStaticList:
      return device.names_host(target);
    case HostCheck::kNone:
    case HostCheck::kStatus:
      return true;
    case HostCheck::kDefault:
      if (device.lists_hosts()) return device.names_host(target);
      break;
    case HostCheck::kDynamicList:
      break;
  }
  // A device that has not said, or names nobody, is not ruled out: what it claims is read back.
  const auto list = lists.find(device.id);
  if (list == lists.end() || list->second.empty()) return true;
  return list->second.count(device.port_of(target)) != 0 || list->second.count(target) != 0;
}

std::vector<std::vector<std::string>> plan_levels(const Registry& registry, const Lists& lists,
                                                  const std::string& target, const std::string& action) {
  std::vector<std::vector<std::string>> levels;
  int index = 0;
  for (const auto& level : registry.topology_of(target)) {
    if (level.index != index) levels.emplace_back();
    index = level.index;
    levels.back().insert(levels.back().end(), level.devices.begin(), level.devices.end());
  }
  if (!levels.empty()) return levels;
  std::vector<const Device*> able;
  std::vector<std::string> unfencing;
  for (const auto& [id, device] : registry.devices) {
    if (!device.defect.empty() || !can_reach(device, lists, target)) continue;
    able.push_back(&device);
    if (device.unfences) unfencing.push_back(id);
  }
  if (action == "on" && !unfencing.empty()) return {unfencing};
  std::stable_sort(able.begin(), able.end(),
                   [](const Device* a, const Device* b) { return a->priority > b->priority; });
  for (const Device* device : able) levels.push_back({device->id});
  return levels;
}

Shot::Shot(World world, Registry registry, Lists lists, Request request, Milliseconds budget,
           std::function<void(Result)> done)
    : world_(std::move(world)),
      registry_(std::move(registry)),
      request_(std::move(request)),
      done_(std::move(done)),
      levels_(plan_levels(registry_, lists, request_.target, request_.action)),
      budget_(budget) {}

void Shot::begin() {
  end_ = world_.ports.clock->now() + budget_;
  if (levels_.empty())
    failures_.push_back(fmt::format("no device is configured that reaches {}", request_.target));
  after(Duration::zero(), [this] { try_level(); });
}

void Shot::abandon() {
  done_ = nullptr;
  world_.ports.timers->cancel(timer_);
  world_.runner->cancel(running_);
}

void Shot::after(Duration delay, std::function<void()> then) {
  timer_ = world_.ports.timers->after(delay, [self = shared_from_this(), then = std::move(then)] { then(); });
}

void Shot::finish(Result result) {
  if (const auto done = std::exchange(done_, nullptr)) done(std::move(result));
}

void Shot::try_level() {
  const Time now = world_.ports.clock->now();
  if (level_ >= levels_.size() || now >= end_) {
    if (level_ < levels_.size()) failures_.push_back("no time is left");
    return finish({false, "", fmt::format("{}", fmt::join(failures_, "; "))});
  }
  // Half of what is left for this level, as long as there is another to fall back to.
  const bool last = level_ + 1 == levels_.size();
  level_end_ = last ? end_ : now + (end_ - now) / 2;
  device_ = 0;
  to_give_back_.clear();
  next_device();
}

void Shot::next_device() {
  const auto& devices = levels_[level_];
  if (device_ == devices.size()) return succeed();
  const std::string id = devices[device_];
  const auto device = registry_.devices.find(id);
  if (device == registry_.devices.end()) return level_failed(id, "is not configured, or is stopped");
  if (!device->second.defect.empty()) return level_failed(id, device->second.defect);
  if (device->second.banned_nodes.count(world_.self) != 0) {
    return level_failed(id, "must not be used from here, a location constraint says");
  }
  use(device->second, [this, id](bool ok, const std::string& why) {
    if (!ok) return level_failed(id, why);
    ++device_;
    next_device();
  });
}

void Shot::level_failed(const std::string& device, const std::string& why) {
  failures_.push_back(fmt::format("{} on {} {}", device, world_.self, why));
  world_.log.warning("fencing {} ({}): device {} {}", request_.target, request_.action, device, why);
  ++level_;
  try_level();
}

void Shot::succeed() {
  const auto keep = shared_from_this();
  finish({true, fmt::format("{}", fmt::join(levels_[level_], ",")), ""});
  give_back();
}

// The node is off, and everybody knows. Now power again, for a reboot.
void Shot::give_back() {
  for (const auto& device : to_give_back_) give_back(device, kRetries);
  to_give_back_.clear();
}

void Shot::give_back(const std::string& id, unsigned tries_left) {
  const Device& device = registry_.devices.at(id);
  const auto limit = device.timeouts.find("on");
  world_.runner->run(device, "on", request_.target,
                     limit == device.timeouts.end() ? kGiveBackLimit : limit->second,
                     [self = shared_from_this(), id, tries_left](const DeviceRunner::Answer& answer) {
                       if (answer.succeeded()) return;
                       if (tries_left > 0) return self->give_back(id, tries_left - 1);
                       self->world_.log.warning("{} is off, but device {} could not turn it on again: {}",
                                                self->request_.target, id, answer.words);
                     });
}

// One device's whole part: facts, reach, delay, action, reading back.
void Shot::use(const Device& device, Next next) {
  const auto waiting = std::make_shared<bool>(true);
  const auto go = [this, &device, next = std::move(next), waiting] {
    if (!std::exchange(*waiting, false) || !done_) return;
    world_.ports.timers->cancel(timer_);
    use_informed(device, next);
  };
  after(kFactsLimit, go);
  world_.runner->facts(device, [self = shared_from_this(), go](const AgentFacts&) { go(); });
}

void Shot::use_informed(const Device& device, Next next) {
  check_host(device, [this, &device, next](bool reaches, const std::string& why) {
    if (!reaches) return next(false, why);
    wait_delay(device, [this, &device, next](bool, const std::string&) {
      if (const std::string objection = world_.objection(); cuts_power() && !objection.empty()) {
        level_ = levels_.size();  // Nobody else shall try either.
        return next(false, objection);
      }
      const std::string action = action_for(device);
      if (!world_.runner->known_facts(device).offers(action) && device.action_names.count(action) == 0) {
        return next(false, fmt::format("has no action {}", action));
      }
      const auto retries = device.retries.find(request_.action);
      act(device, action, retries == device.retries.end() ? kRetries : retries->second, next);
    });
  });
}

void Shot::check_host(const Device& device, Next next) {
  if (device.host_check != HostCheck::kStatus) return next(true, "");
  run(device, "status", [next = std::move(next)](const DeviceRunner::Answer& answer) {
    const bool knows = answer.kind == DeviceRunner::Answer::Kind::kExited &&
                       (answer.code == kStatusOn || answer.code == kStatusOff);
    next(knows, knows ? "" : "does not know the node: status " + answer.words);
  });
}

void Shot::wait_delay(const Device& device, Next next) {
  if (!cuts_power() || level_ > 0 || request_.delay < Milliseconds::zero()) return next(true, "");
  const auto own = device.delay_by_node.find(request_.target);
  Milliseconds delay = own == device.delay_by_node.end() ? device.delay_base : own->second;
  if (device.delay_max > delay) {
    const auto span = static_cast<std::uint64_t>((device.delay_max - delay).count());
    delay += Milliseconds(world_.ports.random->below(span + 1));
  }
  if (device_ == 0) delay += request_.delay;
  if (delay <= Milliseconds::zero()) return next(true, "");
  world_.log.notice("fencing {} by {}: waiting {} ms as configured", request_.target, device.id,
                    delay.count());
  // Waiting is not the device's time.
  end_ += delay;
  level_end_ += delay;
  after(delay, [next = std::move(next)] { next(true, ""); });
}

std::string Shot::action_for(const Device& device) const {
  if (request_.action != "reboot") return request_.action;
  if (levels_[level_].size() > 1) return "off";
  const AgentFacts& facts = world_.runner->known_facts(device);
  const bool by_parts = facts.offers("off") && facts.offers("on") && facts.offers("status");
  return by_parts && device.action_names.count("reboot") == 0 ? "off" : "reboot";
}

Milliseconds Shot::limit_for(const Device& device, const std::string& action) const {
  const Time now = world_.ports.clock->now();
  Duration limit = level_end_ - now;
  // A time that somebody configured for this action goes before our sharing it out.
  if (const auto own = device.timeouts.find(action); own != device.timeouts.end()) {
    limit = std::min<Duration>(own->second, end_ - now);
  }
  return std::max(std::chrono::duration_cast<Milliseconds>(limit), Milliseconds(1));
}

void Shot::run(const Device& device, const std::string& action, DeviceRunner::Done done) {
  running_ = world_.runner->run(
      device, action, request_.target, limit_for(device, action),
      [self = shared_from_this(), done = std::move(done)](const DeviceRunner::Answer& answer) {
        self->running_ = 0;
        if (self->done_) done(answer);
      });
}

void Shot::act(const Device& device, const std::string& action, unsigned tries_left, Next next) {
  world_.log.notice("fencing {}: {} by device {}", request_.target, action, device.id);
  run(device, action, [this, &device, action, tries_left, next](const DeviceRunner::Answer& answer) {
    if (!answer.succeeded()) {
      const bool again = tries_left > 0 && answer.kind == DeviceRunner::Answer::Kind::kExited &&
                         world_.ports.clock->now() + kRetryPause < level_end_;
      if (!again) return next(false, fmt::format("{} {}", action, answer.words));
      return after(kRetryPause,
                   [this, &device, action, tries_left, next] { act(device, action, tries_left - 1, next); });
    }
    if (action != "off") return next(true, "");
    if (request_.action == "reboot") to_give_back_.push_back(device.id);
    if (!world_.runner->known_facts(device).offers("status") || mutation("device-trusted"))
      return next(true, "");
    read_back(device, kReadBacks, next);
  });
}

void Shot::read_back(const Device& device, int checks_left, Next next) {
  run(device, "status", [this, &device, checks_left, next](const DeviceRunner::Answer& answer) {
    const bool exited = answer.kind == DeviceRunner::Answer::Kind::kExited;
    if (exited && answer.code == kStatusOff) return next(true, "");
    const bool again = checks_left > 1 && exited && world_.ports.clock->now() + kReadBackPause < level_end_;
    if (again) {
      return after(kReadBackPause,
                   [this, &device, checks_left, next] { read_back(device, checks_left - 1, next); });
    }
    if (exited && answer.code == kStatusOn)
      return next(false, "claims success, but the node still has power");
    next(false, "claims success, but the state cannot be read back: status " + answer.words);
  });
}

}  // namespace systole::stonith
