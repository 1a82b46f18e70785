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

namespace {

template <class Map>
std::string digest_text(const Map& parameters) {
  std::string text = " <parameters";
  // An attribute's name may be anything a person wrote; it only has to be the same each time.
  for (const auto& [name, value] : parameters)
    text.append(" ").append(name).append("=\"").append(escape(value)).append("\"");
  return text + "/>\n";
}

std::string md5(const std::string& text) {
  unsigned char raw[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), raw, &size, EVP_md5(), nullptr) != 1) return {};
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", raw[i]);
  return hex;
}

// What the cluster adds to an agent's parameters is none of them.
bool is_parameter(std::string_view name) {
  for (const std::string_view added :
       {"id", "crm_feature_set", "op-digest", "on_node", "on_node_uuid", "pcmk_external_ip"})
    if (name == added) return false;
  return !name.starts_with("CRM_meta_");
}

}  // namespace

std::string op_digest(const std::map<std::string, std::string, std::less<>>& parameters) {
  return md5(digest_text(parameters));
}

std::string operation_digest(const std::map<std::string, std::string, std::less<>>& attributes) {
  auto chosen = attributes;
  std::erase_if(chosen, [](const auto& a) { return !is_parameter(a.first); });
  const auto interval = attributes.find("CRM_meta_interval");
  const auto timeout = attributes.find("CRM_meta_timeout");
  if (interval != attributes.end() && interval->second != "0" && timeout != attributes.end())
    chosen.insert(*timeout);
  return op_digest(chosen);
}

}  // namespace systole::pengine

namespace systole::pengine::engine {

namespace {

// The parameters whose names are in the blank-separated list (keep), or those that are not. op-restart-digest
// is over the subset listed in op-force-restart, op-secure-digest over those not listed in op-secure-params.
Meta digest_subset(const Meta& parameters, std::string_view names, bool keep) {
  Meta out;
  for (const auto& [name, value] : parameters)
    if (listed(names, name) == keep) out.emplace(name, value);
  return out;
}

}  // namespace

std::string digest(const Meta& parameters) { return md5(digest_text(parameters)); }

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
  out.erase_if([](const auto& p) { return !is_parameter(p.first); });
  if (interval_ms > 0) {
    const OpDef* op = find_op(r, task, interval_ms, true);
    const Meta m = op_meta(c, r, node, task, interval_ms, op);
    std::string timeout = meta_or(m, "timeout", "20s");
    out["CRM_meta_timeout"] = std::to_string(parse_interval_ms(timeout, 20000));
  }
  return out;
}

namespace {

bool names_uname(const std::vector<NvSet>& sets) {
  return std::any_of(sets.begin(), sets.end(), [](const NvSet& s) {
    return std::any_of(s.pairs.begin(), s.pairs.end(),
                       [](const auto& p) { return p.first == "addr" && p.second == "#uname"; });
  });
}

// Does it hold of what gives the resource parameters: itself and what it is in?
bool any_giver(const Resource* r, bool Definition::*holds) {
  for (;; r = r->parent) {
    if (r->def->*holds) return true;
    if (!r->parent || is_bundle(r->parent)) return false;
  }
}

// What the operation runs with, and its digest. Kept with the definition where no rule and no address depends
// on the node, else put into `here`.
KnownDigest& known_digest(Cluster& c, Resource* r, const Node* node, std::string_view task,
                          std::int64_t interval_ms, KnownDigest& here) {
  auto& known = r->def->digests;
  for (auto& d : known)
    if (d.interval_ms == interval_ms && d.task == task) return d;
  const OpDef* op = find_op(r, task, interval_ms, true);
  const bool everywhere = parameters_same_everywhere(r) && !any_giver(r, &Definition::address_by_uname) &&
                          (!op || (!any_rules(op->parameters) && !names_uname(op->parameters)));
  KnownDigest& d = everywhere ? known.emplace_back() : here;
  d.task = task;
  d.interval_ms = interval_ms;
  d.parameters = digest_parameters(c, r, node, d.task, interval_ms);
  // Most have none.
  std::string& known_text = c.digest_cache[digest_text(d.parameters)];
  if (known_text.empty()) known_text = digest(d.parameters);
  d.digest = known_text;
  return d;
}

const std::string& subset_digest(KnownDigest& d, std::string_view names) {
  if (auto it = d.subsets.find(names); it != d.subsets.end()) return it->second;
  return d.subsets.emplace(names, digest(digest_subset(d.parameters, names, true))).first->second;
}

// Saved configurations have their passwords masked. When only those can differ, nothing changed.
bool only_hidden_differ(const Resource& r, const HistoryOp& op, const Meta& all) {
  if (op.secure_digest().empty()) return false;
  const bool masked = std::any_of(all.begin(), all.end(), [&](const auto& p) {
    return !p.second.empty() && p.second.find_first_not_of('*') == std::string::npos &&
           listed(op.secure_params(), p.first);
  });
  if (!masked) return false;
  Meta open = digest_subset(all, op.secure_params(), false);
  if (digest(open) == op.secure_digest()) return true;
  if (r.fence_device) open.erase_if([](const auto& p) { return p.first.starts_with("pcmk_"); });
  if (digest(open) == op.secure_digest()) return true;
  open.erase("CRM_meta_timeout");
  return digest(open) == op.secure_digest();
}

}  // namespace

Meta secure_parameters(const Resource& r, const Meta& all) {
  Meta out = digest_subset(all, " passwd password user ", false);
  if (r.fence_device)
    out.erase_if([](const auto& p) {
      return p.first.starts_with("pcmk_") || p.first == "provides" || p.first == "stonith-timeout";
    });
  return out;
}

ParameterChange compare_parameters(Cluster& c, Resource* r, Node* node, const HistoryOp& op) {
  if (op.digest.empty() && op.restart_digest.empty()) return ParameterChange::kUnknown;
  // What is configured is what a start would use, however the resource came to be active.
  KnownDigest here;
  const std::string_view task = op.interval_ms == 0 ? "start" : op.task;
  KnownDigest& now = known_digest(c, r, node, task, op.interval_ms, here);
  if (only_hidden_differ(*r, op, now.parameters)) return ParameterChange::kNone;
  if (!op.restart_digest.empty()) {
    const bool listed = static_cast<bool>(op.xml.attribute("op-force-restart"));
    if ((listed ? subset_digest(now, op.restart_params()) : now.digest) != op.restart_digest)
      return ParameterChange::kRestart;
  }
  if (op.digest.empty()) return ParameterChange::kUnknown;
  if (now.digest == op.digest) return ParameterChange::kNone;
  if (op.interval_ms > 0) return ParameterChange::kReload;
  // Parameters of the start itself take effect by starting only.
  const OpDef* start = find_op(r, task, 0, true);
  const bool own = start && !start->parameters.empty();
  return op.restart_digest.empty() || own ? ParameterChange::kRestart : ParameterChange::kReload;
}

bool parameters_changed_since(Cluster& c, Resource* r, Node* node, const HistoryOp& op) {
  if (op.task != "start" && op.task != "monitor") return false;
  if (r->removed) return false;
  if (addresses_by_uname(c, r, node)) return false;
  const auto change = compare_parameters(c, r, node, op);
  return change == ParameterChange::kRestart || change == ParameterChange::kReload;
}

void note_parameters(Definition& def) {
  def.parameters_by_rule = any_rules(def.parameters);
  def.address_by_uname = names_uname(def.parameters);
}

bool parameters_same_everywhere(const Resource* r) { return !any_giver(r, &Definition::parameters_by_rule); }

bool addresses_by_uname(Cluster& c, Resource* r, const Node* node) {
  return any_giver(r, &Definition::address_by_uname) && has_remote_params(parameters(c, r, node));
}

bool has_remote_params(const Meta& p) {
  auto it = p.find("addr");
  return it != p.end() && it->second == "#uname";
}

}  // namespace systole::pengine::engine
