#include "cli/screen.h"

#include <ncurses.h>

#include <clocale>
#include <cstdio>

#include "cli/host.h"
#include "cli/output.h"

namespace systole::cli {
namespace {

using Paint = LiveView::Paint;

chtype attributes_of(Paint paint) {
  switch (paint) {
    case Paint::kBold:
      return A_BOLD;
    case Paint::kGood:
    case Paint::kWarning:
    case Paint::kBad:
      return static_cast<chtype>(COLOR_PAIR(static_cast<int>(paint)));
    case Paint::kPlain:
      break;
  }
  return A_NORMAL;
}

// The bytes of `line` that fill a row: one column for each character.
int that_fit(const std::string& line, int columns) {
  std::size_t at = 0;
  for (int used = 0; at < line.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(line[at]) & 0xC0) != 0x80;
    if (begins && ++used > columns) break;
  }
  return static_cast<int>(at);
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
      init_pair(static_cast<short>(Paint::kGood), COLOR_GREEN, -1);
      init_pair(static_cast<short>(Paint::kWarning), COLOR_YELLOW, -1);
      init_pair(static_cast<short>(Paint::kBad), COLOR_RED, -1);
    }
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen() { endwin(); }

  void show(const std::string& text, int& top, const LiveView& view) {
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
      attrset(static_cast<int>(attributes_of(view.paint(line))));
      mvaddnstr(row, 0, line.c_str(), that_fit(line, COLS));
    }
    attrset(A_NORMAL);
    refresh();
  }
};

// False: leave.
bool key_pressed(int key, const LiveView& view, int& top, bool& help) {
  switch (key) {
    case 'q':
    case 'Q':
      return false;
    case '?':
    case 'h':
      help = !help;
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
      view.key(key);
  }
  return true;
}

}  // namespace

bool has_any(const std::string& line, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](const char* w) { return line.find(w) != std::string::npos; });
}

int run_live(Context& context, Session& session, const LiveView& view, Duration interval) {
  if (const auto first = view.take(); !first) {
    context.console->err(fmt::format("{}: Connection to cluster failed: {}\n", context.name,
                                     printable(first.error().message)));
    return exit_code(first.error().code);
  }
  Screen screen;
  std::string trouble;
  int top = 0;
  bool help = false, stale = false;
  WallTime taken = context.now();
  for (;;) {
    std::string text = trouble.empty() ? "" : "NOT CONNECTED: " + printable(trouble) + "\n\n";
    text += view.draw();
    screen.show(help ? text + view.help : text, top, view);
    for (bool redraw = false; !redraw;) {
      for (int key = getch(); key != ERR; key = getch()) {
        if (!key_pressed(key, view, top, help)) return 0;
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
        const auto next = view.take();
        trouble = next ? "" : next.error().message;
        stale = !next;
        taken = context.now();
        redraw = true;
      }
    }
  }
}

}  // namespace systole::cli
