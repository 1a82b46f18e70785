// Fencer: makes sure that a node is off, through devices configured as stonith resources and fencing-topology
// in the CIB. One Fencer on every node; requests are totally ordered messages, executed by the member that
// has the device (a target never executes its own fencing while another can), answered by a totally ordered
// result.
//
// A request names the target's life: (node id, incarnation). One that has come back in a newer life, healthy
// and a member of this view, is not shot for the old one. A device that lies, hangs or answers late never
// yields a false success: after "off" the state is read back with "status" where the agent has it.
//
// Devices: any program that speaks the fence-agents protocol (options name=value on standard input, metadata
// XML by action=metadata), from Paths::fence_agents; built-in `fence_test` that runs a configured command
// (parameter `command`, with %a action and %n node replaced in argv, split on white space, no shell).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/paths.h"
#include "base/ports.h"
#include "cib/document.h"
#include "membership/membership.h"

namespace systole::stonith {

struct Request {
  std::string target;  // Node name.
  // Of the target, as last known. Incarnation 0: the one it has now or was last seen in; node id 0: by its
  // name.
  NodeLife life;
  std::string action;  // "off", "reboot", "on"
  Milliseconds timeout{60000};
  Milliseconds delay{0};  // Static, priority delay; on top of the device's own delays.
  std::string origin;     // Node or person who asks: "controller on node1", "stonith_admin by root"
  bool operator==(const Request&) const = default;
};

struct Outcome {
  Request request;
  bool succeeded = false;
  std::string device, executed_by;  // Names; empty if none could.
  std::string reason;               // Why it failed, per device tried.
  WallTime completed{};
};

class Fencer {
 public:
  struct Effects {
    std::function<Result<void>(Bytes)> multicast;  // To this fencer's channel.
    // Every outcome, on every node, in total order; requested here or not.
    std::function<void(const Outcome&)> outcome;
  };
  Fencer(Ports ports, Logger log, Paths paths, NodeLife self, std::string node_name, Effects effects);
  ~Fencer();

  // Devices and levels from the document; called after each configuration change.
  void configure(const cib::Document& document);
  // `names`: of view.members, in their order.
  void on_view(const membership::View& view, const std::vector<std::string>& names);
  // Every message of the fencer's channel, this node's own too, in the total order.
  void on_message(NodeId sender, ByteView message);

  // Asks. `done` is called once, with the outcome or, after timeout * 1.2, with a failure. Requests for the
  // same life and an equal or stronger action are merged.
  void fence(Request request, std::function<void(const Outcome&)> done);
  // An administrator's word that the node is off: recorded as success by "manual confirmation".
  void confirm(const std::string& target, const std::string& who);

  // Device operations for the controller: start = register and check, monitor, stop; run on this node.
  // rc is an OCF code.
  void device_operation(const std::string& resource, const std::string& task, Milliseconds timeout,
                        std::function<void(int rc, std::string reason)> done);

  std::vector<Outcome> history() const;  // Newest first; replicated.
  std::vector<std::string> devices() const;
  bool can_fence(const std::string& target) const;
  // The agent's metadata XML; types available for class stonith.
  void metadata(const std::string& type, std::function<void(Result<std::string>)> done);
  std::vector<std::string> types() const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace systole::stonith
