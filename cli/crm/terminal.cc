#include "cli/crm/terminal.h"

#include <fcntl.h>
#include <histedit.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <cwchar>

#include "cli/host.h"

extern char** environ;

namespace systole::crm {
namespace {

constexpr int kHistoryLines = 1000;

// ~/.local/share/crmsh/history_systole, as crmsh keeps its own there.
std::string history_file(Shell& shell) {
  std::string base = shell.context().variable("XDG_DATA_HOME");
  const std::string home = shell.context().variable("HOME");
  if (base.empty() && home.empty()) return {};
  if (base.empty()) base = home + "/.local/share";
  std::string folder;
  for (const std::string& part : {base, base + "/crmsh"}) {
    for (std::size_t slash = part.find('/', 1); slash != std::string::npos; slash = part.find('/', slash + 1))
      ::mkdir(part.substr(0, slash).c_str(), 0755);
    ::mkdir(part.c_str(), 0700);
    folder = part;
  }
  return folder + "/history_systole";
}

// libedit's side of a shell: its prompt and completion are plain functions that find this by EL_CLIENTDATA.
struct Editing {
  Shell* shell = nullptr;
  EditLine* edit = nullptr;
  History* history = nullptr;
  std::string prompt;
};

Editing& editing_of(EditLine* edit) {
  void* data = nullptr;
  el_get(edit, EL_CLIENTDATA, &data);
  return *static_cast<Editing*>(data);
}

char* prompt_of(EditLine* edit) { return editing_of(edit).prompt.data(); }

std::string common_start(const std::vector<std::string>& words) {
  std::string common = words.front();
  for (const auto& word : words) {
    std::size_t same = 0;
    while (same < common.size() && same < word.size() && common[same] == word[same]) ++same;
    common.resize(same);
  }
  return common;
}

void print_candidates(const std::vector<std::string>& candidates) {
  std::size_t width = 0;
  for (const auto& word : candidates) width = std::max(width, word.size() + 2);
  const std::size_t columns = std::max<std::size_t>(1, 80 / width);
  std::string text = "\n";
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    text += candidates[i];
    const bool last = (i + 1) % columns == 0 || i + 1 == candidates.size();
    text += last ? "\n" : std::string(width - candidates[i].size(), ' ');
  }
  [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, text.data(), text.size());
}

unsigned char complete(EditLine* edit, int) {
  const LineInfo* line = el_line(edit);
  const std::string before(line->buffer, line->cursor);
  auto candidates = editing_of(edit).shell->complete(before);
  if (candidates.empty()) return CC_ERROR;
  const auto blank = before.find_last_of(" \t");
  const std::string word = blank == std::string::npos ? before : before.substr(blank + 1);
  const std::string common = common_start(candidates);
  std::string more = common.size() > word.size() ? common.substr(word.size()) : std::string{};
  const bool whole = candidates.size() == 1;
  if (whole && common.back() != '=' && common.back() != ':' && common.back() != '/') more += ' ';
  if (!more.empty() && el_insertstr(edit, more.c_str()) == -1) return CC_ERROR;
  if (!more.empty()) return CC_REFRESH;
  print_candidates(candidates);
  return CC_REDISPLAY;
}

volatile std::sig_atomic_t interrupted = 0;  // Control-C while a line is read.

// Control-C drops the line; while a command runs it ends the program as everywhere. It is let in only where a
// key is waited for: one that came a moment earlier would otherwise be noticed only with the next key.
class DropLineOnInterrupt {
 public:
  DropLineOnInterrupt() {
    interrupted = 0;
    sigset_t interrupt;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    ::sigprocmask(SIG_BLOCK, &interrupt, &mask_);
    while_waiting = mask_;
    sigdelset(&while_waiting, SIGINT);
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = 1; };
    ::sigaction(SIGINT, &action, &before_);
  }
  ~DropLineOnInterrupt() {
    ::sigprocmask(SIG_SETMASK, &mask_, nullptr);
    ::sigaction(SIGINT, &before_, nullptr);
  }

  static sigset_t while_waiting;

 private:
  sigset_t mask_{};
  struct sigaction before_ {};
};
sigset_t DropLineOnInterrupt::while_waiting;

// libedit's source of keys: 1 and the key, 0 at the end of input, -1 after Control-C.
int read_key(EditLine*, wchar_t* key) {
  std::mbstate_t state{};
  for (;;) {
    struct pollfd input {
      .fd = STDIN_FILENO, .events = POLLIN, .revents = 0
    };
    const int ready = ::ppoll(&input, 1, nullptr, &DropLineOnInterrupt::while_waiting);
    if (interrupted != 0) return -1;
    if (ready < 0 && errno == EINTR) continue;
    char byte = 0;
    const ssize_t got = ::read(STDIN_FILENO, &byte, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return static_cast<int>(got);
    const std::size_t size = std::mbrtowc(key, &byte, 1, &state);
    if (size == static_cast<std::size_t>(-2)) continue;  // More bytes belong to it.
    if (size != static_cast<std::size_t>(-1)) return 1;
    state = {};  // Not a character: dropped.
  }
}

// One line without its end; none at the end of input.
std::optional<std::string> read_line(Editing& editing, const std::string& prompt) {
  editing.prompt = prompt;
  int count = 0;
  const DropLineOnInterrupt guard;
  // libedit shows the prompt first: a Control-D typed at its sight would still be the terminal's, and lost.
  el_set(editing.edit, EL_PREP_TERM, 1);
  const char* line = el_gets(editing.edit, &count);
  if (line == nullptr && interrupted != 0) {
    el_reset(editing.edit);
    [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, "\n", 1);
    return std::string{};
  }
  if (line == nullptr || count <= 0) return std::nullopt;
  std::string text(line, static_cast<std::size_t>(count));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

void remember(Editing& editing, const std::string& line, const std::string& file) {
  HistEvent event;
  history(editing.history, &event, H_ENTER, line.c_str());
  if (file.empty()) return;
  history(editing.history, &event, H_SAVE, file.c_str());
  ::chmod(file.c_str(), 0600);
}

Result<std::string> edit_in(const std::string& editor, const std::string& text) {
  auto argv_words = split_words(editor.empty() ? "vi" : editor);
  if (!argv_words) return fail(argv_words.error());
  if (argv_words->empty()) argv_words->push_back("vi");
  char path[] = "/tmp/crm-edit.XXXXXX";
  const int fd = ::mkstemp(path);
  if (fd < 0) return fail(Errc::kIo, "no temporary file for the editor: {}", std::strerror(errno));
  ::close(fd);
  if (auto written = cli::write_file(path, text); !written) return fail(written.error());
  argv_words->push_back(path);
  std::vector<char*> argv;
  for (auto& word : *argv_words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  const int failed = ::posix_spawnp(&child, argv[0], nullptr, nullptr, argv.data(), environ);
  int status = 0;
  if (failed == 0)
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  auto edited = cli::read_file(path);
  ::unlink(path);
  if (failed != 0)
    return fail(Errc::kIo, "the editor {} could not be started: {}; set $EDITOR", argv[0],
                std::strerror(failed));
  if (status != 0)
    return fail(Errc::kCancelled, "the editor {} ended with status {}; nothing was changed", argv[0], status);
  return edited;
}

}  // namespace

bool Terminal::interactive() const { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1; }

void Terminal::attach(Shell& shell) {
  if (interactive() || !shell.context().variable("EDITOR").empty())
    shell.edit_text = [&shell](const std::string& text) { return edit_in(shell.options().editor, text); };
}

int Terminal::run(Shell& shell) {
  Editing editing;
  editing.shell = &shell;
  editing.edit = el_init("crm", stdin, stdout, stderr);
  editing.history = history_init();
  HistEvent event;
  history(editing.history, &event, H_SETSIZE, kHistoryLines);
  history(editing.history, &event, H_SETUNIQUE, 1);
  const std::string file = history_file(shell);
  if (!file.empty()) history(editing.history, &event, H_LOAD, file.c_str());
  el_set(editing.edit, EL_CLIENTDATA, &editing);
  el_set(editing.edit, EL_GETCFN, read_key);
  el_set(editing.edit, EL_PROMPT, prompt_of);
  el_set(editing.edit, EL_EDITOR, "emacs");
  el_set(editing.edit, EL_SIGNAL, 1);
  el_set(editing.edit, EL_HIST, history, editing.history);
  el_set(editing.edit, EL_ADDFN, "crm-complete", "complete words", complete);
  el_set(editing.edit, EL_BIND, "^I", "crm-complete", nullptr);
  el_set(editing.edit, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  shell.interactive = true;
  shell.ask_line = [&editing](const std::string& prompt) { return read_line(editing, prompt); };
  std::string pending;
  for (;;) {
    auto line = read_line(editing, pending.empty() ? shell.prompt() : "   > ");
    if (!line) {
      shell.out("\n");
      if (shell.finish()) break;
      continue;
    }
    if (line->empty()) pending.clear();
    pending += *line;
    if (is_continued(pending)) {
      pending.erase(pending.find_last_of('\\'));
      continue;
    }
    if (pending.find_first_not_of(" \t") != std::string::npos) remember(editing, pending, file);
    shell.run_line(pending);
    pending.clear();
    if (shell.quit_wanted() && shell.finish()) break;
  }
  shell.context().console->flush();
  history_end(editing.history);
  el_end(editing.edit);
  return 0;
}

}  // namespace systole::crm
