#include "membership/corosync_access.h"

#include <corosync/cmap.h>

#include <filesystem>
#include <thread>

namespace systole::membership {
namespace {

constexpr int kAttempts = 40;
constexpr auto kPause = std::chrono::milliseconds(50);

Result<void> write_file(Files& files, const std::string& conf, unsigned uid) {
  const std::string folder = std::filesystem::path(conf).parent_path() / "uidgid.d";
  const std::string text =
      fmt::format("# Written by systoled: lets its user use Corosync.\nuidgid {{\n  uid: {}\n}}\n", uid);
  if (const auto there = files.read(folder + "/systole"); there && as_text(*there) == text) return {};
  if (auto made = files.make_directory(folder, 0755); !made) return made;
  return files.write_atomic(folder + "/systole", as_bytes(text), 0644);
}

bool tell_running(unsigned uid) {
  cmap_handle_t handle = 0;
  if (cmap_initialize(&handle) != CS_OK) return false;
  const bool set = cmap_set_uint8(handle, fmt::format("uidgid.uid.{}", uid).c_str(), 1) == CS_OK;
  cmap_finalize(handle);
  return set;
}

}  // namespace

Result<void> admit_to_corosync(Files& files, const std::string& conf, unsigned uid) {
  // The file first: a Corosync that has read its folder before answers soon.
  auto written = write_file(files, conf, uid);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(kPause);
    if (tell_running(uid)) return written;
  }
  if (!written) return written;
  return fail(Errc::kUnavailable,
              "Corosync does not run on this host yet: it will let user {} in when it starts", uid);
}

}  // namespace systole::membership
