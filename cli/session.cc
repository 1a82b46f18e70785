#include "cli/session.h"

#include <cstdlib>

#include "cli/document_session.h"
#include "cli/host.h"
#include "cli/live_session.h"

namespace systole::cli {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

DocumentSession::Storage file_storage(const std::string& path) {
  return {[path] { return read_file(path); },
          [path](const cib::Document& document) { return write_file(path, document.serialize(true)); }};
}

}  // namespace

const ClusterInfo::Node* ClusterInfo::find(std::string_view wanted) const {
  const auto at = std::find_if(nodes.begin(), nodes.end(), [&](const Node& n) { return n.name == wanted; });
  return at == nodes.end() ? nullptr : &*at;
}
const ClusterInfo::Node* ClusterInfo::find(std::uint32_t wanted) const {
  const auto at = std::find_if(nodes.begin(), nodes.end(), [&](const Node& n) { return n.id == wanted; });
  return at == nodes.end() ? nullptr : &*at;
}

SessionChoice choice_from_environment() {
  return {variable("CIB_file"), variable("CIB_shadow"), variable("CIB_shadow_dir"), variable("CIB_user")};
}

Result<std::string> shadow_path(const SessionChoice& choice, const Paths& paths, const std::string& name) {
  if (name.empty() || name[0] == '.' || name.find('/') != std::string::npos) {
    return fail(Errc::kInvalidArgument, "\"{}\" is not a shadow's name: use letters, digits, '-' and '_'",
                name);
  }
  return (choice.shadow_dir.empty() ? paths.cib : choice.shadow_dir) + "/shadow." + name;
}

Result<std::unique_ptr<Session>> open_session(const SessionChoice& choice, const Paths& paths,
                                              const std::string& client) {
  const std::string user = choice.user.empty() ? user_name() : choice.user;
  if (!choice.file.empty()) {
    return std::make_unique<DocumentSession>(Session::Place::kFile, choice.file, file_storage(choice.file),
                                             paths, client, user);
  }
  if (!choice.shadow.empty()) {
    const auto path = shadow_path(choice, paths, choice.shadow);
    if (!path) return fail(path.error());
    return std::make_unique<DocumentSession>(Session::Place::kShadow, choice.shadow, file_storage(*path),
                                             paths, client, user);
  }
  return live_session(paths, client);
}

std::unique_ptr<Session> memory_session(cib::Document& document, const Paths& paths,
                                        const std::string& client) {
  DocumentSession::Storage storage{[&document]() -> Result<std::string> { return document.serialize(); },
                                   [&document](const cib::Document& changed) -> Result<void> {
                                     document = changed.clone();
                                     return {};
                                   }};
  return std::make_unique<DocumentSession>(Session::Place::kFile, "memory", std::move(storage), paths, client,
                                           "root");
}

}  // namespace systole::cli
