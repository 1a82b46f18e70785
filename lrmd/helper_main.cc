// systole-execd: the privileged process helper, started by systoled with one end of a socket pair as
// descriptor 3. Nobody else starts it.
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "lrmd/supervisor.h"

int main() {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(3, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) {
    std::fputs("systole-execd is started by systoled, with a socket as descriptor 3; not by hand\n", stderr);
    return 64;
  }
  ::close_range(4, ~0U, 0);
  // Our end is the socket's: a signal to the whole service must not come before systoled's orderly stop.
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2}) ::signal(signal, SIG_IGN);
  return systole::lrmd::Supervisor(systole::Fd(3)).run();
}
