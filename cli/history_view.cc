// Operation histories: what has been done on each node, and what failed.
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

// Whether the result is what was hoped for. A probe may find the resource running or not.
bool good(const Op& op) {
  if (op.status != 0 && op.status != -1) return false;
  if (op.probe())
    return op.view.rc == 0 || op.view.rc == 7 || op.view.rc == 8 || op.view.rc == 190 || op.view.rc == 191;
  if (op.expected >= 0 && op.view.rc == op.expected) return true;
  return op.view.task == "monitor"
             ? op.view.rc == 0 || op.view.rc == 8 || op.view.rc == 190 || op.view.rc == 191
             : op.view.rc == 0 || (op.view.task == "stop" && op.view.rc == 7);
}

bool is_failure(const Op& op) {
  return op.status != 1 && op.status != -1 && op.view.task != "notify" && !good(op);
}

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
  for (const NodeView& node : nodes) {
    const pugi::xml_node state = state_of(document, node.name);
    const auto attributes = transient_attributes(document, "", node.name);
    for (const pugi::xml_node resource : state.child("lrm").child("lrm_resources").children("lrm_resource")) {
      const std::string id = resource.attribute("id").value();
      std::vector<Op> ops;
      for (const pugi::xml_node op : resource.children("lrm_rsc_op"))
        ops.push_back(read_op(op, id, node.name));
      // Pending operations come last, whatever their call id.
      std::stable_sort(ops.begin(), ops.end(), [](const Op& a, const Op& b) {
        if ((a.status == -1) != (b.status == -1)) return b.status == -1;
        return a.view.call < b.view.call;
      });
      for (const Op& op : ops) {
        if (is_failure(op)) all.failures.push_back(op.view);
      }
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
    }
  }
  return all;
}

}  // namespace systole::cli
