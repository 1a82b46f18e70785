// mkqdisk: makes quorum disks, and shows what lies on them.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "qdevice/disk.h"

int main(int argc, char** argv) {
  using systole::qdevice::Disk;
  CLI::App app{"mkqdisk: makes a quorum disk, or shows what lies on it"};
  std::string make, label, list;
  app.add_option("-c,--create", make,
                 "Make this block device or file a quorum disk: erases its first 516 KiB");
  app.add_option("-l,--label", label, "With -c: the cluster's name (cluster_name)");
  app.add_option("-L,--list", list, "Show this quorum disk: its cluster, and each node's slot");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const int code = app.exit(e);
    return code == 0 ? 0 : 64;
  }
  if (make.empty() == list.empty() || make.empty() != label.empty()) {
    std::fprintf(stderr, "mkqdisk: choose  -c DEVICE -l CLUSTER  or  -L DEVICE\n");
    return 64;
  }
  if (!list.empty()) {
    const auto text = Disk::describe(list);
    if (!text) {
      std::fprintf(stderr, "mkqdisk: %s\n", text.error().message.c_str());
      return systole::exit_code(text.error().code);
    }
    std::fputs(text->c_str(), stdout);
    return 0;
  }
  const auto made = Disk::make(make, label);
  if (!made) {
    std::fprintf(stderr, "mkqdisk: %s\n", made.error().message.c_str());
    return systole::exit_code(made.error().code);
  }
  return 0;
}
