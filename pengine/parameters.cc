// Digests of parameters. The canonical form is that of Pacemaker's version 1 digests: MD5 over
// " <parameters name="value" …/>\n" with names sorted.
#include "pengine/parameters.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>

#include "pengine/digest.h"
#include "pengine/engine.h"

namespace systole::pengine {

namespace {
std::string escape(std::string_view text) {
  std::string out;
  for (char ch : text) switch (ch) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\n':
        out += "&#10;";
        break;
      case '\t':
        out += "&#9;";
        break;
      case '\r':
        out += "&#13;";
        break;
      default:
        out += ch;
    }
  return out;
}

bool listed(std::string_view list, std::string_view name) {
  std::size_t at = 0;
  while ((at = list.find(name, at)) != std::string_view::npos) {
    const bool left = at == 0 || list[at - 1] == ' ';
    const bool right = at + name.size() == list.size() || list[at + name.size()] == ' ';
    if (left && right) return true;
    ++at;
  }
  return false;
}
}  // namespace

std::string op_digest(const std::map<std::string, std::string, std::less<>>& parameters) {
  std::string text = " <parameters";
  for (const auto& [name, value] : parameters) {
    // An attribute's name may be anything a person wrote; it only has to be the same each time.
    text += fmt::format(" {}=\"{}\"", name, escape(value));
  }
  text += "/>\n";
  unsigned char raw[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), raw, &size, EVP_md5(), nullptr) != 1) return {};
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", raw[i]);
  return hex;
}

std::map<std::string, std::string, std::less<>> digest_subset(
    const std::map<std::string, std::string, std::less<>>& parameters, std::string_view names, bool keep) {
  std::map<std::string, std::string, std::less<>> out;
  for (const auto& [name, value] : parameters)
    if (listed(names, name) == keep) out.emplace(name, value);
  return out;
}

}  // namespace systole::pengine

namespace systole::pengine::engine {

std::string digest(const Meta& parameters) { return op_digest(parameters); }

Meta digest_parameters(Cluster& c, Resource* r, const Node* node, const std::string& task,
                       std::int64_t interval_ms) {
  Meta out = parameters(c, r, node);
  if (const OpDef* op = find_op(r, task, interval_ms, true)) {
    RuleInput in = rule_input(c, *r);
    Meta extra;
    if (node) in.node_attributes = &node->attributes;
    evaluate_sets(op->parameters, in, extra);
    for (auto& [n, v] : extra) out.emplace(n, v);
  }
  if (has_remote_params(out))
    if (const std::string name = remote_name_for(c, r, node); !name.empty()) out["addr"] = name;
  for (auto it = out.begin(); it != out.end();) {
    if (it->first.starts_with("CRM_meta_") || it->first == "id" || it->first == "crm_feature_set" ||
        it->first == "op-digest" || it->first == "on_node" || it->first == "on_node_uuid" ||
        it->first == "pcmk_external_ip")
      it = out.erase(it);
    else
      ++it;
  }
  if (interval_ms > 0) {
    const OpDef* op = find_op(r, task, interval_ms, true);
    const Meta m = op_meta(c, r, node, task, interval_ms, op);
    std::string timeout = meta_or(m, "timeout", "20s");
    out["CRM_meta_timeout"] = std::to_string(parse_interval_ms(timeout, 20000));
  }
  return out;
}

namespace {

// Saved configurations have their passwords masked. When only those can differ, nothing changed.
bool only_hidden_differ(const Resource& r, const HistoryOp& op, const Meta& all) {
  if (op.secure_digest.empty()) return false;
  const Meta hidden = digest_subset(all, op.secure_params, true);
  const bool masked = std::any_of(hidden.begin(), hidden.end(), [](const auto& p) {
    return !p.second.empty() && p.second.find_first_not_of('*') == std::string::npos;
  });
  if (!masked) return false;
  Meta open = digest_subset(all, op.secure_params, false);
  if (digest(open) == op.secure_digest) return true;
  if (r.fence_device) std::erase_if(open, [](const auto& p) { return p.first.starts_with("pcmk_"); });
  if (digest(open) == op.secure_digest) return true;
  open.erase("CRM_meta_timeout");
  return digest(open) == op.secure_digest;
}

}  // namespace

Meta secure_parameters(const Resource& r, const Meta& all) {
  Meta out = digest_subset(all, " passwd password user ", false);
  if (r.fence_device)
    std::erase_if(out, [](const auto& p) {
      return p.first.starts_with("pcmk_") || p.first == "provides" || p.first == "stonith-timeout";
    });
  return out;
}

ParameterChange compare_parameters(Cluster& c, Resource* r, Node* node, const HistoryOp& op) {
  if (op.digest.empty() && op.restart_digest.empty()) return ParameterChange::kUnknown;
  // What is configured is what a start would use, however the resource came to be active.
  const std::string task = op.interval_ms == 0 ? "start" : op.task;
  const Meta all = digest_parameters(c, r, node, task, op.interval_ms);
  if (only_hidden_differ(*r, op, all)) return ParameterChange::kNone;
  if (!op.restart_digest.empty()) {
    const bool listed = static_cast<bool>(op.xml.attribute("op-force-restart"));
    if (digest(listed ? digest_subset(all, op.restart_params, true) : all) != op.restart_digest)
      return ParameterChange::kRestart;
  }
  if (op.digest.empty()) return ParameterChange::kUnknown;
  if (digest(all) == op.digest) return ParameterChange::kNone;
  if (op.interval_ms > 0) return ParameterChange::kReload;
  // Parameters of the start itself take effect by starting only.
  const OpDef* start = find_op(r, task, 0, true);
  const bool own = start && !start->parameters.empty();
  return op.restart_digest.empty() || own ? ParameterChange::kRestart : ParameterChange::kReload;
}

bool parameters_changed_since(Cluster& c, Resource* r, Node* node, const HistoryOp& op) {
  if (op.task != "start" && op.task != "monitor") return false;
  if (r->removed) return false;
  if (has_remote_params(parameters(c, r, node))) return false;
  const auto change = compare_parameters(c, r, node, op);
  return change == ParameterChange::kRestart || change == ParameterChange::kReload;
}

bool has_remote_params(const Meta& p) {
  auto it = p.find("addr");
  return it != p.end() && it->second == "#uname";
}

}  // namespace systole::pengine::engine
