// NetDevice: a node's connection to its arbitrator (model net). An I/O part on the main loop; what it means
// is VoteKeeper's.
#pragma once

#include <memory>

#include "base/asio_runtime.h"
#include "base/log.h"
#include "membership/config.h"
#include "qdevice/certificates.h"
#include "qdevice/device.h"

namespace systole::qdevice {

class NetDevice : public QuorumDevice {
 public:
  struct Parts {
    AsioRuntime* runtime = nullptr;
    Processes* processes = nullptr;  // For heuristics.
    Logger log;
    membership::ClusterConfig config;
    NodeLife self;
    std::shared_ptr<boost::asio::ssl::context> tls;  // Null: plain text.
  };
  explicit NetDevice(Parts parts);
  ~NetDevice() override;

  void start(Say say) override;
  void view(const membership::View& view, const membership::Quorum& without) override;
  void counted(const membership::Quorum& quorum) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace systole::qdevice
