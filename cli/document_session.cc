#include "cli/document_session.h"

#include <charconv>
#include <cstring>

#include "cli/host.h"
#include "cli/local_agents.h"

namespace systole::cli {
namespace {

constexpr long kInfinity = 1'000'000;

long number(std::string_view text) {
  if (text == "INFINITY" || text == "+INFINITY") return kInfinity;
  if (text == "-INFINITY") return -kInfinity;
  if (text.starts_with('+')) text.remove_prefix(1);
  long value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return std::clamp(value, -kInfinity, kInfinity);
}

std::string attribute(const pugi::xml_node& node, const char* name) { return node.attribute(name).value(); }

}  // namespace

std::vector<AttributeValue> transient_attributes(const cib::Document& document, std::string_view name,
                                                 std::string_view node) {
  std::vector<AttributeValue> found;
  for (const pugi::xml_node state : document.section("status").children("node_state")) {
    const std::string uname = attribute(state, "uname");
    if (node != "*" && uname != node) continue;
    for (const pugi::xml_node set : state.child("transient_attributes").children("instance_attributes")) {
      for (const pugi::xml_node pair : set.children("nvpair")) {
        if (!name.empty() && name != pair.attribute("name").value()) continue;
        found.push_back({uname, attribute(pair, "name"), attribute(pair, "value")});
      }
    }
  }
  return found;
}

std::string xpath_literal(std::string_view text) {
  if (text.find('\'') == std::string_view::npos) return fmt::format("'{}'", text);
  if (text.find('"') == std::string_view::npos) return fmt::format("\"{}\"", text);
  std::string parts = "concat(''";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t quote = std::min(text.find('\'', at), text.size());
    if (quote > at) parts += fmt::format(",'{}'", text.substr(at, quote - at));
    if (quote < text.size()) parts += ",\"'\"";
    at = quote + 1;
  }
  return parts + ")";
}

std::string xml_id(std::string_view text) {
  std::string id(text);
  for (char& c : id) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_' || c == '.' || (static_cast<unsigned char>(c) & 0x80) != 0;
    if (!good) c = '.';
  }
  return id;
}

std::string counted_value(std::string_view current, std::string_view value) {
  long by = 0;
  if (value == "++" || value.ends_with("++"))
    by = 1;
  else if (const std::size_t plus = value.find("+="); plus != std::string_view::npos)
    by = number(value.substr(plus + 2));
  else
    return std::string(value);
  const long sum = std::clamp(number(current) + by, -kInfinity, kInfinity);
  return sum == kInfinity ? "INFINITY" : sum == -kInfinity ? "-INFINITY" : std::to_string(sum);
}

DocumentSession::DocumentSession(Place place, std::string name, Storage storage, Paths paths,
                                 std::string client, std::string user)
    : place_(place),
      name_(std::move(name)),
      storage_(std::move(storage)),
      paths_(std::move(paths)),
      client_(std::move(client)),
      user_(std::move(user)) {}

tl::unexpected<Error> DocumentSession::needs_cluster(const char* what) const {
  return fail(Errc::kUnavailable,
              "cannot {} on {}: this needs the running cluster (unset CIB_file and CIB_shadow)", what, name_);
}

Result<cib::Document*> DocumentSession::loaded() {
  if (!document_) {
    const auto text = storage_.load();
    if (!text) return fail(text.error());
    auto parsed = cib::Document::parse(*text);
    if (!parsed) return fail(parsed.error().code, "{}: {}", name_, parsed.error().message);
    document_.emplace(std::move(*parsed));
  }
  return &*document_;
}

Result<std::string> DocumentSession::cib(cib::Op op, bool dry_run) {
  const auto document = loaded();
  if (!document) return fail(document.error());
  op.when = host_now();
  op.user = user_;
  op.client = client_;
  op.origin = host_name();
  if (op.kind == cib::Op::Kind::kQuery) {
    auto answer = cib::apply(**document, op);
    if (!answer) return fail(answer.error());
    return answer->answer;
  }
  cib::Document changed = (*document)->clone();
  auto applied = cib::apply(changed, op);
  if (!applied) return fail(applied.error());
  if (!dry_run) {
    if (auto saved = storage_.save(changed); !saved) return fail(saved.error());
    *document_ = std::move(changed);
  }
  return applied->answer;
}

Result<cib::Document> DocumentSession::document() {
  const auto document = loaded();
  if (!document) return fail(document.error());
  return (*document)->clone();
}

Result<ClusterInfo> DocumentSession::info(bool) { return needs_cluster("ask for the membership"); }
Result<std::string> DocumentSession::local_node() { return host_name(); }
Result<void> DocumentSession::wait_idle(Duration) { return {}; }
Result<void> DocumentSession::shutdown(const std::string&) { return needs_cluster("stop a node"); }
Result<void> DocumentSession::recheck() { return {}; }
Result<void> DocumentSession::reprobe(const std::string&) { return needs_cluster("probe resources"); }
Result<void> DocumentSession::set_expected_votes(unsigned) { return needs_cluster("set expected votes"); }
Result<void> DocumentSession::reload_ring() { return needs_cluster("reload corosync.conf"); }
Result<void> DocumentSession::rotate_key() { return needs_cluster("rotate the cluster's key"); }
Result<std::vector<JournalVersion>> DocumentSession::history(unsigned) {
  return needs_cluster("read the journal");
}

Result<std::vector<AttributeValue>> DocumentSession::attributes(const std::string& name,
                                                                const std::string& node) {
  const auto document = loaded();
  if (!document) return fail(document.error());
  return transient_attributes(**document, name, node.empty() ? host_name() : node);
}

Result<std::string> DocumentSession::node_id(const std::string& node) {
  const auto document = loaded();
  if (!document) return fail(document.error());
  for (const pugi::xml_node entry : (*document)->section("nodes").children("node")) {
    if (node == entry.attribute("uname").value()) return attribute(entry, "id");
  }
  for (const pugi::xml_node state : (*document)->section("status").children("node_state")) {
    if (node == state.attribute("uname").value()) return attribute(state, "id");
  }
  return fail(Errc::kNotFound, "node {} is not known in {}: `crm_node -l` lists the nodes", node, name_);
}

Result<void> DocumentSession::set_attribute(const std::string& given, const std::string& name,
                                            const std::string& value, Milliseconds) {
  const std::string node = given.empty() ? host_name() : given;
  const auto id = node_id(node);
  if (!id) return fail(id.error());
  const auto before = attributes(name, node);
  const std::string counted = counted_value(before && !before->empty() ? before->front().value : "0", value);
  pugi::xml_document xml;
  pugi::xml_node state = xml.append_child("node_state");
  state.append_attribute("id") = id->c_str();
  state.append_attribute("uname") = node.c_str();
  pugi::xml_node transient = state.append_child("transient_attributes");
  transient.append_attribute("id") = id->c_str();
  pugi::xml_node set = transient.append_child("instance_attributes");
  set.append_attribute("id") = ("status-" + *id).c_str();
  pugi::xml_node pair = set.append_child("nvpair");
  pair.append_attribute("id") = xml_id("status-" + *id + "-" + name).c_str();
  pair.append_attribute("name") = name.c_str();
  pair.append_attribute("value") = counted.c_str();
  cib::Op op;
  op.kind = cib::Op::Kind::kModify;
  op.section = "status";
  op.allow_create = true;
  op.xml = cib::to_xml(state);
  if (const auto done = cib(std::move(op), false); !done) return fail(done.error());
  return {};
}

Result<void> DocumentSession::erase(const std::string& xpath) {
  cib::Op op;
  op.kind = cib::Op::Kind::kDeleteAll;
  op.xpath = xpath;
  op.force = true;
  const auto done = cib(std::move(op), false);
  if (!done && done.error().code != Errc::kNotFound) return fail(done.error());
  return {};
}

Result<void> DocumentSession::delete_attribute(const std::string& given, const std::string& name) {
  const std::string node = given.empty() ? host_name() : given;
  return erase(fmt::format("/cib/status/node_state[@uname={}]/transient_attributes//nvpair[@name={}]",
                           xpath_literal(node), xpath_literal(name)));
}

Result<void> DocumentSession::cleanup(const Cleanup& what) {
  const std::string nodes = what.node.empty() ? "" : fmt::format("[@uname={}]", xpath_literal(what.node));
  std::string resource, counts = "[starts-with(@name,'fail-count-') or starts-with(@name,'last-failure-')]";
  if (!what.resource.empty()) {
    resource = fmt::format("[@id={0} or starts-with(@id,concat({0},':'))]", xpath_literal(what.resource));
    counts = "[";
    for (const char* kind : {"fail-count-", "last-failure-"}) {
      const std::string name = xpath_literal(kind + what.resource);
      counts += fmt::format("{0}@name={1} or starts-with(@name,concat({1},'#'))",
                            counts.size() > 1 ? " or " : "", name);
    }
    counts += "]";
  }
  if (auto done =
          erase(fmt::format("/cib/status/node_state{}/lrm/lrm_resources/lrm_resource{}", nodes, resource));
      !done) {
    return done;
  }
  return erase(fmt::format("/cib/status/node_state{}/transient_attributes//nvpair{}", nodes, counts));
}

Result<std::vector<FenceEvent>> DocumentSession::fence(const std::string&, const std::string&, Milliseconds) {
  return needs_cluster("fence a node");
}
Result<void> DocumentSession::confirm_off(const std::string&) { return needs_cluster("confirm fencing"); }
Result<std::vector<FenceEvent>> DocumentSession::fence_history() { return std::vector<FenceEvent>{}; }

Result<std::vector<std::string>> DocumentSession::fence_devices() {
  const auto document = loaded();
  if (!document) return fail(document.error());
  std::vector<std::string> devices;
  for (const auto& match :
       (*document)->root().select_nodes("configuration/resources//primitive[@class='stonith']")) {
    devices.push_back(attribute(match.node(), "id"));
  }
  return devices;
}

Result<std::vector<std::string>> DocumentSession::agent_classes() { return local_classes(paths_); }
Result<std::vector<std::string>> DocumentSession::agent_providers(const std::string& agent_class) {
  return local_providers(paths_, agent_class);
}
Result<std::vector<std::string>> DocumentSession::agent_types(const std::string& agent_class,
                                                              const std::string& provider) {
  return local_types(paths_, agent_class, provider);
}
Result<std::string> DocumentSession::agent_metadata(const std::string& agent_class,
                                                    const std::string& provider, const std::string& type) {
  return local_metadata(paths_, agent_class, provider, type);
}

Result<bool> DocumentSession::wait_change(Duration wait) {
  sleep_for(wait);
  return false;
}

}  // namespace systole::cli
