// Status as text, in the form that Pacemaker 2.1 prints.
#include "cli/output.h"
#include "cli/status_words.h"

namespace systole::cli {
namespace {

// Escape sequences of our own, and only when the options say that this is for a terminal.
constexpr const char* kRed = "\x1b[31m";
constexpr const char* kGreen = "\x1b[32m";
constexpr const char* kYellow = "\x1b[33m";
constexpr const char* kPlain = "\x1b[0m";

class Text {
 public:
  explicit Text(const StatusData& data)
      : data_(data), o_(*data.options), view_(data.view), document_(*data.input->document) {}

  std::string render() {
    if (o_.header) summary();
    if (o_.nodes) nodes();
    if (o_.resources) resources();
    if (o_.attributes) attributes();
    if (o_.operations || o_.timing)
      operations();
    else if (o_.failcounts)
      fail_counts();
    if (o_.failures) failures();
    fencing();
    if (o_.tickets) tickets();
    if (o_.bans) bans();
    return std::move(text_);
  }

 private:
  void heading(const std::string& title) {
    if (!text_.empty() && !text_.ends_with("\n\n") && !first_) text_ += "\n";
    first_ = false;
    text_ += title + ":\n";
  }
  void item(const std::string& what, int depth = 1) {
    text_ += std::string(static_cast<std::size_t>(depth) * 2, ' ') + "* " + what + "\n";
  }

  std::string coloured(const std::string& what, const char* colour) const {
    return o_.colour ? colour + what + kPlain : what;
  }
  const char* colour_of(const NodeView& node) const {
    return node.unclean || !node.online ? kRed : plain_state(node) ? kGreen : kYellow;
  }

  void summary() {
    if (data_.input->info) {
      text_ += fmt::format("Status of pacemakerd: 'Pacemaker is running' (last updated {})\n",
                           iso_text(epoch_seconds(data_.input->now)));
    }
    text_ += "Cluster Summary:\n";
    first_ = false;
    if (o_.stack) item("Stack: " + printable(view_.stack));
    if (o_.dc) item("Current DC: " + dc());
    if (o_.times) {
      item("Last updated: " + ctime_text(epoch_seconds(data_.input->now)));
      item("Last change:  " + last_change());
    }
    if (o_.counts) counts();
    if (o_.options) options();
    if (view_.maintenance) {
      text_ += "\n              *** Resource management is DISABLED ***\n";
      text_ += "  The cluster will not attempt to start, stop or recover services\n";
    }
  }

  std::string dc() const {
    if (view_.dc.empty()) return coloured("NONE", kRed);
    const std::string version = view_.dc_version.empty() ? "unknown" : printable(view_.dc_version);
    return fmt::format("{}{} (version {}) - partition {}", view_.mixed ? "MIXED-VERSION " : "",
                       printable(view_.dc), version,
                       view_.quorate ? "with quorum" : coloured("WITHOUT quorum", kRed));
  }

  std::string last_change() const {
    const pugi::xml_node root = document_.root();
    std::string text = printable(root.attribute("cib-last-written").value());
    const std::string user = printable(root.attribute("update-user").value()),
                      client = printable(root.attribute("update-client").value()),
                      origin = printable(root.attribute("update-origin").value());
    if (!text.empty() && !user.empty()) text += " by " + user;
    if (!text.empty() && !client.empty()) text += " via " + client;
    if (!text.empty() && !origin.empty()) text += " on " + origin;
    return text;
  }

  void counts() {
    const Counts& n = view_.counts;
    item(fmt::format("{} node{} configured", n.nodes, n.nodes == 1 ? "" : "s"));
    std::string notes;
    if (n.disabled > 0) notes = fmt::format("{} DISABLED", n.disabled);
    if (n.blocked > 0)
      notes += fmt::format("{}{} BLOCKED from further action due to failure", notes.empty() ? "" : ", ",
                           n.blocked);
    item(fmt::format("{} resource instance{} configured{}", n.resources, n.resources == 1 ? "" : "s",
                     notes.empty() ? "" : " (" + notes + ")"));
  }

  void options() {
    heading("Cluster Options");
    item(fmt::format("STONITH of failed nodes {}", view_.fencing ? "enabled" : "disabled"));
    item(fmt::format("Cluster is {}", view_.symmetric ? "symmetric" : "asymmetric"));
    item(fmt::format("No quorum policy: {}", printable(view_.no_quorum_policy)));
  }

  bool wanted_node(const NodeView& node) const { return o_.only_node.empty() || o_.only_node == node.name; }

  void nodes() {
    heading("Node List");
    struct Gathered {
      const char* title;
      NodeView::Kind kind;
      bool online;
    };
    static constexpr Gathered kGathered[] = {{"Online", NodeView::Kind::kMember, true},
                                             {"OFFLINE", NodeView::Kind::kMember, false},
                                             {"RemoteOnline", NodeView::Kind::kRemote, true},
                                             {"RemoteOFFLINE", NodeView::Kind::kRemote, false},
                                             {"GuestOnline", NodeView::Kind::kGuest, true}};
    for (const NodeView& node : view_.nodes) {
      if (wanted_node(node) && (!plain_state(node) || o_.by_node || o_.detail)) single(node);
    }
    if (o_.by_node || o_.detail) return;
    for (const Gathered& g : kGathered) {
      std::vector<std::string> names;
      for (const NodeView& node : view_.nodes) {
        if (wanted_node(node) && plain_state(node) && node.kind == g.kind && node.online == g.online)
          names.push_back(printable(node.name));
      }
      if (!names.empty())
        item(coloured(fmt::format("{}: [ {} ]", g.title, fmt::join(names, " ")), g.online ? kGreen : kRed));
    }
  }

  void single(const NodeView& node) {
    const char* kind = node.kind == NodeView::Kind::kRemote  ? "RemoteNode"
                       : node.kind == NodeView::Kind::kGuest ? "GuestNode"
                                                             : "Node";
    std::string line = fmt::format("{} {}", kind, printable(node.name));
    if (o_.detail && !node.id.empty()) line += fmt::format(" ({})", printable(node.id));
    line += ": " + coloured(node_state(node), colour_of(node));
    if (o_.detail && !node.feature_set.empty()) line += ", feature set " + printable(node.feature_set);
    if (!o_.by_node) return item(line);
    item(line + ":");
    item("Resources:", 2);
    for (const pengine::ResourceStatus& r : view_.status.resources) {
      if (const ResourceView* known = find_view(view_.resources, r.id);
          known == nullptr || wanted(o_, *known))
        on_node(r, node.name);
    }
  }

  void on_node(const pengine::ResourceStatus& r, const std::string& node) {
    for (const pengine::ResourceStatus& child : r.children) on_node(child, node);
    if (r.children.empty() && std::find(r.nodes.begin(), r.nodes.end(), node) != r.nodes.end())
      item(painted(resource_line(r, false)), 3);
  }

  std::string painted(const std::string& line) const {
    if (!o_.colour) return line;
    if (line.find("FAILED") != std::string::npos || line.find("UNCLEAN") != std::string::npos)
      return coloured(line, kRed);
    if (line.find("Stopped") != std::string::npos || line.find("unmanaged") != std::string::npos)
      return coloured(line, kYellow);
    return line;
  }

  void resources() {
    std::vector<pengine::ResourceStatus> only = view_.status.resources;
    if (o_.by_node) {
      std::erase_if(only, [](const pengine::ResourceStatus& r) { return r.active(); });
      if (!o_.inactive) return;
      heading("Inactive Resources");
    } else {
      heading(o_.inactive ? "Full List of Resources" : "Active Resources");
    }
    std::string body = resources_text(only, o_, 1);
    if (body.empty()) {
      item(o_.by_node ? "No inactive resources" : o_.inactive ? "No resources" : "No active resources");
      return;
    }
    if (!o_.colour) {
      text_ += body;
      return;
    }
    for (std::size_t at = 0; at < body.size();) {
      const std::size_t end = body.find('\n', at);
      text_ += painted(body.substr(at, end - at)) + "\n";
      at = end + 1;
    }
  }

  void attributes() {
    heading("Node Attributes");
    for (const NodeView& node : view_.nodes) {
      const auto all = shown_attributes(document_, node);
      if (all.empty() || !wanted_node(node)) continue;
      item("Node: " + printable(node.name) + ":", 2 - 1);
      for (const AttributeValue& a : all) {
        item(fmt::format("{:<32}\t: {:<10}{}", printable(a.name), printable(a.value), connectivity(a)), 2);
      }
    }
  }

  // What an attribute of ocf:pacemaker:ping means.
  std::string connectivity(const AttributeValue& a) const {
    for (const auto& match :
         document_.section("resources").select_nodes(".//primitive[@type='ping' or @type='pingd']")) {
      int multiplier = 1, hosts = 0;
      std::string name = "pingd";
      for (const pugi::xml_node pair : match.node().child("instance_attributes").children("nvpair")) {
        const std::string_view key = pair.attribute("name").value();
        if (key == "name") name = pair.attribute("value").value();
        if (key == "multiplier") multiplier = pair.attribute("value").as_int(1);
        if (key == "host_list") {
          const std::string list = pair.attribute("value").value();
          for (std::size_t at = list.find_first_not_of(' '); at != std::string::npos;
               at = list.find_first_not_of(' ', at)) {
            ++hosts;
            at = list.find(' ', at);
            if (at == std::string::npos) break;
          }
        }
      }
      if (a.name != name) continue;
      const int value = std::atoi(a.value.c_str());
      if (value <= 0) return "\t: Connectivity is lost";
      if (value < multiplier * hosts)
        return fmt::format("\t: Connectivity is degraded (Expected={})", multiplier * hosts);
    }
    return "";
  }

  static std::string history_heading(const HistoryView& h) {
    std::string text =
        fmt::format("{}: migration-threshold={}", printable(h.resource), h.migration_threshold);
    if (h.fail_count > 0) text += " fail-count=" + count_text(h.fail_count);
    if (h.last_failure > 0) text += fmt::format(" last-failure='{}'", ctime_text(h.last_failure));
    return text;
  }

  void operations() {
    heading("Operations");
    std::string node;
    for (const HistoryView& h : view_.history) {
      if (!o_.only_node.empty() && o_.only_node != h.node) continue;
      if (h.node != node) item("Node: " + printable(h.node) + ":");
      node = h.node;
      item(history_heading(h) + ":", 2);
      for (const OperationView& op : h.operations) item(operation(op), 3);
    }
  }

  std::string operation(const OperationView& op) const {
    std::string text =
        fmt::format("({}) {}", op.call < 0 ? "pending" : std::to_string(op.call), printable(op.task));
    if (op.interval_ms > 0) text += fmt::format(": interval=\"{}ms\"", op.interval_ms);
    if (!o_.timing || op.call < 0) return text;
    if (op.last_change > 0) text += fmt::format(" last-rc-change=\"{}\"", ctime_text(op.last_change));
    return text + fmt::format(" exec-time=\"{}ms\" queue-time=\"{}ms\" rc={} ({})", op.exec_ms, op.queue_ms,
                              op.rc, ocf_text(op.rc));
  }

  void fail_counts() {
    heading("Migration Summary");
    std::string node;
    for (const HistoryView& h : view_.history) {
      if (h.fail_count == 0) continue;
      if (h.node != node) item("Node: " + printable(h.node) + ":");
      node = h.node;
      item(history_heading(h) + (h.fail_count >= h.migration_threshold ? "" : ""), 2);
    }
  }

  void failures() {
    if (view_.failures.empty()) return;
    heading("Failed Resource Actions");
    for (const OperationView& f : view_.failures) item(coloured(failure(f), kRed));
  }

  static std::string failure(const OperationView& f) {
    std::string what = printable(f.resource) + " ";
    if (f.interval_ms > 0) what += duration_text(f.interval_ms) + "-interval ";
    what += f.task == "monitor" && f.interval_ms == 0 ? "probe" : printable(f.task);
    what += " on " + printable(f.node);
    const std::string reason = printable(f.exit_reason);
    if (f.status == "complete") {
      what += fmt::format(" returned '{}'{}", ocf_text(f.rc), reason.empty() ? "" : " (" + reason + ")");
    } else {
      what += fmt::format(" could not be executed ({}{})", f.status, reason.empty() ? "" : ": " + reason);
    }
    if (f.last_change > 0) what += " at " + ctime_text(f.last_change);
    if (f.exec_ms > 0) what += " after " + duration_text(f.exec_ms);
    return what;
  }

  void fencing() {
    fencing_part("Failed Fencing Actions",
                 [](const FenceEvent& e) { return !e.succeeded && e.completed != 0; });
    fencing_part("Pending Fencing Actions", [](const FenceEvent& e) { return e.completed == 0; });
    fencing_part("Fencing History", [](const FenceEvent& e) { return e.succeeded; });
  }

  template <typename Which>
  void fencing_part(const char* title, Which which) {
    bool any = false;
    for (const FenceEvent& e : data_.fencing) {
      if (!which(e)) continue;
      if (!any) heading(title);
      any = true;
      item(event(e));
    }
  }

  static std::string event(const FenceEvent& e) {
    const std::string action = e.action == "off"  ? "turn off"
                               : e.action == "on" ? "turn on"
                                                  : printable(e.action);
    if (e.completed == 0)
      return fmt::format("{} of {} pending: origin={}", action, printable(e.target), printable(e.origin));
    std::string text =
        fmt::format("{} of {} {}", action, printable(e.target), e.succeeded ? "successful" : "failed");
    if (!e.reason.empty()) text += " (" + printable(e.reason) + ")";
    text += fmt::format(": delegate={}, device={}, origin={}, {}='{}'", printable(e.executed_by),
                        printable(e.device), printable(e.origin), e.succeeded ? "completed" : "last-failed",
                        ctime_text(e.completed));
    return text;
  }

  void tickets() {
    heading("Tickets");
    for (const pugi::xml_node t : document_.section("status").child("tickets").children("ticket_state")) {
      std::string line = fmt::format("{}: {}", printable(t.attribute("id").value()),
                                     is_true(t.attribute("granted").value()) ? "granted" : "revoked");
      if (is_true(t.attribute("standby").value())) line += " [standby]";
      if (t.attribute("last-granted"))
        line += fmt::format(" last-granted=\"{}\"", ctime_text(t.attribute("last-granted").as_llong()));
      item(line);
    }
  }

  void bans() {
    heading("Negative Location Constraints");
    for (const Ban& b : bans_of(document_, o_.ban_prefix)) {
      item(fmt::format("{}\tprevents {} from {} on {}", printable(b.id), printable(b.resource),
                       b.promoted_only ? "being promoted" : "running", printable(b.node)));
    }
  }

  const StatusData& data_;
  const StatusOptions& o_;
  const ClusterView& view_;
  const cib::Document& document_;
  std::string text_;
  bool first_ = true;
};

}  // namespace

std::string status_text(const StatusData& data) { return Text(data).render(); }

std::string status_simple(const StatusData& data) {
  std::string text;
  if (data.input->info) {
    text = fmt::format("Status of pacemakerd: 'Pacemaker is running' (last updated {})\n",
                       iso_text(epoch_seconds(data.input->now)));
  }
  std::vector<std::string> problems;
  int online = 0;
  if (data.view.dc.empty()) problems.emplace_back("No DC");
  for (const NodeView& node : data.view.nodes) {
    if (node.online)
      ++online;
    else
      problems.push_back("offline node: " + printable(node.name));
  }
  if (!problems.empty()) return text + fmt::format("CLUSTER WARN: {}\n", fmt::join(problems, ", "));
  const int n = data.view.counts.resources;
  return text + fmt::format("CLUSTER OK: {} node{} online, {} resource instance{} configured\n", online,
                            online == 1 ? "" : "s", n, n == 1 ? "" : "s");
}

std::string status_html(const StatusData& data) {
  pugi::xml_document page;
  pugi::xml_node html = add(page, "html"), head = add(html, "head");
  set(html, "lang", "en");
  pugi::xml_node charset = add(head, "meta");
  set(charset, "charset", "utf-8");
  set_text(add(head, "title"), "Cluster status");
  set_text(add(head, "style"), "body{font-family:sans-serif;margin:2em}pre{line-height:1.4}");
  pugi::xml_node body = add(html, "body");
  set_text(add(body, "h1"), data.view.cluster_name.empty() ? "Cluster status" : data.view.cluster_name);
  set_text(add(body, "pre"), status_text(data));
  return "<!DOCTYPE html>\n" + xml_text(html);
}

}  // namespace systole::cli
