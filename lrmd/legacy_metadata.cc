#include "lrmd/legacy_metadata.h"

#include "lrmd/invocation.h"

namespace systole::lrmd {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text, 8192)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::map<std::string, std::string> init_info(std::string_view script) {
  std::map<std::string, std::string> info;
  bool inside = false;
  std::string last;
  while (!script.empty() && info.size() < 64) {
    const auto newline = script.find('\n');
    const std::string_view line = script.substr(0, newline);
    script.remove_prefix(newline == script.npos ? script.size() : newline + 1);
    if (line.starts_with("### BEGIN INIT INFO")) {
      inside = true;
    } else if (line.starts_with("### END INIT INFO")) {
      break;
    } else if (inside && line.starts_with("#")) {
      // "#  more words" or "#<tab>more words" goes on with the description above.
      const bool continues = last == "Description" && (line.starts_with("#  ") || line.starts_with("#\t"));
      const auto colon = line.find(':');
      if (continues) {
        info[last] += " " + std::string(trimmed(line.substr(1)));
      } else if (colon != line.npos) {
        last = trimmed(line.substr(1, colon - 1));
        info[last] = trimmed(line.substr(colon + 1));
      }
    }
  }
  return info;
}

std::string document(std::string_view type, std::string_view long_text, std::string_view short_text,
                     std::string_view parameters, std::string_view more_actions) {
  return fmt::format(R"(<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="{0}" version="1.0">
  <version>1.1</version>
  <longdesc lang="en">{1}</longdesc>
  <shortdesc lang="en">{2}</shortdesc>
  <parameters>{3}</parameters>
  <actions>
    <action name="start" timeout="15s"/>
    <action name="stop" timeout="15s"/>
    <action name="status" timeout="15s"/>
    <action name="monitor" timeout="15s" interval="15s"/>
    <action name="meta-data" timeout="5s"/>{4}
  </actions>
</resource-agent>
)",
                     escaped(type), escaped(long_text), escaped(short_text), parameters, more_actions);
}

}  // namespace

std::string lsb_metadata(std::string_view type, std::string_view script) {
  auto info = init_info(script);
  std::string text = info["Description"].empty() ? info["Short-Description"] : info["Description"];
  if (text.empty()) text = fmt::format("The init script {}, which does not describe itself.", type);
  for (const char* key : {"Provides", "Required-Start", "Required-Stop", "Should-Start", "Should-Stop",
                          "Default-Start", "Default-Stop"}) {
    if (!info[key].empty()) text += fmt::format("\n{}: {}", key, info[key]);
  }
  const std::string& summary = info["Short-Description"];
  return document(type, text, summary.empty() ? std::string(type) : summary, "", R"(
    <action name="restart" timeout="15s"/>
    <action name="force-reload" timeout="15s"/>)");
}

std::string heartbeat_metadata(std::string_view type) {
  std::string parameters;
  for (int i = 1; i <= 5; ++i) {
    parameters += fmt::format(R"(
    <parameter name="{0}" unique="0" required="0">
      <longdesc lang="en">Argument {0}, before the action, on the script's command line.</longdesc>
      <shortdesc lang="en">argument {0}</shortdesc>
      <content type="string"/>
    </parameter>)",
                              i);
  }
  return document(type, fmt::format("The Heartbeat resource script {}.", type), type, parameters + "\n  ",
                  "");
}

}  // namespace systole::lrmd
