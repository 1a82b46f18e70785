// What `systole ring` shows: the ring as this node sees it. Pure: the daemon's answer in, text or a tree out.
// Names and addresses are made safe for where they go.
#pragma once

#include <pugixml.hpp>
#include <string>

#include "cli/session.h"

namespace systole::cli {

struct RingSample {
  ClusterInfo info;
  WallTime at{};
};

// `before`: an earlier sample of the same daemon, for rates; may be null.
std::string ring_text(const RingSample& now, const RingSample* before = nullptr);
// <ring> below `parent`; times in microseconds (*_us) or milliseconds (*_ms), loss in percent.
void add_ring_tree(pugi::xml_node parent, const ClusterInfo& info);

// Why frames are refused, for a person: what is so, and what to do about it.
struct RefusalWords {
  const char* what;
  const char* remedy;
};
RefusalWords refusal_words(std::string_view reason);
std::string node_name(const ClusterInfo& info,
                      std::uint32_t id);  // "beta (2)"; "node 7" of one not configured.

}  // namespace systole::cli
