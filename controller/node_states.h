// What the DC writes about nodes: pure functions from the agreed view and the document to one change of it.
//
// A member whose state is not known to be of its present life is entered as joining (join="pending"); it
// answers by replacing its own node_state by what is true there, which makes it a member. A node that left
// keeps `expected`: "member" means that it was lost and must be fenced, "down" that it went in good order.
// Source: Pacemaker's node_state, as its scheduler reads it ("Pacemaker Explained", Status).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cib/document.h"
#include "cib/ops.h"
#include "membership/config.h"
#include "membership/membership.h"

namespace systole::controller {

// Names that Op::client carries, by which a change is recognised. Programs of users never have them
// (is_reserved_client).
namespace clients {
constexpr const char* kController = "crmd";       // Node states, properties.
constexpr const char* kJoin = "crmd-join";        // A joiner's own node_state.
constexpr const char* kPending = "crmd-pending";  // Actions under way.
constexpr const char* kResult = "crmd-result";    // Results and fail counts.
constexpr const char* kAttributes = "attrd";      // Transient attributes.
constexpr const char* kCleanup = "crmd-cleanup";  // Erased history.
constexpr const char* kFencing = "crmd-fencing";  // A node confirmed down.
}  // namespace clients
bool is_reserved_client(std::string_view client);

// Brings have-quorum, dc-uuid and every node_state in line with the view. Nothing when they are already.
// `joined`: members whose history this document does not know, see cib::Replica::Effects::synced.
std::optional<cib::Op> view_update(const cib::Document& document, const membership::View& view, bool quorate,
                                   const std::vector<NodeId>& joined,
                                   const membership::ClusterConfig& config);
// Erases the transient attributes of nodes that are down in good order. Nothing when there is nothing. Their
// history stays, as Pacemaker has it: what was unmanaged when its node left still runs there, and keeps it
// from running elsewhere until the node is back or fenced.
std::optional<cib::Op> forget_departed(const cib::Document& document, const membership::View& view);
// The node is confirmed down: nothing runs there.
cib::Op confirmed_down(const cib::Document& document, const std::string& name, NodeId id);
// Whether the document already says so, or speaks of another life than the one that was fenced.
bool needs_confirmation(const cib::Document& document, const NodeLife& fenced, const std::string& name);
// `shutdown` of a node has been acted on: it leaves now, in good order.
cib::Op leaving(const std::string& name, NodeId id);

// A member's own node_state, whole. `lrm` and `attributes` are children (XML), possibly empty.
cib::Op own_state(const std::string& name, const NodeLife& self, const std::string& lrm,
                  const std::string& attributes);

// A member that does not answer: present in the ring, its controller as good as gone.
cib::Op unresponsive(const std::vector<std::string>& names, const membership::ClusterConfig& config);

// The life that the document ascribes to a node; incarnation 0: not known.
NodeLife known_life(const cib::Document& document, const std::string& name);

}  // namespace systole::controller
