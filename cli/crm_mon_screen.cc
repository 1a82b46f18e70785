// The live screen of crm_mon.
#include <ncurses.h>

#include <clocale>
#include <cstdio>

#include "cli/crm_mon.h"
#include "cli/host.h"
#include "cli/output.h"
#include "cli/tools.h"

namespace systole::cli {
namespace {

constexpr short kRedPair = 1, kYellowPair = 2, kGreenPair = 3;

constexpr const char* kHelp =
    "\n  q  leave             r  inactive resources    n  by node           R  detail\n"
    "  f  fail counts       o  operations            t  with times        A  node attributes\n"
    "  c  tickets           L  bans                  m  fencing history   b  brief\n"
    "  D  summary           arrows, Page Up, Page Down, Home: scroll      ?  these keys\n";

bool has_any(const std::string& line, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](const char* w) { return line.find(w) != std::string::npos; });
}

chtype look(const std::string& line) {
  if (!line.empty() && line[0] != ' ') return A_BOLD;
  if (has_any(line, {"FAILED", "UNCLEAN", "OFFLINE", "WITHOUT quorum", "returned '", "NONE", "could not be"}))
    return static_cast<chtype>(COLOR_PAIR(kRedPair));
  if (has_any(line, {"Stopped", "standby", "maintenance", "unmanaged", "disabled", "DISABLED", "pending",
                     "ing node"})) {
    return static_cast<chtype>(COLOR_PAIR(kYellowPair));
  }
  if (has_any(line, {"Online:", ": online", "Started", "Promoted"}))
    return static_cast<chtype>(COLOR_PAIR(kGreenPair));
  return A_NORMAL;
}

class Screen {
 public:
  Screen() {
    std::setlocale(LC_CTYPE, "");
    initscr();
    cbreak();
    noecho();
    nodelay(stdscr, TRUE);
    keypad(stdscr, TRUE);
    curs_set(0);
    if (has_colors()) {
      start_color();
      use_default_colors();
      init_pair(kRedPair, COLOR_RED, -1);
      init_pair(kYellowPair, COLOR_YELLOW, -1);
      init_pair(kGreenPair, COLOR_GREEN, -1);
    }
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen() { endwin(); }

  void show(const std::string& text, int& top) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      lines.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    top = std::clamp(top, 0, std::max(0, static_cast<int>(lines.size()) - LINES + 1));
    erase();
    for (int row = 0; row < LINES && row + top < static_cast<int>(lines.size()); ++row) {
      const std::string& line = lines[static_cast<std::size_t>(row + top)];
      attrset(static_cast<int>(look(line)));
      mvaddnstr(row, 0, line.c_str(), static_cast<int>(line.size()));
    }
    attrset(A_NORMAL);
    refresh();
  }
};

// False: leave.
bool key_pressed(int key, StatusOptions& o, int& top, bool& help) {
  switch (key) {
    case 'q':
    case 'Q':
      return false;
    case '?':
    case 'h':
      help = !help;
      break;
    case 'r':
      o.inactive = !o.inactive;
      break;
    case 'n':
      o.by_node = !o.by_node;
      break;
    case 'R':
      o.detail = !o.detail;
      break;
    case 'f':
      o.failcounts = !o.failcounts;
      break;
    case 'o':
      o.operations = !o.operations;
      break;
    case 't':
      o.timing = !o.timing;
      break;
    case 'A':
      o.attributes = !o.attributes;
      break;
    case 'c':
      o.tickets = !o.tickets;
      break;
    case 'L':
      o.bans = !o.bans;
      break;
    case 'b':
      o.brief = !o.brief;
      break;
    case 'D':
      o.header = !o.header;
      break;
    case 'm':
      o.fence_history = (o.fence_history + 1) % 4;
      break;
    case KEY_DOWN:
      ++top;
      break;
    case KEY_UP:
      --top;
      break;
    case KEY_NPAGE:
    case ' ':
      top += LINES - 1;
      break;
    case KEY_PPAGE:
      top -= LINES - 1;
      break;
    case KEY_HOME:
      top = 0;
      break;
    default:
      break;
  }
  return true;
}

}  // namespace

int run_screen(Context& context, Session& session, StatusOptions options, Duration interval) {
  auto first = take_snapshot(session);
  if (!first) {
    context.console->err(
        fmt::format("crm_mon: Connection to cluster failed: {}\n", printable(first.error().message)));
    return exit_code(first.error().code);
  }
  options.colour = false;  // ncurses' own.
  std::optional<Snapshot> last(std::move(*first));
  Screen screen;
  std::string trouble;
  int top = 0;
  bool help = false, stale = false;
  WallTime taken = context.now();
  for (;;) {
    std::string text = trouble.empty() ? "" : "NOT CONNECTED: " + printable(trouble) + "\n\n";
    text += render_status(last->input(taken), options);
    screen.show(help ? text + kHelp : text, top);
    for (bool redraw = false; !redraw;) {
      for (int key = getch(); key != ERR; key = getch()) {
        if (!key_pressed(key, options, top, help)) return 0;
        redraw = true;
      }
      if (redraw) break;
      const auto changed = session.wait_change(Milliseconds(100));
      if (!changed) {
        stale = true;
        trouble = changed.error().message;
        sleep_for(Milliseconds(500));
      }
      if (stale || (changed && *changed) || context.now() - taken >= interval) {
        if (auto next = take_snapshot(session)) {
          last.emplace(std::move(*next));
          trouble.clear();
          stale = false;
        } else {
          trouble = next.error().message;
          stale = true;
        }
        taken = context.now();
        redraw = true;
      }
    }
  }
}

}  // namespace systole::cli
