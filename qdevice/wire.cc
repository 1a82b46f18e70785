#include "qdevice/wire.h"

#include <algorithm>

#include "membership/wire.h"
#include "qdevice/qdevice.pb.h"

namespace systole::qdevice {
namespace {

constexpr std::size_t kMaxName = 255;

Result<std::vector<NodeId>> nodes_of(const google::protobuf::RepeatedField<std::uint32_t>& ids,
                                     const char* what) {
  if (ids.empty() || static_cast<std::size_t>(ids.size()) > membership::kMaxNodes)
    return fail(Errc::kParse, "a list of {} {} cannot be", ids.size(), what);
  std::vector<NodeId> nodes;
  for (const std::uint32_t id : ids) nodes.push_back(NodeId{id});
  std::sort(nodes.begin(), nodes.end());
  const bool twice = std::adjacent_find(nodes.begin(), nodes.end()) != nodes.end();
  if (twice || nodes.front() == NodeId{})
    return fail(Errc::kParse, "the list of {} names a node twice, or node 0", what);
  return nodes;
}

}  // namespace

Result<Greeting> read(const wire::Hello& hello) {
  if (hello.version() != kProtocol)
    return fail(Errc::kParse, "protocol version {} is not known, only {}: update the older side",
                hello.version(), kProtocol);
  const std::string& name = hello.cluster();
  const bool printable = std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 127; });
  if (name.empty() || name.size() > kMaxName || !printable)
    return fail(Errc::kParse, "a cluster_name must be 1 to {} printable characters without blanks", kMaxName);
  Greeting g{name, {NodeId{hello.node()}, Incarnation{hello.incarnation()}}, {}};
  auto nodes = nodes_of(hello.nodes(), "nodes");
  if (!nodes) return fail(nodes.error());
  if (hello.algorithm() > static_cast<unsigned>(Rules::Algorithm::kTest))
    return fail(Errc::kParse, "algorithm {} is not known", hello.algorithm());
  if (hello.tie_breaker() > static_cast<unsigned>(Rules::TieBreaker::kNode))
    return fail(Errc::kParse, "tie_breaker {} is not known", hello.tie_breaker());
  if (hello.lease_ms() < 1000 || hello.lease_ms() > 120000)
    return fail(Errc::kParse, "a timeout of {} ms cannot be: 1000 to 120000", hello.lease_ms());
  g.settings.lease = Milliseconds(hello.lease_ms());
  g.settings.rules = {static_cast<Rules::Algorithm>(hello.algorithm()),
                      static_cast<Rules::TieBreaker>(hello.tie_breaker()), NodeId{hello.tie_breaker_node()},
                      hello.keep_active(), std::move(*nodes)};
  return g;
}

Result<Report> read(const wire::Report& report, NodeId from) {
  auto members = nodes_of(report.members(), "members");
  if (!members) return fail(members.error());
  if (std::find(members->begin(), members->end(), from) == members->end())
    return fail(Errc::kParse, "node {} reports a ring without itself", raw(from));
  if (report.heuristics() > static_cast<unsigned>(Heuristics::kFailed) || report.ring().sequence() == 0)
    return fail(Errc::kParse, "a report that cannot be");
  return Report{from, read(report.ring()), std::move(*members), static_cast<Heuristics>(report.heuristics()),
                report.counts()};
}

RingId read(const wire::Ring& ring) { return {ring.sequence(), NodeId{ring.representative()}}; }

void write(const Greeting& greeting, wire::Hello& hello) {
  hello.set_version(kProtocol);
  hello.set_cluster(greeting.cluster);
  hello.set_node(raw(greeting.life.node));
  hello.set_incarnation(raw(greeting.life.incarnation));
  const Rules& rules = greeting.settings.rules;
  hello.set_algorithm(static_cast<unsigned>(rules.algorithm));
  hello.set_tie_breaker(static_cast<unsigned>(rules.tie_breaker));
  hello.set_tie_breaker_node(raw(rules.tie_breaker_node));
  hello.set_keep_active(rules.keep_active);
  hello.set_lease_ms(static_cast<std::uint32_t>(to_ms(greeting.settings.lease)));
  for (const NodeId node : rules.nodes) hello.add_nodes(raw(node));
}

void write(const Report& report, wire::Report& out) {
  write(report.ring, *out.mutable_ring());
  for (const NodeId node : report.members) out.add_members(raw(node));
  out.set_heuristics(static_cast<unsigned>(report.heuristics));
  out.set_counts(report.counts);
}

void write(const RingId& ring, wire::Ring& out) {
  out.set_sequence(ring.sequence);
  out.set_representative(raw(ring.representative));
}

}  // namespace systole::qdevice
