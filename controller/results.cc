#include "controller/results.h"

#include <algorithm>
#include <cctype>

#include "cib/document.h"
#include "controller/properties.h"

namespace systole::controller {
namespace {

pugi::xml_node child_with_id(pugi::xml_node parent, const char* name, const std::string& id) {
  if (pugi::xml_node found = parent.find_child_by_attribute(name, "id", id.c_str())) return found;
  pugi::xml_node made = parent.append_child(name);
  made.append_attribute("id") = id.c_str();
  return made;
}

pugi::xml_node only_child(pugi::xml_node parent, const char* name) {
  if (pugi::xml_node found = parent.child(name)) return found;
  return parent.append_child(name);
}

// A finished reload leaves the resource started with other parameters.
std::string_view recorded_task(const Recorded& op) {
  if (op.task != "reload" && op.task != "reload-agent") return op.task;
  return op.status == static_cast<int>(lrmd::OpStatus::kDone) ? "start" : "monitor";
}

Entry entry(const Recorded& op, std::string id) {
  const std::string task(recorded_task(op));
  return {{"id", std::move(id)},
          {"operation_key", operation_key(op.resource, task, op.interval_ms)},
          {"operation", task},
          {"crm_feature_set", kFeatureSet},
          {"transition-key", op.transition_key},
          {"transition-magic", fmt::format("{}:{};{}", op.status, op.rc, op.transition_key)},
          {"exit-reason", op.exit_reason},
          {"on_node", op.node},
          {"call-id", std::to_string(op.call_id)},
          {"rc-code", std::to_string(op.rc)},
          {"op-status", std::to_string(op.status)},
          {"interval", std::to_string(op.interval_ms)},
          {"last-rc-change", std::to_string(op.changed)},
          {"exec-time", std::to_string(op.exec_ms)},
          {"queue-time", std::to_string(op.queue_ms)},
          {"op-digest", op.digest}};
}

int expected_rc(const Recorded& op) {
  const auto key = parse_transition_key(op.transition_key);
  return key ? key->expected_rc : lrmd::ocf::kOk;
}

}  // namespace

std::string to_string(const TransitionKey& key) {
  return fmt::format("{}:{}:{}:{}", key.action, key.transition, key.expected_rc, key.uuid);
}

std::optional<TransitionKey> parse_transition_key(std::string_view text) {
  std::int64_t numbers[3] = {};
  for (std::int64_t& number : numbers) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return {};
    const auto parsed = parse_number(text.substr(0, colon));
    if (!parsed || *parsed < INT32_MIN || *parsed > INT32_MAX) return {};
    number = *parsed;
    text.remove_prefix(colon + 1);
  }
  return TransitionKey{static_cast<int>(numbers[0]), static_cast<int>(numbers[1]),
                       static_cast<int>(numbers[2]), std::string(text)};
}

std::string operation_key(std::string_view resource, std::string_view task, std::int64_t interval_ms) {
  return fmt::format("{}_{}_{}", resource, task, interval_ms);
}

bool is_recorded(std::string_view task) {
  return task != "cancel" && task != "delete" && task != "notify" && task != "meta-data";
}

int effective_rc(int rc) {
  if (rc == lrmd::ocf::kDegraded) return lrmd::ocf::kOk;
  if (rc == lrmd::ocf::kDegradedPromoted) return lrmd::ocf::kRunningPromoted;
  return rc;
}

bool has_failed(const Recorded& op) {
  switch (static_cast<lrmd::OpStatus>(op.status)) {
    case lrmd::OpStatus::kPending:
    case lrmd::OpStatus::kCancelled:
      return false;
    case lrmd::OpStatus::kDone:
      return effective_rc(op.rc) != expected_rc(op);
    default:
      return true;
  }
}

std::vector<Entry> history_entries(const Recorded& op) {
  if (!is_recorded(op.task)) return {};
  const std::string last = op.resource + "_last_0";
  if (op.task == "migrate_to" || op.task == "migrate_from") {
    return {entry(op, operation_key(op.resource, op.task, op.interval_ms))};
  }
  if (has_failed(op)) {
    std::vector<Entry> entries{entry(op, op.resource + "_last_failure_0")};
    if (op.interval_ms == 0) entries.push_back(entry(op, last));
    return entries;
  }
  if (op.interval_ms == 0) return {entry(op, last)};
  if (op.pending()) return {};
  return {entry(op, operation_key(op.resource, op.task, op.interval_ms))};
}

std::optional<Failure> counts_as(const Recorded& op, bool start_fatal, bool stop_fatal) {
  if (!has_failed(op)) return {};
  const bool start = op.task == "start", stop = op.task == "stop";
  if (op.interval_ms == 0 && !start && !stop && op.task != "promote" && op.task != "demote") return {};
  return Failure{fmt::format("{}#{}_{}", op.resource, op.task, op.interval_ms),
                 (start && start_fatal) || (stop && stop_fatal)};
}

std::string count_up(std::string_view value, bool fatal) {
  constexpr std::int64_t kInfinity = 1'000'000;
  if (fatal || value == "INFINITY" || value == "+INFINITY") return "INFINITY";
  const std::int64_t count = parse_number(value).value_or(0) + 1;
  return count >= kInfinity ? "INFINITY" : std::to_string(count);
}

void LocalHistory::record(const Recorded& op) {
  const std::vector<Entry> entries = history_entries(op);
  if (entries.empty()) return;
  Resource& resource = resources_[op.resource];
  resource.kind = op.kind;
  for (const Entry& e : entries) resource.entries[e.front().second] = e;
}

void LocalHistory::erase(const std::string& resource) {
  if (resource.empty()) {
    resources_.clear();
  } else {
    resources_.erase(resource);
  }
}

void LocalHistory::erase_operation(const std::string& resource, const std::string& task,
                                   std::int64_t interval_ms) {
  const auto found = resources_.find(resource);
  if (found != resources_.end()) found->second.entries.erase(operation_key(resource, task, interval_ms));
}

std::int64_t LocalHistory::last_change(const std::string& resource, int call_id) const {
  const auto found = resources_.find(resource);
  if (found == resources_.end()) return 0;
  const auto value = [](const Entry& entry, std::string_view name) {
    const auto at = std::find_if(entry.begin(), entry.end(), [&](const auto& a) { return a.first == name; });
    return at == entry.end() ? std::int64_t{0} : parse_number(at->second).value_or(0);
  };
  std::int64_t last = 0;
  for (const auto& [id, entry] : found->second.entries) {
    if (value(entry, "call-id") == call_id) last = std::max(last, value(entry, "last-rc-change"));
  }
  return last;
}

std::string LocalHistory::to_lrm(const std::string& node_id) const {
  pugi::xml_document document;
  pugi::xml_node lrm = document.append_child("lrm");
  lrm.append_attribute("id") = node_id.c_str();
  lrm.append_child("lrm_resources");
  for (const auto& [id, resource] : resources_) {
    std::vector<Entry> entries;
    for (const auto& [unused, e] : resource.entries) entries.push_back(e);
    append_history(document, node_id, id, resource.kind, entries);
  }
  return cib::to_xml(lrm);
}

void append_history(pugi::xml_node node_state, const std::string& node_id, const std::string& resource,
                    const ResourceKind& kind, const std::vector<Entry>& entries) {
  pugi::xml_node resources = only_child(child_with_id(node_state, "lrm", node_id), "lrm_resources");
  pugi::xml_node element = resources.find_child_by_attribute("lrm_resource", "id", resource.c_str());
  if (!element) {
    element = resources.append_child("lrm_resource");
    element.append_attribute("id") = resource.c_str();
    element.append_attribute("type") = kind.type.c_str();
    element.append_attribute("class") = kind.agent_class.c_str();
    if (!kind.provider.empty()) element.append_attribute("provider") = kind.provider.c_str();
  }
  for (const Entry& e : entries) {
    const std::string& id = e.front().second;
    // A later result of the same operation, in the same message, counts.
    if (pugi::xml_node older = element.find_child_by_attribute("lrm_rsc_op", "id", id.c_str()))
      element.remove_child(older);
    pugi::xml_node op = element.append_child("lrm_rsc_op");
    for (const auto& [name, value] : e) op.append_attribute(name.c_str()) = value.c_str();
  }
}

void append_attribute(pugi::xml_node node_state, const std::string& node_id, const std::string& name,
                      const std::string& value) {
  pugi::xml_node attributes = child_with_id(node_state, "transient_attributes", node_id);
  pugi::xml_node set = child_with_id(attributes, "instance_attributes", "status-" + node_id);
  pugi::xml_node pair = child_with_id(set, "nvpair", "status-" + node_id + "-" + id_part(name));
  for (const auto& [key, text] : {std::pair("name", &name), std::pair("value", &value)}) {
    if (!pair.attribute(key)) pair.append_attribute(key);
    pair.attribute(key) = text->c_str();
  }
}

std::string id_part(std::string_view name) {
  std::string part(name);
  for (char& c : part) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '_' && c != '.') c = '.';
  }
  return part;
}

}  // namespace systole::controller
