// Clusters for property tests: a document from a seed, with placements that constraints decide and not the
// names of nodes. For tests only.
#pragma once

#include <fmt/format.h>

#include <random>
#include <string>

namespace systole::pengine::testing {

struct RandomCluster {
  int nodes = 3, primitives = 5;
  bool stickiness = true, running = true, orders = false, devices = false;

  std::string xml(unsigned seed) const {
    std::mt19937 random(seed);
    const auto pick = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
    std::string resources, constraints, status, device_xml;
    for (int i = 0; devices && i < nodes; ++i)
      device_xml += fmt::format(
          "<primitive id=\"dev{0}\" class=\"stonith\" type=\"fence_x\"><instance_attributes id=\"dev{0}-i\">"
          "<nvpair id=\"dev{0}-h\" name=\"pcmk_host_list\" "
          "value=\"n{1}\"/></instance_attributes></primitive>",
          i + 1, i + 1);
    std::vector<std::string> history(static_cast<std::size_t>(nodes));
    for (int r = 0; r < primitives; ++r) {
      const std::string id = fmt::format("r{}", r);
      std::string meta;
      if (stickiness && pick(2) == 0)
        meta = fmt::format(
            "<meta_attributes id=\"{0}-m\"><nvpair id=\"{0}-s\" name=\"resource-stickiness\" "
            "value=\"{1}\"/></meta_attributes>",
            id, pick(200));
      resources += fmt::format(
          "<primitive id=\"{}\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\">{}</primitive>", id,
          meta);
      // A preference for every node, all different, so that no tie decides.
      for (int n = 0; n < nodes; ++n)
        constraints +=
            fmt::format("<rsc_location id=\"l-{0}-{1}\" rsc=\"{0}\" node=\"n{1}\" score=\"{2}\"/>", id, n + 1,
                        pick(6) == 0 ? std::string("-INFINITY") : std::to_string(1 + pick(100'000)));
      if (r > 0 && pick(3) == 0)
        constraints += fmt::format(
            "<rsc_colocation id=\"c-{0}\" rsc=\"{0}\" with-rsc=\"r{1}\" score=\"{2}\"/>", id, pick(r),
            pick(3) == 0   ? "-INFINITY"
            : pick(2) == 0 ? "INFINITY"
                           : "500");
      if (orders && r > 0 && pick(3) == 0)
        constraints += fmt::format("<rsc_order id=\"o-{0}\" first=\"r{1}\" then=\"{0}\"/>", id, pick(r));
      if (!running || pick(4) == 0) continue;
      history[static_cast<std::size_t>(pick(nodes))] += fmt::format(
          "<lrm_resource id=\"{0}\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\"><lrm_rsc_op "
          "id=\"{0}_last_0\" operation_key=\"{0}_start_0\" operation=\"start\" transition-key=\"1:1:0:x\" "
          "transition-magic=\"0:0;1:1:0:x\" call-id=\"5\" rc-code=\"0\" op-status=\"0\" interval=\"0\"/>"
          "</lrm_resource>",
          id);
    }
    std::string node_xml;
    for (int n = 0; n < nodes; ++n) {
      node_xml += fmt::format("<node id=\"{0}\" uname=\"n{0}\"/>", n + 1);
      status += fmt::format(
          "<node_state id=\"{0}\" uname=\"n{0}\" in_ccm=\"true\" crmd=\"online\" join=\"member\" "
          "expected=\"member\"><lrm id=\"{0}\"><lrm_resources>{1}</lrm_resources></lrm></node_state>",
          n + 1, history[static_cast<std::size_t>(n)]);
    }
    return fmt::format(
        "<cib have-quorum=\"1\" dc-uuid=\"1\"><configuration><crm_config><cluster_property_set id=\"p\">"
        "<nvpair id=\"f\" name=\"stonith-enabled\" value=\"{}\"/></cluster_property_set></crm_config>"
        "<nodes>{}</nodes><resources>{}{}</resources><constraints>{}</constraints></configuration>"
        "<status>{}</status></cib>",
        devices ? "true" : "false", node_xml, resources, device_xml, constraints, status);
  }
};

}  // namespace systole::pengine::testing
