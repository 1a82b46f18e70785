// systole-keygen, also corosync-keygen: writes a new cluster key.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/asio_runtime.h"
#include "base/paths.h"
#include "membership/key.h"

int main(int argc, char** argv) {
  CLI::App app(
      "Makes the key that all nodes of a cluster share. Copy it to the other nodes over a safe way.");
  std::string path = systole::paths_from_environment().authkey;
  app.add_option("-k,--key-file", path, "File to write")->capture_default_str();
  unsigned size = systole::membership::kNewKey * 8;
  app.add_option("-s,--size", size, "Size in bits")->check(CLI::Range(1024, 32768))->capture_default_str();
  bool less_secure = false;
  app.add_flag("-l,--less-secure", less_secure, "Accepted for compatibility; the key is always strong");
  bool store = false;
  app.add_flag("--store", store,
               "Write the key that comes from standard input instead of a new one, in the place of any "
               "(the daemon does so when the key is rotated)");
  CLI11_PARSE(app, argc, argv);
  const auto files = systole::posix_files();
  if (store) {
    systole::Bytes key(systole::membership::kMaxKey + 1);
    key.resize(std::fread(key.data(), 1, key.size(), stdin));
    const auto stored = systole::membership::store_key(*files, path, key);
    if (!stored) std::fprintf(stderr, "systole-keygen: %s\n", stored.error().message.c_str());
    return stored ? 0 : systole::exit_code(stored.error().code);
  }
  const auto random = systole::system_random();
  const auto made = systole::membership::generate_key(*files, *random, path, size / 8);
  if (!made) {
    std::fprintf(stderr, "systole-keygen: %s\n", made.error().message.c_str());
    return systole::exit_code(made.error().code);
  }
  std::printf("Wrote a key of %u bytes to %s, readable by its owner alone.\n", size / 8, path.c_str());
  return 0;
}
