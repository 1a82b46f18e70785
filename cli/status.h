// render_status: what crm_mon, `crm status` and the web page show of a cluster. Pure: document, what the
// daemon says, and time in; text out. Names and reasons from agents are made safe for the terminal, XML and
// JSON.
//
// Formats: text as Pacemaker 2.1 prints it, its two XML forms, JSON of our own (the XML's tree), a HTML page.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "cib/document.h"
#include "cli/session.h"

namespace systole::cli {

enum class StatusFormat { kText, kXml, kLegacyXml, kJson, kHtml, kSimple };

struct StatusOptions {
  StatusFormat format = StatusFormat::kText;
  bool inactive = false;  // -r
  bool by_node = false;   // -n
  bool detail = false;    // -R
  bool brief = false;     // -b
  bool timing = false;    // -t
  bool pending = true;    // -j
  bool colour = false;
  // Sections of text output. XML, JSON and HTML show all but those taken away.
  bool attributes = false;  // -A
  bool bans = false;        // -L
  bool failcounts = false;  // -f
  bool operations = false;  // -o
  bool tickets = false;     // -c
  bool header = true;       // The summary; without it, -D
  bool times = true, stack = true, dc = true, counts = true, options = false;
  bool nodes = true, resources = true, failures = true;
  int fence_history = 1;   // 0 none, 1 failed and pending, 2 and succeeded, 3 in full
  std::string ban_prefix;  // -L PREFIX
  std::string only_node, only_resource;
  std::string request;  // The command line, for XML's root.
};

struct StatusInput {
  const cib::Document* document = nullptr;
  std::optional<ClusterInfo> info;  // Of a live cluster.
  std::vector<FenceEvent> fencing;
  WallTime now{};
};

std::string render_status(const StatusInput& input, const StatusOptions& options);

}  // namespace systole::cli
