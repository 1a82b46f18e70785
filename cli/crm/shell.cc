#include "cli/crm/shell.h"

#include "cli/crm/commit.h"
#include "cli/crm/cursor.h"
#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

constexpr Duration kSettleTimeout = Seconds(300);

std::string_view trim(std::string_view s) {
  const auto first = s.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(" \t\r\n") - first + 1);
}

// `raw` behind its first word.
std::string_view behind_word(std::string_view raw) {
  raw = trim(raw);
  const auto end = raw.find_first_of(" \t");
  return end == std::string_view::npos ? std::string_view{} : trim(raw.substr(end));
}

}  // namespace

bool WorkingCopy::changed() const { return !same_tree(base.root(), mine.root()); }

Shell::Shell(cli::Context& context) : context_(context), path_{&root_level()}, file_(context.choice.file) {
  options_.editor = context.variable("EDITOR");
  options_.pager = context.variable("PAGER");
}

// -- Output.

void Shell::out(std::string_view text) { context_.console->out(text); }

bool Shell::error(std::string_view message) {
  context_.console->flush();
  const std::string where = line_number_ > 0 ? fmt::format("{}: ", line_number_) : std::string{};
  context_.console->err(fmt::format("ERROR: {}{}\n", where, message));
  return false;
}

void Shell::warn(std::string_view message) {
  context_.console->flush();
  context_.console->err(fmt::format("WARNING: {}\n", message));
}

void Shell::info(std::string_view message) { context_.console->out(fmt::format("INFO: {}\n", message)); }

bool Shell::usage(const Invocation& call) {
  return error(fmt::format("usage: {} {}", call.command.name, call.command.usage));
}

bool Shell::ask(std::string_view question) {
  if (options_.force) return true;
  if (!interactive || !ask_line) return false;
  context_.console->flush();
  const auto answer = ask_line(fmt::format("{} (y/n)? ", question));
  return answer && (same_nocase(*answer, "y") || same_nocase(*answer, "yes"));
}

// -- Session and working copy.

Result<cli::Session*> Shell::session() {
  if (!session_) {
    auto opened = context_.session();
    if (!opened) return fail(opened.error());
    session_ = std::move(*opened);
  }
  return session_.get();
}

bool Shell::live() {
  auto opened = session();
  return opened && (*opened)->place() == cli::Session::Place::kLive;
}

Result<cib::Document> Shell::fresh_document() {
  auto opened = session();
  if (!opened) return fail(opened.error());
  if ((*opened)->place() == cli::Session::Place::kLive) return (*opened)->document();
  auto again = context_.session();
  auto document = again ? (*again)->document() : Result<cib::Document>(fail(again.error()));
  // A pipe can be read only once: what was read from it holds.
  if (!document) return (*opened)->document();
  session_ = std::move(*again);
  return document;
}

void Shell::use_shadow(const std::string& name) {
  context_.choice.shadow = name;
  context_.choice.file = name.empty() ? file_ : std::string{};
  session_.reset();
  working_.reset();
}

cli::SessionChoice Shell::cluster_choice() const {
  auto choice = context_.choice;
  choice.shadow.clear();
  choice.file = file_;
  return choice;
}

Result<WorkingCopy*> Shell::working() {
  if (!working_) {
    auto document = fresh_document();
    if (!document) return fail(document.error());
    auto mine = document->clone();
    working_.emplace(WorkingCopy{std::move(*document), std::move(mine)});
  }
  return &*working_;
}

bool Shell::commit(bool force) {
  auto copy = working();
  if (!copy) return error(copy.error());
  if (!(*copy)->changed()) return true;
  return commit_copy(*this, **copy, force || options_.force, true) && settle();
}

bool Shell::change(const std::function<Result<void>(Configuration&)>& edit) {
  auto document = fresh_document();
  if (!document) return error(document.error());
  auto mine = document->clone();
  WorkingCopy copy{std::move(*document), std::move(mine)};
  Configuration configuration(copy.mine.root());
  if (auto done = edit(configuration); !done) return error(done.error());
  if (!copy.changed()) return true;
  return commit_copy(*this, copy, true, false);
}

bool Shell::settle(bool always) {
  if ((!options_.wait && !always) || !live()) return true;
  auto waited = (*session())->wait_idle(kSettleTimeout);
  return waited ? true : error(waited.error());
}

const Result<Agent>& Shell::agent(const std::string& agent_class, const std::string& provider,
                                  const std::string& type) {
  const std::string key = agent_class + ':' + provider + ':' + type;
  if (const auto it = agents_.find(key); it != agents_.end()) return it->second;
  const auto read = [&]() -> Result<Agent> {
    auto opened = session();
    if (!opened) return fail(opened.error());
    auto xml = (*opened)->agent_metadata(agent_class, provider, type);
    if (!xml) return fail(xml.error());
    return parse_metadata(*xml, agent_class, provider, type);
  };
  return agents_.emplace(key, read()).first->second;
}

// -- Levels.

std::string Shell::prompt() const {
  const std::string& shadow = context_.choice.shadow;
  const std::string& file = context_.choice.file;
  const std::string place = !file.empty()    ? file.substr(file.rfind('/') + 1)
                            : shadow.empty() ? "live"
                                             : shadow;
  return fmt::format("crm({}){}{}# ", place, path_.back()->name, working_ && working_->changed() ? "*" : "");
}

void Shell::enter(const Level& level) {
  if (path_.back() != &level) path_.push_back(&level);
}

void Shell::go_up() {
  if (path_.size() == 1) return;
  if (path_.back() == &configure_level() && !leave_configure()) return;
  path_.pop_back();
}

bool Shell::leave_configure() {
  if (!working_ || !working_->changed()) {
    working_.reset();
    return true;
  }
  if (!interactive) {
    const bool done = commit(false);
    working_.reset();
    return done;
  }
  const auto answer =
      ask_line ? ask_line("There are changes pending. Commit them (y/n/c: stay here)? ") : std::nullopt;
  if (!answer || same_nocase(*answer, "c")) return !answer ? (working_.reset(), true) : false;
  if ((same_nocase(*answer, "y") || same_nocase(*answer, "yes")) && !commit(false)) return false;
  working_.reset();
  return true;
}

bool Shell::finish() {
  const bool left = leave_configure();
  if (!left) quit_ = false;
  context_.console->flush();
  return left;
}

// -- Lines.

bool Shell::run_command(const Command& command, Words args, std::string_view raw) {
  return command.run(*this, Invocation{command, std::move(args), raw});
}

bool Shell::run_words(const Words& words, std::string_view raw) {
  const auto found = find_command(level(), words.front());
  if (!found.candidates.empty())
    return error(fmt::format("'{}' is ambiguous: {}", words.front(), join(found.candidates, ", ")));
  if (found.command != nullptr)
    return run_command(*found.command, Words(words.begin() + 1, words.end()), raw);
  if (found.level == nullptr) {
    const auto where = level().name.empty() ? std::string{} : fmt::format(" in {}", level().name);
    return error(fmt::format("no such command: {}{} (`help` lists what there is)", words.front(), where));
  }
  const std::size_t depth = path_.size();
  enter(*found.level);
  if (words.size() == 1) return true;
  // `configure show` at the top: done there, then back here, unless the command itself went elsewhere.
  const bool done = run_words(Words(words.begin() + 1, words.end()), behind_word(raw));
  if (path_.size() == depth + 1 && path_.back() == found.level && !one_shot_) {
    if (found.level == &configure_level() && !interactive && !done) forget_working();
    go_up();
  }
  return done;
}

bool Shell::run_line(std::string_view line) {
  line = trim(line);
  if (line.empty() || line.front() == '#') return true;
  auto words = split_words(line);
  if (!words) {
    // XML may hold what the shell takes for an open quote.
    if (behind_word(line).empty() || !line.starts_with("xml")) return error(words.error());
    words = Words{"xml"};
  }
  const bool done = run_words(*words, line);
  context_.console->flush();
  return done;
}

bool Shell::start_at_level(const Words& words) {
  const auto found = words.size() == 1 ? find_command(level(), words.front()) : Found{};
  if (found.level != nullptr) enter(*found.level);
  return found.level != nullptr;
}

int Shell::run_once(const Words& words) {
  one_shot_ = true;
  Words quoted;
  for (const auto& word : words) {
    const auto equals = word.find('=');
    quoted.push_back(is_assignment(word)
                         ? word.substr(0, equals + 1) + quote(std::string_view(word).substr(equals + 1))
                         : word);
  }
  const bool done = run_words(words, join(quoted, " "));
  if (!done) forget_working();
  const bool left = !done || finish();
  context_.console->flush();
  return done && left ? 0 : 1;
}

int Shell::run_batch(std::string_view text, const std::string& from) {
  int code = 0;
  for (const auto& line : logical_lines(text)) {
    line_number_ = line.number;
    const bool done = run_line(line.text);
    line_number_ = 0;
    if (!done) code = 1;
    if (quit_) break;
    if (!done && !options_.force) {
      if (working_ && working_->changed()) {
        error(fmt::format("{}: stopped at line {}; nothing that was not committed before it is kept", from,
                          line.number));
        forget_working();
      }
      return 1;
    }
  }
  return finish() ? code : 1;
}

}  // namespace systole::crm
