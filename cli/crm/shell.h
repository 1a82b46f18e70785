// Shell: the crm shell without its terminal. Takes lines, finds the command in the tables, runs it; holds
// what lasts between lines: the level, the session, the working copy of the configuration, the options.
//
// Everything it needs is given in a cli::Context, so that a test runs it on a document in memory.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cib/document.h"
#include "cli/context.h"
#include "cli/crm/agents.h"
#include "cli/crm/command.h"
#include "cli/crm/configuration.h"

namespace systole::crm {

struct Options {
  bool force = false, wait = false, debug = false;
  bool colour = true;  // On a terminal only.
  bool sort = true;    // Objects in `show` by kind and id.
  std::string editor;
  std::string pager;
};

// What an edit began with and what it has become.
struct WorkingCopy {
  cib::Document base, mine;
  bool changed() const;
};

class Shell {
 public:
  explicit Shell(cli::Context& context);

  // -- Lines in. Each returns the exit code (0, or 1 for a command that failed).
  int run_once(const Words& words);                               // crm configure show
  int run_batch(std::string_view text, const std::string& from);  // crm -f FILE: stops at the first error
  bool run_line(std::string_view line);                           // One logical line at the present level.
  // `crm configure` alone: goes to that level, where a batch or the terminal goes on. False: words are a
  // command.
  bool start_at_level(const Words& words);
  // Leaving: changes not committed yet are committed (batch) or asked about. False: stay.
  bool finish();
  bool quit_wanted() const { return quit_; }

  // -- For the prompt and completion.
  const Level& level() const { return *path_.back(); }
  std::string prompt() const;
  std::vector<std::string> complete(std::string_view line_before_cursor);  // Candidates for the last word.

  // -- For commands.
  void out(std::string_view text);
  bool error(std::string_view message);  // "ERROR: …"; returns false.
  bool error(const Error& e) { return error(e.message); }
  void warn(std::string_view message);
  void info(std::string_view message);
  bool usage(const Invocation& call);   // "ERROR: usage: …"
  bool ask(std::string_view question);  // Interactive only; otherwise the answer is no, with force yes.

  cli::Context& context() { return context_; }
  Options& options() { return options_; }
  bool interactive = false;
  // Asks a person; set by the terminal.
  std::function<std::optional<std::string>(const std::string& prompt)> ask_line;
  // Runs the person's editor on a text; set by the terminal. None: not possible here.
  std::function<Result<std::string>(const std::string& text)> edit_text;

  Result<cli::Session*> session();
  // The whole CIB as it is now. A file is read anew, where that is possible: others write it too.
  Result<cib::Document> fresh_document();
  void use_shadow(const std::string& name);   // Empty: the cluster (or CIB_file) again.
  cli::SessionChoice cluster_choice() const;  // The cluster or file, whatever shadow is in use.
  bool live();                                // The session is a running cluster's.

  // The working copy of the configure level; read from the cluster at first use.
  Result<WorkingCopy*> working();
  void forget_working() { working_.reset(); }
  bool commit(bool force);

  // One change outside of `configure`: on a copy of its own, committed at once. False: said why.
  bool change(const std::function<Result<void>(Configuration&)>& edit);
  // After a change: with -w, until the cluster has nothing to do.
  bool settle(bool always = false);

  const Result<Agent>& agent(const std::string& agent_class, const std::string& provider,
                             const std::string& type);

  void go_up();
  void enter(const Level& level);
  void quit() { quit_ = true; }

 private:
  bool run_words(const Words& words, std::string_view raw);
  bool run_command(const Command& command, Words args, std::string_view raw);
  bool leave_configure();

  cli::Context& context_;
  Options options_;
  std::vector<const Level*> path_;
  std::unique_ptr<cli::Session> session_;
  std::string file_;  // CIB_file, also while a shadow is in use.
  std::optional<WorkingCopy> working_;
  std::map<std::string, Result<Agent>> agents_;
  bool quit_ = false;
  bool one_shot_ = false;
  int line_number_ = 0;  // In a batch; 0: none.
};

}  // namespace systole::crm
