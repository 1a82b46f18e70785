// crm_diff: the patch between two CIBs, and its application.
#include "cib/ops.h"
#include "cli/host.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/tools.h"

namespace systole::cli {
namespace {

Manual manual() {
  using T = Option::Takes;
  return {"compare two configurations, or apply a patch to one",
          "--original FILE (--new FILE | --patch FILE) [options]",
          {{"Documents",
            {{"original", 'o', T::kValue, "FILE", "The old one (\"-\": standard input)"},
             {"original-string", 'O', T::kValue, "XML", "The old one, as an argument"},
             {"new", 'n', T::kValue, "FILE", "The new one (\"-\": standard input)"},
             {"new-string", 'N', T::kValue, "XML", "The new one, as an argument"},
             {"patch", 'p', T::kValue, "FILE", "A patch to apply to the old one"},
             {"stdin", 's', T::kNothing, "", "Read the new one (or the patch) from standard input"}}},
           {"How",
            {{"cib", 'c', T::kNothing, "", "Compare as CIBs: the patch names the versions"},
             {"no-version", 'u', T::kNothing, "", "The patch fits any version"},
             {"filter", 'f', T::kNothing, "", "Accepted"}}},
           output_options()},
          "  crm_diff --original a.xml --new b.xml\n"
          "  cibadmin -Q | crm_diff --no-version -o old.xml -n -\n"};
}

Result<std::string> given(Context& context, const Parsed& parsed, const char* file, const char* text) {
  if (parsed.has(text)) return parsed.value(text);
  const std::string path = parsed.value(file);
  if (path == "-") return context.console->input();
  return read_file(path);
}

Result<cib::Document> document(const Result<std::string>& xml, const char* which) {
  if (!xml) return fail(xml.error());
  auto parsed = cib::Document::parse(*xml);
  if (!parsed) return fail(parsed.error().code, "the {} document: {}", which, parsed.error().message);
  return parsed;
}

int apply_patch(Context& context, cib::Document& original, const Result<std::string>& patch) {
  if (!patch) return report(context, patch.error());
  const cib::Version before = original.version();
  cib::Op op;
  op.kind = cib::Op::Kind::kPatch;
  op.xml = *patch;
  op.force = true;
  op.when = context.now();
  if (const auto applied = cib::apply(original, op); !applied) return report(context, applied.error());
  if (patch->find("<version") == std::string::npos) original.set_version(before);
  context.console->out(original.serialize(true));
  return 0;
}

}  // namespace

int run_crm_diff(Context& context) {
  Parsed parsed;
  if (const auto done = begin(context, manual(), parsed)) return *done;
  if (parsed.has("stdin")) parsed.given.emplace_back(parsed.has("patch") ? "patch" : "new", "-");
  const bool both = (parsed.has("original") || parsed.has("original-string")) &&
                    (parsed.has("new") || parsed.has("new-string") || parsed.has("patch"));
  if (!both) {
    context.console->err("crm_diff: needs --original and one of --new and --patch; see crm_diff --help\n");
    return 64;
  }
  auto original = document(given(context, parsed, "original", "original-string"), "original");
  if (!original) return report(context, original.error());
  if (parsed.has("patch")) return apply_patch(context, *original, given(context, parsed, "patch", ""));
  const auto changed = document(given(context, parsed, "new", "new-string"), "new");
  if (!changed) return report(context, changed.error());
  const std::string patch = cib::diff(*original, *changed, !parsed.has("no-version"));
  if (patch.empty()) return 0;
  context.console->out(patch);
  if (patch.back() != '\n') context.console->out("\n");
  return 1;
}

}  // namespace systole::cli
