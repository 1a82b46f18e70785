// crm_verify: is this configuration valid, and would the cluster act on it?
#include "cib/schema.h"
#include "cli/host.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/tools.h"
#include "pengine/verify.h"

namespace systole::cli {
namespace {

using T = Option::Takes;

Manual manual() {
  return {"check a configuration",
          "(-L | -x FILE | -X XML | -p) [options]",
          {{"Which",
            {{"live-check", 'L', T::kNothing, "", "The running cluster's"},
             {"xml-file", 'x', T::kValue, "FILE", "A file's (\"-\": standard input)"},
             {"xml-text", 'X', T::kValue, "XML", "The argument"},
             {"xml-pipe", 'p', T::kNothing, "", "Standard input"},
             {"save-xml", 'S', T::kValue, "FILE", "Also save what was checked"}}},
           output_options()},
          "  crm_verify --live-check -V\n  crm_verify --xml-file new.xml -VV\n"};
}

struct Message {
  enum class Severity { kError, kWarning, kNotice } severity;
  std::string text;
};

// The line shape is libxml's, which clients of the tool take apart.
std::string structural(const cib::Finding& finding) {
  if (finding.line == 0) return finding.message;
  return fmt::format("Entity: line {}: element cib: Relax-NG validity error : {}", finding.line,
                     finding.message);
}

std::vector<Message> check_document(const cib::Document& document, WallTime now) {
  std::vector<Message> messages;
  bool broken = false;
  for (const cib::Finding& finding : cib::validate(document)) {
    broken = broken || finding.error;
    messages.push_back(
        {finding.error ? Message::Severity::kError : Message::Severity::kWarning, structural(finding)});
  }
  if (broken) return messages;
  for (const pengine::Problem& problem : pengine::verify(document, now)) {
    messages.push_back({static_cast<Message::Severity>(problem.severity), problem.message});
  }
  return messages;
}

std::string line(const Message& message) {
  static constexpr const char* kNames[] = {"error", "warning", "notice"};
  return fmt::format("{}: {}\n", kNames[static_cast<std::size_t>(message.severity)], printable(message.text));
}

Result<std::string> given(Context& context, const Parsed& parsed) {
  if (parsed.has("xml-text")) return parsed.value("xml-text");
  const std::string file = parsed.value("xml-file");
  if (parsed.has("xml-pipe") || file == "-") return context.console->input();
  if (!file.empty()) return read_file(file);
  return context.session().and_then([](auto session) { return session->cib({}); });
}

// Errors are always told: whoever asks whether a configuration is good wants to know why it is not.
int tell(Context& context, const Parsed& parsed, const std::vector<Message>& messages) {
  const int verbosity = parsed.count("verbose");
  const bool xml = parsed.value("output-as") == "xml";
  std::string text;
  std::size_t errors = 0, hidden = 0;
  for (const Message& message : messages) {
    if (message.severity == Message::Severity::kError) ++errors;
    const bool shown = static_cast<int>(message.severity) <= verbosity;
    if (shown)
      text += line(message);
    else
      ++hidden;
  }
  const int code = errors > 0 ? 78 : 0;
  if (xml) {
    context.console->out(XmlResult(context).finish(code, text));
    return code;
  }
  if (parsed.has("quiet")) return code;
  if (errors > 0)
    text += fmt::format("The configuration is not valid: {} error{}\n", errors, errors == 1 ? "" : "s");
  if (errors > 0 && verbosity == 0 && hidden > 0) text += "  -V gives more details\n";
  if (!text.empty()) context.console->err(text);
  return code;
}

}  // namespace

int run_crm_verify(Context& context) {
  Parsed parsed;
  if (const auto done = begin(context, manual(), parsed)) return *done;
  if (!parsed.has("live-check") && !parsed.has("xml-file") && !parsed.has("xml-text") &&
      !parsed.has("xml-pipe")) {
    context.console->err(
        "crm_verify: what is to be checked? Give --live-check, --xml-file, --xml-text or --xml-pipe\n");
    return 64;
  }
  const bool xml_output = parsed.value("output-as") == "xml";
  const auto xml = given(context, parsed);
  if (!xml) {
    const int code = report(context, xml.error(), xml_output);
    return code == 102 ? 66 : code;
  }
  if (parsed.has("save-xml")) {
    if (const auto saved = write_file(parsed.value("save-xml"), *xml); !saved)
      return report(context, saved.error(), xml_output);
  }
  const auto document = cib::Document::parse(*xml);
  if (!document) {
    report(context, document.error(), xml_output);
    return 78;
  }
  return tell(context, parsed, check_document(*document, context.now()));
}

}  // namespace systole::cli
