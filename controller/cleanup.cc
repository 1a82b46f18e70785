#include "controller/cleanup.h"

#include <set>

#include "controller/messages.pb.h"
#include "controller/node_states.h"
#include "controller/results.h"

namespace systole::controller {
namespace {

void collect_primitives(pugi::xml_node in, std::set<std::string>& ids) {
  if (std::string_view(in.name()) == "primitive") ids.insert(in.attribute("id").value());
  for (const pugi::xml_node child : in.children()) collect_primitives(child, ids);
}

pugi::xml_node find_by_id(pugi::xml_node in, const std::string& id) {
  if (id == in.attribute("id").value()) return in;
  for (const pugi::xml_node child : in.children()) {
    if (const pugi::xml_node found = find_by_id(child, id)) return found;
  }
  return {};
}

// "r" covers the instances "r:0", "r:1"… too.
std::string without_instance(std::string id) {
  const std::size_t colon = id.rfind(':');
  return colon == std::string::npos ? id : id.substr(0, colon);
}

// What is asked for, in terms of histories: primitives and the instances of clones.
class Scope {
 public:
  Scope(const cib::Document& document, const wire::Cleanup& what) : what_(what) {
    if (what.resource().empty()) return;
    wanted_.insert(what.resource());
    collect_primitives(find_by_id(document.section("resources"), what.resource()), wanted_);
  }
  bool node(pugi::xml_node state) const {
    return what_.node().empty() || what_.node() == state.attribute("uname").value();
  }
  bool resource(const std::string& id) const {
    return what_.resource().empty() || wanted_.contains(id) || wanted_.contains(without_instance(id));
  }
  // Whether a history has a failure of the kind asked for.
  bool failed(pugi::xml_node resource) const {
    if (!what_.failures_only()) return true;
    const std::string id = std::string(resource.attribute("id").value()) + "_last_failure_0";
    const pugi::xml_node failure = resource.find_child_by_attribute("lrm_rsc_op", "id", id.c_str());
    if (!failure || what_.operation().empty()) return static_cast<bool>(failure);
    return what_.operation() == failure.attribute("operation").value() &&
           std::to_string(what_.interval_ms()) == failure.attribute("interval").value();
  }
  // "fail-count-R#start_0" or "last-failure-…" of what is asked for.
  bool counter(std::string_view name) const {
    for (const std::string_view prefix : {"fail-count-", "last-failure-"}) {
      if (!name.starts_with(prefix)) continue;
      const std::string_view rest = name.substr(prefix.size());
      const std::size_t mark = rest.rfind('#');
      if (!resource(std::string(rest.substr(0, mark)))) return false;
      if (what_.operation().empty() || mark == std::string_view::npos) return true;
      return rest.substr(mark + 1) == fmt::format("{}_{}", what_.operation(), what_.interval_ms());
    }
    return false;
  }

 private:
  const wire::Cleanup& what_;
  std::set<std::string> wanted_;
};

template <typename F>
void each_resource(const Scope& scope, pugi::xml_node state, F visit) {
  for (const pugi::xml_node resource : state.child("lrm").child("lrm_resources").children("lrm_resource")) {
    if (scope.resource(resource.attribute("id").value()) && scope.failed(resource)) visit(resource);
  }
}

}  // namespace

std::optional<cib::Op> cleanup_op(const cib::Document& document, const wire::Cleanup& what) {
  const Scope scope(document, what);
  std::string paths;
  const auto add = [&paths](const std::string& path) { paths += (paths.empty() ? "" : " | ") + path; };
  for (const pugi::xml_node state : document.section("status").children("node_state")) {
    if (!scope.node(state)) continue;
    const std::string base = fmt::format("/cib/status/node_state[@id='{}']", state.attribute("id").value());
    each_resource(scope, state, [&](pugi::xml_node resource) {
      add(fmt::format("{}/lrm/lrm_resources/lrm_resource[@id='{}']", base, resource.attribute("id").value()));
    });
    for (const pugi::xml_node set : state.child("transient_attributes").children("instance_attributes")) {
      for (const pugi::xml_node pair : set.children("nvpair")) {
        if (!scope.counter(pair.attribute("name").value())) continue;
        add(fmt::format("{}/transient_attributes/instance_attributes/nvpair[@id='{}']", base,
                        pair.attribute("id").value()));
      }
    }
  }
  if (paths.empty()) return {};
  cib::Op op;
  op.kind = cib::Op::Kind::kDeleteAll;
  op.xpath = std::move(paths);
  op.user = "hacluster";
  op.client = clients::kCleanup;
  return op;
}

std::vector<std::string> cleaned_resources(const cib::Document& document, const wire::Cleanup& what,
                                           const std::string& node) {
  const Scope scope(document, what);
  std::vector<std::string> ids;
  for (const pugi::xml_node state : document.section("status").children("node_state")) {
    if (!scope.node(state) || node != state.attribute("uname").value()) continue;
    each_resource(scope, state, [&](pugi::xml_node r) { ids.emplace_back(r.attribute("id").value()); });
  }
  return ids;
}

}  // namespace systole::controller
