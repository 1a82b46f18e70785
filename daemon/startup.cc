#include "daemon/startup.h"

#include "daemon/host.h"
#include "membership/key.h"

namespace systole::daemon {
namespace {

// FNV-1a: tells one file from another, nothing more.
Bytes digest(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  Bytes out;
  for (unsigned i = 0; i < 8; ++i) out.push_back(static_cast<std::uint8_t>(hash >> (8 * i)));
  return out;
}

Result<void> open_disk(Setup& setup) {
  auto disk = qdevice::Disk::open(setup.config.quorum.device.path, setup.config.totem.cluster_name);
  if (!disk) return fail(disk.error());
  setup.disk = std::move(*disk);
  return {};
}

// The certificates for an arbitrator lie beside corosync.conf, as corosync-qdevice's do.
Result<void> load_device(Files& files, const Paths& paths, Setup& setup) {
  const auto& device = setup.config.quorum.device;
  using membership::DeviceOptions;
  if (setup.config.quorum.device_votes && device.model == DeviceOptions::Model::kDisk)
    return open_disk(setup);
  if (!setup.config.quorum.device_votes || device.model != DeviceOptions::Model::kNet ||
      device.tls == DeviceOptions::Tls::kOff)
    return {};
  const std::string folder = paths.conf.substr(0, paths.conf.rfind('/')) + "/qdevice/net/tls";
  const auto credentials = qdevice::load_credentials(files, folder);
  if (!credentials && device.tls == DeviceOptions::Tls::kOn) {
    setup.config.warnings.push_back("the quorum device is asked without TLS: " + credentials.error().message);
    return {};
  }
  if (!credentials) return fail(credentials.error());
  auto context = qdevice::client_context(*credentials);
  if (!context) return fail(context.error().code, "{}: {}", folder, context.error().message);
  setup.device_tls = std::move(*context);
  return {};
}

}  // namespace

Result<Setup> load_config(Files& files, const Paths& paths) {
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
  setup.digest = digest(as_text(*text));
  setup.keyfile = setup.config.totem.keyfile.empty() ? paths.authkey : setup.config.totem.keyfile;
  const std::string host = host_name();
  if (const auto* named = setup.config.find(host)) {
    setup.self = named->id;
  }
  const auto resolve = [&](const std::string& name) {
    return resolve_host(name, setup.config.totem.ip_version);
  };
  if (auto resolved = membership::resolve_addresses(setup.config, resolve); !resolved) {
    return fail(resolved.error().code, "{}: {}", paths.conf, resolved.error().message);
  }
  const auto interfaces = host_interfaces();
  if (raw(setup.self) == 0) {
    std::vector<std::string> addresses;
    addresses.reserve(interfaces.size());
    for (const auto& each : interfaces) addresses.push_back(each.address);
    const auto self = membership::find_self(setup.config, host, addresses);
    if (!self) return fail(self.error().code, "{}: {}", paths.conf, self.error().message);
    setup.self = *self;
  }
  setup.name = setup.config.find(setup.self)->name;
  if (auto bound = membership::resolve_bindings(setup.config, setup.self, interfaces); !bound)
    return fail(bound.error().code, "{}: {}", paths.conf, bound.error().message);
  return setup;
}

Result<Setup> load_setup(Files& files, const Paths& paths) {
  auto setup = load_config(files, paths);
  // A Corosync that runs here seals the frames itself, with a key that only it reads.
  if (!setup || setup->config.provider == membership::Provider::kCorosync) return setup;
  auto key = membership::load_key(files, setup->keyfile);
  if (!key) return fail(key.error());
  setup->key = std::move(*key);
  if (auto next = membership::load_key(files, setup->keyfile + membership::kNextKey);
      next && *next != setup->key)
    setup->next_key = std::move(*next);
  if (auto loaded = load_device(files, paths, *setup); !loaded) return fail(loaded.error());
  return setup;
}

ProcessSpec store_key(const std::string& keyfile, ByteView key, bool next) {
  ProcessSpec spec;
  spec.argv = {program_beside("systole-keygen"), "--store", "--key-file",
               next ? keyfile + membership::kNextKey : keyfile};
  spec.input = as_text(key);
  return spec;
}

}  // namespace systole::daemon
