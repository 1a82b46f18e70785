// The parts of crm_mon: what is shown, and its live screen (screen.h).
#pragma once

#include "cli/context.h"
#include "cli/status.h"

namespace systole::cli {

// Everything that a status needs, asked of the session.
struct Snapshot {
  cib::Document document;
  std::optional<ClusterInfo> info;
  std::vector<FenceEvent> fencing;

  StatusInput input(WallTime now) const { return {&document, info, fencing, now}; }
};
Result<Snapshot> take_snapshot(Session& session);

// Full screen, redrawn when the cluster changes, until a person leaves it. Colours and scrolling by ncurses.
int run_screen(Context& context, Session& session, StatusOptions options, Duration interval);

}  // namespace systole::cli
