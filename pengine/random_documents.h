// Random small clusters for property tests: every kind of resource, constraints between them, and histories
// in which operations succeeded, failed, are under way or are missing. Valid XML, not always sensible.
#pragma once

#include <fmt/format.h>

#include <random>
#include <string>
#include <vector>

#include "pengine/digest.h"

namespace systole::pengine::test {

class RandomCluster {
 public:
  explicit RandomCluster(std::uint64_t seed) : random_(seed) {
    nodes_ = 2 + pick(4);
    const int top = 3 + pick(9);
    for (int i = 0; i < top; ++i) add_resource();
  }

  // Uniform in [0, n).
  int pick(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }
  bool chance(int percent) { return pick(100) < percent; }
  const std::vector<std::string>& primitives() const { return primitives_; }
  int nodes() const { return nodes_; }

  std::string document() {
    std::string options = nv("o", "stonith-enabled", chance(50) ? "true" : "false");
    options += nv("o", "no-quorum-policy", chance(80) ? "stop" : "freeze");
    if (chance(10)) options += nv("o", "symmetric-cluster", "false");
    if (chance(10)) options += nv("o", "placement-strategy", "balanced");
    std::string nodes, states;
    for (int n = 1; n <= nodes_; ++n) {
      nodes += fmt::format(R"(<node id="{0}" uname="n{0}"/>)", n);
      states += state(n);
    }
    std::string defaults = nv("d", "resource-stickiness", chance(80) ? "100" : "0");
    if (chance(40)) defaults += nv("d", "migration-threshold", "2");
    if (chance(40)) defaults += nv("d", "failure-timeout", "60s");
    return fmt::format(
        R"(<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.7" epoch="1" num_updates="0" admin_epoch="0" )"
        R"(have-quorum="{}" dc-uuid="1" execution-date="2000"><configuration><crm_config>)"
        R"(<cluster_property_set id="o">{}</cluster_property_set></crm_config><nodes>{}</nodes><resources>{}</resources>)"
        R"(<constraints>{}</constraints><rsc_defaults><meta_attributes id="d">{}</meta_attributes></rsc_defaults>)"
        R"(</configuration><status>{}</status></cib>)",
        chance(90) ? 1 : 0, options, nodes, resources_, constraints(), defaults, states);
  }

  // What a node remembers of a resource; empty: nothing.
  std::string history(const std::string& id) {
    if (chance(5)) return {};
    std::string ops;
    const bool runs = chance(35);
    ops += op(id, "monitor", 0, runs && chance(20) ? 0 : 7, 7);
    if (runs) {
      ops += op(id, "start", 0, chance(95) ? 0 : 1, 0);
      if (chance(70)) ops += op(id, "monitor", 10000, chance(90) ? 0 : 1, 0);
      if (chance(10)) ops += op(id, "promote", 0, 0, 0);
    }
    if (chance(10)) ops += op(id, "stop", 0, chance(90) ? 0 : 1, 0);
    return fmt::format(R"(<lrm_resource id="{}" class="{}" {}type="{}">{}</lrm_resource>)", id,
                       id == "fencing" ? "stonith" : "ocf", id == "fencing" ? "" : R"(provider="pacemaker" )",
                       id == "fencing" ? "fence_dummy" : "Stateful", ops);
  }

 private:
  static std::string nv(const std::string& set, const std::string& name, const std::string& value) {
    return fmt::format(R"(<nvpair id="{0}-{1}" name="{1}" value="{2}"/>)", set, name, value);
  }
  std::string meta(const std::string& id, const std::string& pairs) {
    return pairs.empty() ? "" : fmt::format(R"(<meta_attributes id="{}-m">{}</meta_attributes>)", id, pairs);
  }

  std::string primitive() {
    const std::string id = fmt::format("r{}", primitives_.size());
    primitives_.push_back(id);
    std::string pairs;
    const std::string set = id + "-m";
    if (chance(20)) pairs += nv(set, "priority", std::to_string(pick(5)));
    if (chance(10)) pairs += nv(set, "target-role", "Stopped");
    if (chance(10)) pairs += nv(set, "allow-migrate", "true");
    if (chance(5)) pairs += nv(set, "is-managed", "false");
    const char* on_fail = chance(80) ? "restart" : chance(50) ? "block" : "ignore";
    return fmt::format(
        R"(<primitive id="{0}" class="ocf" provider="pacemaker" type="Stateful">{1}<operations>)"
        R"(<op id="{0}-mon" name="monitor" interval="10s" timeout="20s" on-fail="{2}"/></operations></primitive>)",
        id, meta(id, pairs), on_fail);
  }
  std::string group(const std::string& id) {
    std::string members;
    for (int i = 1 + pick(3); i > 0; --i) members += primitive();
    return fmt::format(R"(<group id="{}">{}</group>)", id, members);
  }
  void add_resource() {
    if (top_.empty()) {
      resources_ += R"(<primitive id="fencing" class="stonith" type="fence_dummy"/>)";
      primitives_.push_back("fencing");
    }
    const int kind = pick(10);
    const std::string id = fmt::format("t{}", top_.size());
    if (kind < 4) {
      resources_ += primitive();
      top_.push_back(primitives_.back());
    } else if (kind < 6) {
      resources_ += group(id);
      top_.push_back(id);
    } else {
      std::string pairs;
      if (chance(60)) pairs += nv(id + "-m", "interleave", "true");
      if (chance(40)) pairs += nv(id + "-m", "promotable", "true");
      if (chance(30)) pairs += nv(id + "-m", "notify", "true");
      if (chance(30)) pairs += nv(id + "-m", "clone-max", std::to_string(1 + pick(nodes_)));
      if (chance(15)) pairs += nv(id + "-m", "globally-unique", "true");
      if (chance(20)) pairs += nv(id + "-m", "ordered", "true");
      resources_ += fmt::format(R"(<clone id="{}">{}{}</clone>)", id, meta(id, pairs),
                                chance(25) ? group("g" + id) : primitive());
      top_.push_back(id);
    }
  }

  std::string constraints() {
    std::string out;
    const int count = static_cast<int>(top_.size());
    for (int i = 0; i < count; ++i) {
      const std::string& r = top_[static_cast<std::size_t>(i)];
      if (chance(40))
        out += fmt::format(R"(<rsc_location id="l{}" rsc="{}" node="n{}" score="{}"/>)", i, r,
                           1 + pick(nodes_), chance(70) ? "50" : "-INFINITY");
      if (i == 0 || !chance(35)) continue;
      const std::string& other = top_[static_cast<std::size_t>(pick(i))];
      if (chance(50))
        out += fmt::format(R"(<rsc_colocation id="c{}" rsc="{}" with-rsc="{}" score="{}"/>)", i, r, other,
                           chance(60)   ? "INFINITY"
                           : chance(50) ? "-100"
                                        : "20");
      if (chance(50))
        out += fmt::format(R"(<rsc_order id="o{}" first="{}" then="{}" kind="{}"/>)", i, other, r,
                           chance(60) ? "Mandatory" : "Optional");
    }
    return out;
  }

  std::string state(int node) {
    const bool gone = chance(5);
    std::string histories, attributes;
    for (const auto& id : primitives_) {
      histories += history(id);
      if (chance(5)) {
        attributes += nv("s" + std::to_string(node), "fail-count-" + id + "#monitor_10000",
                         std::to_string(1 + pick(3)));
        attributes += nv("s" + std::to_string(node), "last-failure-" + id + "#monitor_10000",
                         std::to_string(1900 + pick(100)));
      }
      if (chance(20)) attributes += nv("s" + std::to_string(node), "master-" + id, std::to_string(pick(20)));
    }
    return fmt::format(
        R"(<node_state id="{0}" uname="n{0}" in_ccm="{1}" crmd="{2}" join="{3}" expected="member"><lrm id="{0}">)"
        R"(<lrm_resources>{4}</lrm_resources></lrm><transient_attributes id="{0}"><instance_attributes id="s{0}">)"
        R"({5}</instance_attributes></transient_attributes></node_state>)",
        node, gone ? "false" : "true", gone ? "offline" : "online", gone ? "down" : "member", histories,
        attributes);
  }

  std::string op(const std::string& id, const char* task, int interval, int rc, int expected) {
    const int call = ++call_;
    const bool pending = chance(2);
    return fmt::format(
        R"(<lrm_rsc_op id="{0}_{1}_{2}" operation_key="{0}_{1}_{2}" operation="{1}" interval="{2}" call-id="{3}" )"
        R"(transition-key="{3}:1:{5}:u" transition-magic="{6}:{4};{3}:1:{5}:u" rc-code="{4}" op-status="{6}" )"
        R"(last-rc-change="{7}" op-digest="{8}"/>)",
        id, task, interval, pending ? -1 : call, pending ? 193 : rc, expected,
        pending                                ? -1
        : rc == expected || rc == 0 || rc == 7 ? 0
                                               : 4,
        1900 + pick(100), digest(interval));
  }
  // Of what these operations run with: nothing but, of the recurring ones, their timeout.
  static std::string digest(int interval) {
    return interval == 0 ? operation_digest({})
                         : operation_digest({{"CRM_meta_interval", "10000"}, {"CRM_meta_timeout", "20000"}});
  }

  std::mt19937_64 random_;
  int nodes_ = 2, call_ = 0;
  std::vector<std::string> primitives_, top_;
  std::string resources_;
};

}  // namespace systole::pengine::test
