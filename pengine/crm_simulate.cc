#include "pengine/crm_simulate.h"

#include <charconv>

#include "pengine/explain_text.h"
#include "pengine/model.h"
#include "pengine/status_text.h"

namespace systole::pengine {
namespace {

// UTC, as "2015-08-12 02:53:40Z" (civil-from-days after Hinnant).
std::string utc_text(WallTime t) {
  const auto days = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss time(std::chrono::floor<Seconds>(t - days));
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count());
}

class Report {
 public:
  Report(cib::Document document, const SimulationRequest& request)
      : request_(request), result_{{}, {}, std::move(document), std::nullopt, {}} {
    if (request.now) {
      now_ = *request.now;
    } else if (const auto date = execution_date(result_.input)) {
      now_ = *date;
      original_date_ = true;
    } else {
      now_ = request.clock;
    }
  }

  Result<SimulationReport> go() {
    date_line();
    ClusterStatus before;
    if (!modifies()) {
      auto all = schedule_with_status(result_.input, options());
      result_.plan = std::move(all.plan);
      result_.workings = std::move(all.workings);
      before = std::move(all.before);
    } else if (!request_.quiet) {
      before = cluster_status(result_.input, now_);
    }
    if (!request_.quiet) {
      maintenance_line();
      status("Current cluster status:", before, result_.input, true);
    }
    if (modifies()) {
      if (auto modified = modify(); !modified) return tl::make_unexpected(modified.error());
      result_.plan = schedule(result_.input, options());
    }
    scores();
    if (!request_.quiet) summary();
    if (auto explained = explanations(); !explained) return tl::make_unexpected(explained.error());
    if (request_.execute) {
      if (auto executed = execute(); !executed) return tl::make_unexpected(executed.error());
    }
    return std::move(result_);
  }

 private:
  void say(const std::string& line) { result_.text += line + "\n"; }
  void gap() {
    if (!result_.text.empty()) say("");
  }
  void date_line() {
    if (original_date_ && !request_.quiet) say("Using the original execution date of: " + utc_text(now_));
  }

  void maintenance_line() {
    const auto mode = result_.input.root().select_node(
        "configuration/crm_config/cluster_property_set/nvpair[@name='maintenance-mode']");
    if (!engine::is_true(mode.node().attribute("value").value())) return;
    say("\n              *** Resource management is DISABLED ***");
    say("  The cluster will not attempt to start, stop or recover services\n");
  }

  void status(const char* title, const ClusterStatus& now, const cib::Document& document, bool counts) {
    if (counts && now.disabled + now.blocked > 0) {
      say(fmt::format(
          "{} of {} resource instances DISABLED and {} BLOCKED from further action due to failure\n",
          now.disabled, now.instances, now.blocked));
    }
    say(title);
    result_.text += status_text(now);
    if (request_.more) result_.text += request_.more(document);
  }

  bool modifies() const {
    const auto& r = request_;
    return r.quorum || r.watchdog || !r.nodes_up.empty() || !r.nodes_down.empty() ||
           !r.nodes_failed.empty() || !r.tickets_granted.empty() || !r.tickets_revoked.empty() ||
           !r.tickets_standby.empty() || !r.tickets_activated.empty() || !r.inject.empty();
  }
  Result<void> modify();
  Options options() const;
  void scores();
  void summary();
  Result<void> explanations();
  Result<void> execute();

  const SimulationRequest& request_;
  WallTime now_{};
  bool original_date_ = false;
  SimulationReport result_;
};

Result<void> Report::modify() {
  std::vector<std::string> notes;
  cib::Document& d = result_.input;
  if (request_.quorum) {
    notes.push_back(fmt::format("Setting quorum: {}", *request_.quorum ? "true" : "false"));
    inject_quorum(d, *request_.quorum);
  }
  if (request_.watchdog) {
    notes.push_back(fmt::format("Setting watchdog: {}", *request_.watchdog ? "true" : "false"));
    inject_watchdog(d, *request_.watchdog);
  }
  for (const std::string& n : request_.nodes_up) {
    notes.push_back("Bringing node " + n + " online");
    inject_node(d, n, true, true);
  }
  for (const std::string& n : request_.nodes_down) {
    notes.push_back("Taking node " + n + " offline");
    inject_node(d, n, false, true);
  }
  for (const std::string& n : request_.nodes_failed) {
    notes.push_back("Failing node " + n);
    inject_node(d, n, false, false);
  }
  const auto ticket = [&](const std::vector<std::string>& ids, const char* attribute, const char* value,
                          const char* verb) {
    for (const std::string& id : ids) {
      notes.push_back(fmt::format("{} ticket {}", verb, id));
      inject_ticket(d, id, attribute, value);
    }
  };
  ticket(request_.tickets_granted, "granted", "true", "Granting");
  ticket(request_.tickets_revoked, "granted", "false", "Revoking");
  ticket(request_.tickets_standby, "standby", "true", "Making standby");
  ticket(request_.tickets_activated, "standby", "false", "Activating");
  for (const std::string& text : request_.inject) {
    auto op = parse_injected_op(text);
    if (!op) return tl::make_unexpected(op.error());
    if (auto injected = inject_op(d, *op, now_); !injected) return injected;
    notes.push_back(fmt::format("Injecting {} into the configuration", text));
  }
  if (notes.empty() || request_.quiet) return {};
  gap();
  say("Performing Requested Modifications:");
  for (const std::string& note : notes) say("  * " + note);
  return {};
}

Options Report::options() const {
  Options options;
  options.now = now_;
  options.scores = request_.show_scores || request_.show_utilization;
  options.reasons = request_.explain_actions;
  options.attributes = request_.execute || request_.save_graph || request_.explain_actions;
  return options;
}

void Report::scores() {
  if (!options().scores) return;
  const char* margin = "";
  if (!request_.quiet) {
    gap();
    say(request_.show_utilization ? "Assignment Scores and Utilization Information:" : "Assignment Scores:");
    margin = "  * ";
  }
  for (const Score& score : result_.plan.scores) {
    const bool promotion = score.function == "promotion";
    say(fmt::format("{}{}{} {} score on {}: {}", margin, promotion ? "" : score.function + ": ",
                    score.resource, promotion ? "promotion" : "allocation", score.node,
                    score_text(score.value)));
  }
}

void Report::summary() {
  gap();
  say("Transition Summary:");
  for (const Decision& decision : result_.plan.decisions) say("  * " + decision.text);
}

Result<void> Report::explanations() {
  for (const std::string& id : request_.explain) {
    const auto explanation = explain(result_.input, now_, id);
    if (!explanation) return tl::make_unexpected(explanation.error());
    gap();
    result_.text += explanation_text(*explanation);
  }
  if (!request_.explain_actions) return {};
  gap();
  say("What is to be done, and what it waits for:");
  result_.text += actions_text(explain_actions(result_.input, result_.plan));
  return {};
}

Result<void> Report::execute() {
  SimulatedFaults faults;
  faults.keep_traces = true;
  for (const std::string& text : request_.fail) {
    auto op = parse_injected_op(text);
    if (!op) return tl::make_unexpected(op.error());
    faults.operations.push_back(std::move(*op));
  }
  // Its results are the newest of all, whatever moment the document was saved at.
  Simulation simulation = simulate(result_.input, result_.plan, std::max(now_, request_.clock), faults);
  if (!request_.quiet) {
    gap();
    say("Executing Cluster Transition:");
    for (const std::string& line : simulation.lines) say("  * " + line);
    if (!simulation.complete) say("Transition failed: not every action could be executed");
    date_line();
    gap();
    status("Revised Cluster Status:", cluster_status(simulation.after, now_, Pending::kLeftOut),
           simulation.after, false);
  }
  result_.output = std::move(simulation.after);
  return {};
}

}  // namespace

std::optional<WallTime> execution_date(const cib::Document& document) {
  const std::string_view text = document.root().attribute("execution-date").value();
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return WallTime(Seconds(seconds));
}

Result<SimulationReport> run_simulation(cib::Document document, const SimulationRequest& request) {
  return Report(std::move(document), request).go();
}

}  // namespace systole::pengine
