// systole-bench-cpg: one node of a running Corosync, through its closed process groups, doing what load.h
// says.
#include <corosync/cpg.h>

#include "tests/bench/load.h"

namespace {

class Cpg : public systole::bench::Bus {
 public:
  Cpg() {
    cpg_model_v1_data_t model{};
    model.cpg_deliver_fn = [](cpg_handle_t handle, const cpg_name*, std::uint32_t node, std::uint32_t, void*,
                              std::size_t) {
      Cpg& self = of(handle);
      self.own += node == self.self_;
    };
    model.cpg_confchg_fn = [](cpg_handle_t handle, const cpg_name*, const cpg_address*, std::size_t count,
                              const cpg_address*, std::size_t, const cpg_address*,
                              std::size_t) { of(handle).members = count; };
    for (int tries = 0; cpg_model_initialize(&handle_, CPG_MODEL_V1,
                                             reinterpret_cast<cpg_model_data_t*>(&model), this) != CS_OK;
         ++tries) {
      if (tries == 100) complain("it does not answer");
      usleep(100'000);
    }
    cpg_name group{5, "bench"};
    cs_error_t joined = CS_OK;
    while ((joined = cpg_join(handle_, &group)) == CS_ERR_TRY_AGAIN) usleep(10'000);
    if (joined != CS_OK || cpg_local_get(handle_, &self_) != CS_OK || cpg_fd_get(handle_, &fd_) != CS_OK)
      complain("its group cannot be joined");
  }

  bool send(std::size_t size) override {
    if (data_.size() < size) data_.resize(size);
    iovec part{data_.data(), size};
    return cpg_mcast_joined(handle_, CPG_TYPE_AGREED, &part, 1) == CS_OK;
  }
  void dispatch(std::chrono::milliseconds wait) override {
    pollfd in{fd_, POLLIN, 0};
    if (poll(&in, 1, static_cast<int>(wait.count())) > 0 && cpg_dispatch(handle_, CS_DISPATCH_ALL) != CS_OK)
      complain("it is gone");
  }

 private:
  static Cpg& of(cpg_handle_t handle) {
    void* context = nullptr;
    cpg_context_get(handle, &context);
    return *static_cast<Cpg*>(context);
  }
  [[noreturn]] static void complain(const char* what) {
    std::cerr << "systole-bench-cpg: corosync: " << what << '\n';
    std::exit(1);
  }

  cpg_handle_t handle_ = 0;
  unsigned self_ = 0;
  int fd_ = -1;
  std::vector<char> data_;
};

}  // namespace

int main() {
  Cpg cpg;
  systole::bench::serve(cpg);
  return 0;
}
