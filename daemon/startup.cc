#include "daemon/startup.h"

#include "daemon/host.h"
#include "membership/key.h"

namespace systole::daemon {

Result<Setup> load_setup(Files& files, const Paths& paths) {
  const auto text = files.read(paths.conf);
  if (!text) {
    if (text.error().code != Errc::kNotFound) return fail(text.error());
    return fail(
        Errc::kNotFound,
        "there is no {}: write one with the cluster's nodelist (crm cluster init does), or name another with "
        "COROSYNC_MAIN_CONFIG_FILE",
        paths.conf);
  }
  Setup setup;
  auto config = membership::parse_corosync_conf(as_text(*text));
  if (!config) return fail(config.error().code, "{}: {}", paths.conf, config.error().message);
  setup.config = std::move(*config);
  const std::string host = host_name();
  if (const auto* named = setup.config.find(host)) {
    setup.self = named->id;
  }
  if (auto resolved = membership::resolve_addresses(setup.config, resolve_host); !resolved) {
    return fail(resolved.error().code, "{}: {}", paths.conf, resolved.error().message);
  }
  if (raw(setup.self) == 0) {
    const auto self = membership::find_self(setup.config, host, host_addresses());
    if (!self) return fail(self.error().code, "{}: {}", paths.conf, self.error().message);
    setup.self = *self;
  }
  setup.name = setup.config.find(setup.self)->name;
  // A Corosync that runs here seals the frames itself, with a key that only it reads.
  if (setup.config.provider == membership::Provider::kCorosync) return setup;
  auto key = membership::load_key(files, paths.authkey);
  if (!key) return fail(key.error());
  setup.key = std::move(*key);
  return setup;
}

}  // namespace systole::daemon
