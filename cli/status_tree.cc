// Status as a tree: the two XML forms of Pacemaker 2.1, and JSON with the same names.
#include "cli/document_session.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/resource_tree.h"
#include "cli/status_words.h"

namespace systole::cli {
namespace {

using Kind = ResourceView::Kind;
using pugi::xml_node;

class Tree {
 public:
  explicit Tree(const StatusData& data)
      : data_(data), o_(*data.options), view_(data.view), document_(*data.input->document) {}

  std::string render() {
    const bool legacy = o_.format == StatusFormat::kLegacyXml;
    root_ = add(tree_, legacy ? "crm_mon" : "pacemaker-result");
    if (legacy) {
      set(root_, "version", kPacemakerVersion);
    } else {
      set(root_, "api-version", "2.25");
      set(root_, "request", o_.request.empty() ? "crm_mon" : o_.request);
    }
    if (data_.input->info) daemon();
    if (o_.header) summary();
    if (o_.nodes) nodes();
    if (o_.resources) {
      xml_node resources = add(root_, "resources");
      for (const ResourceView& r : view_.resources) {
        if (wanted(o_, r)) resource(resources, r);
      }
    }
    attributes();
    history();
    failures();
    fencing();
    tickets();
    bans();
    if (!legacy) status();
    return o_.format == StatusFormat::kJson ? json_text(root_) : xml_text(root_);
  }

 private:
  void daemon() {
    xml_node n = add(root_, "pacemakerd");
    set(n, "sys_from", "systoled");
    set(n, "state", "running");
    set(n, "last_updated", iso_text(epoch_seconds(data_.input->now)));
  }

  void summary() {
    xml_node s = add(root_, "summary");
    set(add(s, "stack"), "type", view_.stack);
    xml_node dc = add(s, "current_dc");
    set(dc, "present", !view_.dc.empty());
    if (!view_.dc.empty()) {
      set(dc, "version", view_.dc_version);
      set(dc, "name", view_.dc);
      set(dc, "id", view_.dc_id);
      set(dc, "with_quorum", view_.quorate);
      set(dc, "mixed_version", view_.mixed);
    }
    set(add(s, "last_update"), "time", ctime_text(epoch_seconds(data_.input->now)));
    xml_node change = add(s, "last_change");
    const xml_node cib = document_.root();
    set(change, "time", cib.attribute("cib-last-written").value());
    set(change, "user", cib.attribute("update-user").value());
    set(change, "client", cib.attribute("update-client").value());
    set(change, "origin", cib.attribute("update-origin").value());
    set(add(s, "nodes_configured"), "number", view_.counts.nodes);
    xml_node resources = add(s, "resources_configured");
    set(resources, "number", view_.counts.resources);
    set(resources, "disabled", view_.counts.disabled);
    set(resources, "blocked", view_.counts.blocked);
    options(add(s, "cluster_options"));
  }

  void options(xml_node n) {
    const auto timeout =
        parse_interval(property(document_, "stonith-timeout", "60s")).value_or(Milliseconds(60000));
    const auto delay =
        parse_interval(property(document_, "priority-fencing-delay", "0")).value_or(Milliseconds(0));
    set(n, "stonith-enabled", view_.fencing);
    set(n, "symmetric-cluster", view_.symmetric);
    set(n, "no-quorum-policy", view_.no_quorum_policy);
    set(n, "maintenance-mode", view_.maintenance);
    set(n, "stop-all-resources", view_.stop_all);
    set(n, "stonith-timeout-ms", timeout.count());
    set(n, "priority-fencing-delay-ms", delay.count());
  }

  bool wanted_node(const std::string& name) const { return o_.only_node.empty() || o_.only_node == name; }

  void nodes() {
    xml_node list = add(root_, "nodes");
    for (const NodeView& node : view_.nodes) {
      if (!wanted_node(node.name)) continue;
      xml_node n = add(list, "node");
      set(n, "name", node.name);
      set(n, "id", node.id);
      set(n, "online", node.online);
      set(n, "standby", node.standby);
      set(n, "standby_onfail", node.standby_on_fail);
      set(n, "maintenance", node.maintenance);
      set(n, "pending", node.pending);
      set(n, "unclean", node.unclean);
      set(n, "health", node.health);
      if (!node.feature_set.empty()) set(n, "feature_set", node.feature_set);
      set(n, "shutdown", node.shutdown);
      set(n, "expected_up", node.expected_up);
      set(n, "is_dc", node.is_dc);
      set(n, "resources_running", node.resources_running);
      set(n, "type", node.kind == NodeView::Kind::kMember ? "member" : "remote");
      if (!node.container.empty()) set(n, "id_as_resource", node.container);
      if (!o_.by_node) continue;
      for (const ResourceView& r : view_.resources) {
        for (const ResourceView* p : primitives_of(r)) {
          if (std::find(p->nodes.begin(), p->nodes.end(), node.name) != p->nodes.end()) primitive(n, *p);
        }
      }
    }
  }

  void resource(xml_node parent, const ResourceView& r) {
    if (r.kind == Kind::kPrimitive) return primitive(parent, r);
    if (r.kind == Kind::kGroup) return group(parent, r, r.id);
    if (r.kind == Kind::kClone) return clone(parent, r);
    bundle(parent, r);
  }

  void primitive(xml_node parent, const ResourceView& r) {
    xml_node n = add(parent, "resource");
    set(n, "id", r.id);
    set(n, "resource_agent", r.agent);
    set(n, "role", role_name(r.role));
    if (!r.target_role.empty()) set(n, "target_role", r.target_role);
    set(n, "active", !r.nodes.empty());
    set(n, "orphaned", r.orphaned);
    set(n, "blocked", r.blocked);
    set(n, "managed", r.managed);
    set(n, "failed", r.failed);
    set(n, "failure_ignored", r.failure_ignored);
    set(n, "nodes_running_on", static_cast<int>(r.nodes.size()));
    if (!r.pending.empty()) set(n, "pending", r.pending);
    if (!r.locked_to.empty()) set(n, "locked_to", r.locked_to);
    for (const std::string& name : r.nodes) {
      const NodeView* where = view_.node(name);
      xml_node on = add(n, "node");
      set(on, "name", name);
      set(on, "id", where != nullptr ? where->id : name);
      set(on, "cached", where == nullptr || !where->online);
    }
  }

  void group(xml_node parent, const ResourceView& r, const std::string& id) {
    xml_node n = add(parent, "group");
    set(n, "id", id);
    set(n, "number_resources", static_cast<int>(r.children.size()));
    set(n, "managed", r.managed);
    set(n, "disabled", r.disabled);
    for (const ResourceView& member : r.children) resource(n, member);
  }

  void clone(xml_node parent, const ResourceView& r) {
    xml_node n = add(parent, "clone");
    const auto members = primitives_of(r);
    set(n, "id", r.id);
    set(n, "multi_state", r.promotable);
    set(n, "unique", r.unique);
    set(n, "managed", r.managed);
    set(n, "disabled", r.disabled);
    set(n, "failed", std::any_of(members.begin(), members.end(), [](const auto* p) { return p->failed; }));
    set(n, "failure_ignored",
        std::any_of(members.begin(), members.end(), [](const auto* p) { return p->failure_ignored; }));
    if (!r.target_role.empty()) set(n, "target_role", r.target_role);
    for (const ResourceView& instance : r.children) resource(n, instance);
  }

  void bundle(xml_node parent, const ResourceView& r) {
    xml_node n = add(parent, "bundle");
    set(n, "id", r.id);
    set(n, "type", r.bundle_type);
    set(n, "image", r.image);
    set(n, "unique", true);
    set(n, "managed", r.managed);
    set(n, "failed", false);
    int number = 0;
    for (const ResourceView& replica : r.children) {
      xml_node m = add(n, "replica");
      set(m, "id", number++);
      for (const ResourceView& part : replica.children) resource(m, part);
    }
  }

  void attributes() {
    xml_node list = add(root_, "node_attributes");
    for (const NodeView& node : view_.nodes) {
      const auto all = shown_attributes(document_, node);
      if (all.empty() || !wanted_node(node.name)) continue;
      xml_node n = add(list, "node");
      set(n, "name", node.name);
      for (const AttributeValue& a : all) {
        xml_node m = add(n, "attribute");
        set(m, "name", a.name);
        set(m, "value", a.value);
      }
    }
  }

  void history() {
    xml_node list = add(root_, "node_history"), node;
    for (const HistoryView& h : view_.history) {
      if (!wanted_node(h.node)) continue;
      if (!node || h.node != node.attribute("name").value()) {
        node = add(list, "node");
        set(node, "name", h.node);
      }
      xml_node n = add(node, "resource_history");
      set(n, "id", h.resource);
      set(n, "orphan", h.orphan);
      set(n, "migration-threshold", h.migration_threshold);
      if (h.fail_count > 0) set(n, "fail-count", h.fail_count);
      if (h.last_failure > 0) set(n, "last-failure", ctime_text(h.last_failure));
      for (const OperationView& op : h.operations) operation(n, op);
    }
  }

  static void operation(xml_node parent, const OperationView& op) {
    xml_node n = add(parent, "operation_history");
    set(n, "call", op.call);
    set(n, "task", op.task);
    set(n, "rc", op.rc);
    set(n, "rc_text", ocf_text(op.rc));
    if (op.interval_ms > 0) set(n, "interval", fmt::format("{}ms", op.interval_ms));
    if (op.last_change > 0) set(n, "last-rc-change", ctime_text(op.last_change));
    set(n, "exec-time", fmt::format("{}ms", op.exec_ms));
    set(n, "queue-time", fmt::format("{}ms", op.queue_ms));
  }

  void failures() {
    if (view_.failures.empty()) return;
    xml_node list = add(root_, "failures");
    for (const OperationView& f : view_.failures) {
      xml_node n = add(list, "failure");
      set(n, "op_key", f.key);
      set(n, "node", f.node);
      set(n, "exitstatus", ocf_text(f.rc));
      set(n, "exitreason", f.exit_reason);
      set(n, "exitcode", f.rc);
      set(n, "call", f.call);
      set(n, "status", f.status);
      if (f.last_change > 0) set(n, "last-rc-change", iso_text(f.last_change));
      set(n, "queued", f.queue_ms);
      set(n, "exec", f.exec_ms);
      set(n, "interval", f.interval_ms);
      set(n, "task", f.task);
    }
  }

  void fencing() {
    if (o_.fence_history == 0) return;
    xml_node list = add(root_, "fence_history");
    set(list, "status", 0);
    for (const FenceEvent& e : data_.input->fencing) {
      xml_node n = add(list, "fence_event");
      set(n, "action", e.action);
      set(n, "target", e.target);
      set(n, "client", "systoled");
      set(n, "origin", e.origin);
      set(n, "status", e.completed == 0 ? "pending" : e.succeeded ? "success" : "failed");
      if (!e.executed_by.empty()) set(n, "delegate", e.executed_by);
      if (e.completed != 0) set(n, "completed", iso_text(e.completed));
      if (!e.reason.empty()) set(n, "exit-reason", e.reason);
    }
  }

  void tickets() {
    xml_node list = add(root_, "tickets");
    for (const xml_node t : document_.section("status").child("tickets").children("ticket_state")) {
      xml_node n = add(list, "ticket");
      set(n, "id", t.attribute("id").value());
      set(n, "status", is_true(t.attribute("granted").value()) ? "granted" : "revoked");
      set(n, "standby", is_true(t.attribute("standby").value()));
      if (t.attribute("last-granted"))
        set(n, "last-granted", ctime_text(t.attribute("last-granted").as_llong()));
    }
  }

  void bans() {
    xml_node list = add(root_, "bans");
    for (const Ban& b : bans_of(document_, o_.ban_prefix)) {
      xml_node n = add(list, "ban");
      set(n, "id", b.id);
      set(n, "resource", b.resource);
      set(n, "node", b.node);
      set(n, "weight", b.weight);
      set(n, "promoted-only", b.promoted_only);
      set(n, "master_only", b.promoted_only);
    }
  }

  void status() {
    xml_node n = add(root_, "status");
    set(n, "code", 0);
    set(n, "message", "OK");
  }

  const StatusData& data_;
  const StatusOptions& o_;
  const ClusterView& view_;
  const cib::Document& document_;
  pugi::xml_document tree_;
  xml_node root_;
};

}  // namespace

std::string status_tree(const StatusData& data) { return Tree(data).render(); }

}  // namespace systole::cli
