// Operation histories: what has been done on each node, and what role each resource has there by it.
#include <charconv>

#include "cli/cluster_view_parts.h"
#include "cli/document_session.h"
#include "cli/options.h"
#include "cli/resource_tree.h"

namespace systole::cli {
namespace {

std::int64_t number(pugi::xml_attribute attribute) { return attribute.as_llong(); }

// The third field of "ACTION:TRANSITION:EXPECTED:UUID".
int expected_rc(pugi::xml_node op) {
  const std::string_view key = op.attribute("transition-key").value();
  const std::size_t first = key.find(':'), second = key.find(':', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return -1;
  int rc = -1;
  std::from_chars(key.data() + second + 1, key.data() + key.size(), rc);
  return rc;
}

const char* status_name(int status) {
  switch (status) {
    case -1:
      return "pending";
    case 0:
      return "complete";
    case 1:
      return "Cancelled";
    case 2:
      return "Timed Out";
    case 3:
      return "NOT SUPPORTED";
    case 4:
      return "Error";
    case 5:
      return "Hard error";
    case 6:
      return "Fatal error";
    case 7:
      return "Not installed";
    case 8:
      return "Internal communication failure";
    default:
      return "invalid";
  }
}

struct Op {
  OperationView view;
  int status = 0, expected = -1;
  bool probe() const { return view.task == "monitor" && view.interval_ms == 0; }
};

Op read_op(pugi::xml_node xml, const std::string& resource, const std::string& node) {
  Op op;
  op.view.resource = resource;
  op.view.node = node;
  op.view.task = xml.attribute("operation").value();
  op.view.key = xml.attribute("operation_key").value();
  op.view.exit_reason = xml.attribute("exit-reason").value();
  op.status = xml.attribute("op-status").as_int();
  op.view.status = status_name(op.status);
  op.view.interval_ms = number(xml.attribute("interval"));
  op.view.last_change = number(xml.attribute("last-rc-change"));
  op.view.exec_ms = number(xml.attribute("exec-time"));
  op.view.queue_ms = number(xml.attribute("queue-time"));
  op.view.call = xml.attribute("call-id").as_int(-1);
  op.view.rc = xml.attribute("rc-code").as_int(1);
  op.expected = expected_rc(xml);
  if (op.view.key.empty()) op.view.key = fmt::format("{}_{}_{}", resource, op.view.task, op.view.interval_ms);
  return op;
}

std::string on_fail(const cib::Document& document, const std::string& resource, const Op& op) {
  const pugi::xml_node primitive = find_resource(document, resource);
  for (const pugi::xml_node defined : primitive.child("operations").children("op")) {
    const auto interval = parse_interval(defined.attribute("interval").value());
    if (op.view.task == defined.attribute("name").value() &&
        interval.value_or(Milliseconds(0)).count() == op.view.interval_ms) {
      return defined.attribute("on-fail").value();
    }
  }
  return "";
}

const char* pending_word(const Op& op) {
  const std::string& task = op.view.task;
  if (task == "start") return "Starting";
  if (task == "stop") return "Stopping";
  if (task == "promote") return "Promoting";
  if (task == "demote") return "Demoting";
  if (task == "migrate_to" || task == "migrate_from") return "Migrating";
  if (task == "monitor" && op.view.interval_ms > 0) return "Monitoring";
  return "";
}

class Reader {
 public:
  Reader(const cib::Document& document, bool fencing) : document_(document), fencing_(fencing) {}

  Activity read(std::vector<Op>& ops, const std::string& node, std::vector<OperationView>& failures) {
    Activity activity;
    activity.node = node;
    // Pending operations come last, whatever their call id.
    std::stable_sort(ops.begin(), ops.end(), [](const Op& a, const Op& b) {
      if ((a.status == -1) != (b.status == -1)) return b.status == -1;
      return a.view.call < b.view.call;
    });
    for (const Op& op : ops) apply(op, activity, failures);
    return activity;
  }

 private:
  static bool good(const Op& op) {
    if (op.status != 0 && op.status != -1) return false;
    if (op.probe())
      return op.view.rc == 0 || op.view.rc == 7 || op.view.rc == 8 || op.view.rc == 190 || op.view.rc == 191;
    if (op.expected >= 0 && op.view.rc == op.expected) return true;
    return op.view.task == "monitor"
               ? op.view.rc == 0 || op.view.rc == 8 || op.view.rc == 190 || op.view.rc == 191
               : op.view.rc == 0 || (op.view.task == "stop" && op.view.rc == 7);
  }

  void apply(const Op& op, Activity& activity, std::vector<OperationView>& failures) {
    if (op.status == 1 || op.view.task == "notify") return;
    if (op.status == -1) {
      begun(op, activity);
    } else if (good(op)) {
      succeeded(op, activity);
    } else {
      failures.push_back(op.view);
      failed(op, activity);
    }
  }

  static void begun(const Op& op, Activity& activity) {
    activity.pending = pending_word(op);
    // What is being started may be running already.
    if (op.view.task == "start" || op.view.task == "migrate_from") activity.role = Role::kStarted;
    if (op.view.task == "promote") activity.role = Role::kPromoted;
  }

  static void succeeded(const Op& op, Activity& activity) {
    const std::string& task = op.view.task;
    activity.pending.clear();
    if (task == "monitor") {
      const bool promoted = op.view.rc == 8 || op.view.rc == 191;
      if (op.view.rc == 7)
        activity.role = Role::kStopped;
      else if (promoted)
        activity.role = Role::kPromoted;
      else if (activity.role != Role::kPromoted || op.probe())
        activity.role = activity.role == Role::kUnpromoted ? Role::kUnpromoted : Role::kStarted;
      if (op.probe()) activity.failed = false;
    } else if (task == "start" || task == "migrate_from") {
      activity.role = Role::kStarted;
      activity.failed = activity.blocked = false;
    } else if (task == "stop" || task == "migrate_to") {
      activity.role = Role::kStopped;
      activity.failed = activity.blocked = false;
    } else if (task == "promote") {
      activity.role = Role::kPromoted;
      activity.failed = false;
    } else if (task == "demote") {
      activity.role = Role::kUnpromoted;
      activity.failed = false;
    }
  }

  void failed(const Op& op, Activity& activity) {
    const std::string policy = on_fail(document_, op.view.resource, op);
    activity.pending.clear();
    if (policy == "ignore") {
      activity.failure_ignored = true;
      succeeded(op, activity);
      if (activity.role == Role::kUnknown) activity.role = Role::kStarted;
      return;
    }
    // A probe that could not even find the agent says that nothing runs here.
    if (op.probe() && (op.view.rc == 5 || op.view.rc == 6 || op.view.rc == 2 || op.view.rc == 3)) {
      if (activity.role == Role::kUnknown) activity.role = Role::kStopped;
      return;
    }
    activity.failed = true;
    if (op.view.rc == 7 && op.view.task == "monitor") activity.failed = true;
    if (!activity.active()) activity.role = Role::kStarted;
    if (op.view.rc == 8 || op.view.rc == 9 || op.view.task == "demote") activity.role = Role::kPromoted;
    activity.blocked = policy == "block" || (op.view.task == "stop" && !fencing_ && policy.empty());
  }

  const cib::Document& document_;
  bool fencing_;
};

int count_value(std::string_view text) {
  if (text == "INFINITY") return 1'000'000;
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return std::clamp(value, 0, 1'000'000);
}

void read_counts(const std::vector<AttributeValue>& attributes, HistoryView& view) {
  const std::string base = view.resource.substr(0, view.resource.find(':'));
  for (const AttributeValue& a : attributes) {
    for (const std::string& id : {view.resource, base}) {
      if (a.name == "fail-count-" + id || a.name.starts_with("fail-count-" + id + "#")) {
        view.fail_count = std::min(1'000'000, view.fail_count + count_value(a.value));
        break;
      }
      if (a.name == "last-failure-" + id || a.name.starts_with("last-failure-" + id + "#")) {
        view.last_failure =
            std::max<std::int64_t>(view.last_failure, std::strtoll(a.value.c_str(), nullptr, 10));
        break;
      }
    }
  }
}

}  // namespace

Histories read_histories(const cib::Document& document, const std::vector<NodeView>& nodes) {
  Histories all;
  const bool fencing = is_true(property(document, "stonith-enabled", "true"));
  Reader reader(document, fencing);
  for (const NodeView& node : nodes) {
    const pugi::xml_node state = state_of(document, node.name);
    const auto attributes = transient_attributes(document, "", node.name);
    for (const pugi::xml_node resource : state.child("lrm").child("lrm_resources").children("lrm_resource")) {
      const std::string id = resource.attribute("id").value();
      std::vector<Op> ops;
      for (const pugi::xml_node op : resource.children("lrm_rsc_op"))
        ops.push_back(read_op(op, id, node.name));
      Activity activity = reader.read(ops, node.name, all.failures);
      // What ran on a node that has left in order is gone.
      const bool gone = node.kind == NodeView::Kind::kMember && !node.online && !node.unclean;
      if (gone) activity = Activity{node.name, Role::kUnknown, false, false, false, ""};
      HistoryView view;
      view.node = node.name;
      view.resource = id;
      const pugi::xml_node configured = find_resource(document, id);
      view.orphan = !configured;
      for (const Found& meta : effective_pairs(document, configured, "meta_attributes")) {
        if (meta.name == "migration-threshold" && !meta.value.empty())
          view.migration_threshold = count_value(meta.value);
      }
      read_counts(attributes, view);
      for (const Op& op : ops) view.operations.push_back(op.view);
      if (!view.operations.empty()) all.views.push_back(std::move(view));
      all.by_resource[id].push_back(std::move(activity));
      const std::string provider = resource.attribute("provider").value();
      all.agents[id] = std::string(resource.attribute("class").value()) + ":" +
                       (provider.empty() ? "" : provider + ":") + resource.attribute("type").value();
    }
  }
  return all;
}

}  // namespace systole::cli
