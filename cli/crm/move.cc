#include "cli/crm/move.h"

#include <algorithm>
#include <charconv>
#include <ctime>

#include "cli/crm/agents.h"
#include "cli/crm/running.h"
#include "cli/crm/xml.h"

namespace systole::crm {
namespace {

struct Request {
  std::string rsc, node;
  std::optional<Seconds> lifetime;
  bool force = false;
};

// RSC [NODE] [LIFETIME] [force]: a node is recognised by its name, a lifetime by its form.
Result<Request> parse_request(const Words& args, const Configuration& configuration) {
  Request request{args[0], {}, {}, false};
  if (!configuration.find_resource(request.rsc))
    return fail(Errc::kNotFound, "resource {} does not exist", request.rsc);
  for (std::size_t i = 1; i < args.size(); ++i) {
    if (args[i] == "force" || args[i] == "-f") {
      request.force = true;
    } else if (request.node.empty() && configuration.find_node(args[i])) {
      request.node = args[i];
    } else if (auto lifetime = parse_lifetime(args[i]); lifetime && !request.lifetime) {
      request.lifetime = *lifetime;
    } else {
      return fail(Errc::kInvalidArgument,
                  "'{}' is neither a node of this cluster nor a lifetime (PT1H, 30min)", args[i]);
    }
  }
  return request;
}

void drop(Configuration& configuration, const std::string& id) {
  auto place = configuration.section("constraints");
  for (auto constraint : elements(place))
    if (attr(constraint, "id") == id) place.remove_child(constraint);
}

void add_constraint(Configuration& configuration, const Request& request, const std::string& node,
                    bool prefer, WallTime now) {
  const std::string id =
      prefer ? "cli-prefer-" + request.rsc : fmt::format("cli-ban-{}-on-{}", request.rsc, node);
  drop(configuration, id);
  auto constraint = add_child(configuration.make_section("constraints"), "rsc_location", id);
  set_attr(constraint, "rsc", request.rsc);
  set_attr(constraint, "role", "Started");
  const char* score = prefer ? "INFINITY" : "-INFINITY";
  if (!request.lifetime) {
    set_attr(constraint, "node", node);
    set_attr(constraint, "score", score);
    return;
  }
  const std::string rule_id = id + "-rule";
  auto rule = add_child(constraint, "rule", rule_id);
  set_attr(rule, "score", score);
  set_attr(rule, "boolean-op", "and");
  auto where = add_child(rule, "expression", rule_id + "-expression");
  set_attr(where, "operation", "eq");
  set_attr(where, "attribute", "#uname");
  set_attr(where, "value", node);
  set_attr(where, "type", "string");
  auto until = add_child(rule, "date_expression", rule_id + "-until");
  set_attr(until, "operation", "lt");
  set_attr(until, "end", utc_text(now + *request.lifetime));
}

Result<cib::Document> live_document(Shell& shell) {
  auto session = shell.session();
  if (!session) return fail(session.error());
  return (*session)->document();
}

// The one node that a resource has to leave. Error: it runs nowhere, or on several.
Result<std::string> only_place(const cib::Document& document, const std::string& rsc) {
  auto places = places_of(document, rsc);
  if (places.empty()) return fail(Errc::kInvalidArgument, "{} is not running: name the node", rsc);
  if (places.size() > 1) {
    std::erase_if(places, [](const Place& place) { return !place.promoted; });
    if (places.size() != 1)
      return fail(Errc::kInvalidArgument, "{} runs on several nodes: name the node", rsc);
  }
  return places.front().node;
}

std::string use_clear(const std::string& rsc) {
  return fmt::format("Use `crm resource clear {}` to remove this constraint", rsc);
}

}  // namespace

Result<Seconds> parse_lifetime(std::string_view text) {
  if (!text.starts_with('P')) {
    const auto ms = parse_interval(text);
    if (ms < 1000) return fail(Errc::kParse, "'{}' is no lifetime (PT1H, P1D, 30min)", text);
    return Seconds(ms / 1000);
  }
  const std::string_view given = text;
  text.remove_prefix(1);
  Seconds sum{0};
  bool time = false;
  while (!text.empty()) {
    if (text.front() == 'T' && !time) {
      time = true;
      text.remove_prefix(1);
      continue;
    }
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || number < 0 || number > 100'000 || end == text.data() + text.size())
      return fail(Errc::kParse, "'{}' is no duration (PT1H30M)", given);
    const char unit = *end;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
    const std::int64_t factor = unit == 'W' && !time   ? 604'800
                                : unit == 'D' && !time ? 86'400
                                : unit == 'H' && time  ? 3600
                                : unit == 'M' && time  ? 60
                                : unit == 'S' && time  ? 1
                                                       : 0;
    if (factor == 0) return fail(Errc::kParse, "'{}' is no duration (PT1H30M)", given);
    sum += Seconds(number * factor);
  }
  if (sum <= Seconds(0)) return fail(Errc::kParse, "'{}' is no duration (PT1H30M)", given);
  return sum;
}

std::string utc_text(WallTime when) {
  const std::time_t seconds = static_cast<std::time_t>(epoch_seconds(when));
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

bool run_move(Shell& shell, const Invocation& call) {
  if (call.args.empty() || call.args.size() > 4) return shell.usage(call);
  auto document = live_document(shell);
  if (!document) return shell.error(document.error());
  auto request = parse_request(call.args, Configuration(document->root()));
  if (!request) return shell.error(request.error());
  if (request->node.empty()) {
    auto away_from = only_place(*document, request->rsc);
    if (!away_from) return shell.error(away_from.error());
    const bool done = shell.change([&](Configuration& c) -> Result<void> {
      drop(c, "cli-prefer-" + request->rsc);
      add_constraint(c, *request, *away_from, false, shell.context().now());
      return {};
    });
    if (!done) return false;
    shell.info(fmt::format("Move constraint created for {} away from {}", request->rsc, *away_from));
    shell.info(use_clear(request->rsc));
    return shell.settle();
  }
  const auto places = places_of(*document, request->rsc);
  const bool there = places.size() == 1 && places.front().node == request->node;
  if (there && !request->force && shell.live())
    return shell.error(
        fmt::format("{} is already running on {}; nothing to move (force makes the constraint all the same)",
                    request->rsc, request->node));
  const bool done = shell.change([&](Configuration& c) -> Result<void> {
    drop(c, fmt::format("cli-ban-{}-on-{}", request->rsc, request->node));
    add_constraint(c, *request, request->node, true, shell.context().now());
    return {};
  });
  if (!done) return false;
  shell.info(fmt::format("Move constraint created for {} to {}", request->rsc, request->node));
  shell.info(use_clear(request->rsc));
  return shell.settle();
}

bool run_ban(Shell& shell, const Invocation& call) {
  if (call.args.empty() || call.args.size() > 3) return shell.usage(call);
  auto document = live_document(shell);
  if (!document) return shell.error(document.error());
  auto request = parse_request(call.args, Configuration(document->root()));
  if (!request) return shell.error(request.error());
  if (request->node.empty()) {
    auto place = only_place(*document, request->rsc);
    if (!place) return shell.error(place.error());
    request->node = *place;
  }
  const bool done = shell.change([&](Configuration& c) -> Result<void> {
    add_constraint(c, *request, request->node, false, shell.context().now());
    return {};
  });
  if (!done) return false;
  shell.info(fmt::format("Ban constraint created for {} to {}", request->rsc, request->node));
  shell.info(use_clear(request->rsc));
  return shell.settle();
}

bool run_clear(Shell& shell, const Invocation& call) {
  if (call.args.empty() || call.args.size() > 2) return shell.usage(call);
  const std::string& rsc = call.args[0];
  const bool done = shell.change([&](Configuration& c) -> Result<void> {
    if (!c.find_resource(rsc)) return fail(Errc::kNotFound, "resource {} does not exist", rsc);
    auto place = c.section("constraints");
    const std::string ban = fmt::format("cli-ban-{}-on-", rsc), prefer = "cli-prefer-" + rsc,
                      standby = "cli-standby-" + rsc;
    for (auto constraint : elements(place)) {
      const std::string id(attr(constraint, "id"));
      const bool ours = id == prefer || id == standby || id.starts_with(ban);
      if (!ours || attr(constraint, "rsc") != rsc) continue;
      const bool of_node =
          call.args.size() == 1 || attr(constraint, "node") == call.args[1] || id == ban + call.args[1];
      if (of_node) place.remove_child(constraint);
    }
    return {};
  });
  if (!done) return false;
  shell.info(fmt::format("Removed migration constraints for {}", rsc));
  return shell.settle();
}

}  // namespace systole::crm
