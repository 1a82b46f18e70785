#include "cli/crm/main.h"
#include "cli/crm/terminal.h"

namespace systole::crm {

int run_crm(cli::Context& context) {
  Terminal terminal;
  return run_shell(context, &terminal);
}

}  // namespace systole::crm

int crm_main(int argc, char** argv) {
  auto context = systole::cli::process_context("crm", std::vector<std::string>(argv + 1, argv + argc));
  return systole::crm::run_crm(context);
}
