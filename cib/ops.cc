#include "cib/ops.h"

#include <cstring>

#include "cib/ops_detail.h"
#include "cib/path.h"
#include "cib/schema.h"
#include "cib/sections.h"

namespace systole::cib {
namespace {

constexpr std::uint64_t kMaxTracked = kMaxDocument / 4 * 3;  // Headroom: the length is counted roughly.
constexpr std::size_t kMaxReasons = 10;

int depth_above(pugi::xml_node node) {
  int depth = 0;
  while ((node = node.parent())) ++depth;
  return depth;  // Elements above, and the document itself for one.
}

int height(pugi::xml_node node) {
  int most = 0;
  for (const pugi::xml_node child : node.children()) most = std::max(most, height(child));
  return most + (node.type() == pugi::node_element ? 1 : 0);
}

// "Fri Nov 20 13:12:01 2026", as ctime(3) has it, in UTC: nodes in several time zones must write the same.
std::string written_at(WallTime when) {
  using namespace std::chrono;
  const auto day = floor<days>(when);
  const year_month_day date(day);
  const hh_mm_ss time(floor<seconds>(when - day));
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{} {} {:2} {:02}:{:02}:{:02} {}", kDays[weekday(day).c_encoding()],
                     kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     static_cast<int>(date.year()));
}

std::string element_xml(pugi::xml_node element, bool no_children) {
  if (!no_children) return to_xml(element, true);
  pugi::xml_document copy;
  pugi::xml_node alone = copy.append_child(element.name());
  for (const pugi::xml_attribute a : element.attributes()) alone.append_copy(a);
  return to_xml(alone, true);
}

Result<std::string> query_path(const Document& document, const Op& op) {
  auto found = find_path(document.root().parent(), op.xpath, static_cast<std::size_t>(-1));
  if (!found) return fail(std::move(found.error()));
  if (found->empty()) return fail(Errc::kNotFound, "nothing in the CIB matches the XPath {}", op.xpath);
  std::string out;
  if (op.node_path) {
    for (const pugi::xml_node node : *found) out += path_of(node) + "\n";
    return out;
  }
  if (found->size() == 1) return element_xml((*found)[0], op.no_children);
  out = "<xpath-query>\n";
  for (const pugi::xml_node node : *found) {
    const std::string xml = element_xml(node, op.no_children);
    for (std::size_t at = 0; at < xml.size();) {
      const std::size_t end = std::min(xml.find('\n', at), xml.size() - 1) + 1;
      out.append("  ").append(xml, at, end - at);
      at = end;
    }
  }
  return out + "</xpath-query>\n";
}

Result<std::string> query(const Document& document, const Op& op) {
  if (!op.xpath.empty()) return query_path(document, op);
  if (!is_whole(op.section) && !is_section(op.section))
    return fail(Errc::kInvalidArgument, "there is no section '{}' in a CIB", op.section);
  const pugi::xml_node section = document.section(op.section);
  if (!section)
    return fail(Errc::kNotFound, "the section {} is not in the CIB: nothing is configured there", op.section);
  return element_xml(section, op.no_children);
}

Result<std::optional<Version>> perform(Edit& edit, const Op& op) {
  const auto plain = [](Result<void> r) -> Result<std::optional<Version>> {
    if (!r) return fail(std::move(r.error()));
    return std::optional<Version>();
  };
  switch (op.kind) {
    case Op::Kind::kCreate:
      return plain(create_object(edit, op));
    case Op::Kind::kModify:
      return plain(modify_object(edit, op));
    case Op::Kind::kReplace:
      return plain(replace_object(edit, op));
    case Op::Kind::kDelete:
      return plain(delete_object(edit, op));
    case Op::Kind::kDeleteAll:
      return plain(delete_all(edit, op));
    case Op::Kind::kPatch:
      return apply_patch(edit, op.xml, op.force);
    case Op::Kind::kUpgrade:
      if (schema_rank(edit.root().attribute("validate-with").value()) < schema_rank(kNewestSchema))
        edit.set(edit.root(), "validate-with", kNewestSchema);
      break;
    case Op::Kind::kErase:
      erase(edit, op.keep_status);
      break;
    case Op::Kind::kQuery:
    case Op::Kind::kBump:
      break;
  }
  return std::optional<Version>();
}

Result<void> refuse_unbounded(const Edit& edit) {
  for (const pugi::xml_node node : edit.inserted())
    if (depth_above(node) - 1 + height(node) > kMaxDepth)
      return fail(Errc::kInvalidArgument, "{} would be nested deeper than {} elements", path_of(node),
                  kMaxDepth);
  if (edit.bytes() > kMaxTracked)
    return fail(Errc::kInvalidArgument, "the CIB would grow above {} MiB: remove something first",
                kMaxTracked >> 20);
  return {};
}

Result<void> refuse_invalid(const Edit& edit) {
  std::string reasons;
  std::size_t count = 0;
  for (const Finding& finding : validate(edit)) {
    if (!finding.error) continue;
    if (++count <= kMaxReasons) reasons += (count > 1 ? "; " : "") + finding.message;
  }
  if (count > kMaxReasons) reasons += fmt::format("; and {} more", count - kMaxReasons);
  if (count > 0) return fail(Errc::kInvalidConfig, "the change would make the CIB invalid: {}", reasons);
  return {};
}

// The triple that follows, by what changed and what was asked for.
Result<Version> next_version(const Edit& edit, const Op& op, const Version& now,
                             std::optional<Version> target) {
  if (!target && edit.requested_version() != now) target = edit.requested_version();
  if (target && *target > now) return *target;
  // A patch whose versions fitted leads where it says; other requests to go back need force, and still go on.
  if (target && *target < now && !op.force)
    return fail(Errc::kOld, "the version would go back from {} to {}", to_string(now), to_string(*target));
  if (edit.configuration() || op.kind == Op::Kind::kBump || op.kind == Op::Kind::kErase)
    return Version{now.admin_epoch, now.epoch + 1, 0};
  if (edit.status()) return Version{now.admin_epoch, now.epoch, now.num_updates + 1};
  return now;
}

Result<Applied> apply_checked(Document& document, const Op& op) {
  const Version now = document.version();
  Edit edit(document);
  auto target = perform(edit, op);
  if (!target) return fail(std::move(target.error()));
  auto next = next_version(edit, op, now, *target);
  if (!next) return fail(std::move(next.error()));
  if (*next == now) return Applied{};
  if (auto ok = refuse_unbounded(edit); !ok) return fail(std::move(ok.error()));
  if (auto ok = refuse_invalid(edit); !ok) return fail(std::move(ok.error()));

  Applied applied;
  applied.changed_status = edit.status();
  // A new epoch is a configuration version even when nothing else changed.
  applied.changed_configuration =
      edit.configuration() || next->epoch != now.epoch || next->admin_epoch != now.admin_epoch;
  if (applied.changed_configuration) {
    if (op.when != WallTime{}) edit.set(edit.root(), "cib-last-written", written_at(op.when));
    if (!op.quorum_view.empty())
      edit.set(edit.root(), "update-quorum", fmt::format("{}.{}", op.quorum_view, next->epoch));
    if (!op.origin.empty()) edit.set(edit.root(), "update-origin", op.origin);
    if (!op.client.empty()) edit.set(edit.root(), "update-client", op.client);
    if (!op.user.empty()) edit.set(edit.root(), "update-user", op.user);
  }
  applied.patch = edit.patch(&now, &*next);
  edit.commit(*next);
  return applied;
}

}  // namespace

Result<Applied> apply(Document& document, const Op& op) {
  if (op.kind == Op::Kind::kQuery) {
    auto answer = query(document, op);
    if (!answer) return fail(std::move(answer.error()));
    Applied applied;
    applied.answer = std::move(*answer);
    return applied;
  }
  return apply_checked(document, op);
}

Result<void> replay(Document& document, std::string_view patch) {
  auto tree = parse_xml(patch);
  if (!tree) return fail(std::move(tree.error()));
  const Version source = version_of(tree->document_element().child("version").child("source"));
  const Version now = document.version();
  if (source.admin_epoch == now.admin_epoch && source.epoch == now.epoch) document.set_version(source);
  Edit edit(document);
  auto target = apply_patch(edit, patch, false);
  if (!target) return fail(std::move(target.error()));
  if (!*target) return fail(Errc::kParse, "the patch names no versions");
  edit.commit(**target);
  return {};
}

}  // namespace systole::cib
