#include "lrmd/metadata.h"

#include <csignal>
#include <cstring>
#include <pugixml.hpp>

#include "lrmd/invocation.h"
#include "lrmd/legacy_metadata.h"

namespace systole::lrmd {

Result<std::string> checked_metadata(const std::string& agent, std::string_view output) {
  const auto start = output.find('<');
  const auto end = output.rfind('>');
  if (start == output.npos || end == output.npos || end < start) {
    return fail(Errc::kParse, "{} answers meta-data without any XML", agent);
  }
  const std::string_view xml = output.substr(start, end - start + 1);
  pugi::xml_document document;
  const auto parsed = document.load_buffer(xml.data(), xml.size());
  if (!parsed) {
    return fail(Errc::kParse, "{} answers meta-data with XML that does not parse: {} at byte {}", agent,
                parsed.description(), parsed.offset);
  }
  if (std::strcmp(document.document_element().name(), "resource-agent") != 0) {
    return fail(Errc::kParse, "{} answers meta-data with <{}> instead of <resource-agent>", agent,
                document.document_element().name());
  }
  return std::string(xml) + "\n";
}

MetadataCache::MetadataCache(Ports ports, Paths paths, std::string node_name)
    : ports_(ports), paths_(std::move(paths)), node_name_(std::move(node_name)) {}

MetadataCache::~MetadataCache() {
  *alive_ = false;
  for (auto& [program, entry] : entries_) {
    ports_.timers->cancel(entry.timer);
    if (entry.process != 0) ports_.processes->kill(entry.process, SIGKILL);
  }
}

void MetadataCache::answer_later(Done done, Result<std::string> answer) {
  ports_.timers->post([alive = alive_, done = std::move(done), answer = std::move(answer)] {
    if (*alive) done(answer);
  });
}

void MetadataCache::get(const AgentId& agent, Done done) {
  const auto program = find_agent(agent, paths_, *ports_.files);
  if (!program) return answer_later(std::move(done), fail(program.error()));
  if (agent.agent_class != "ocf") return answer_later(std::move(done), read_legacy(agent, *program));
  ask(to_string(agent), *program, metadata_invocation(agent, *program, paths_, node_name_), std::move(done));
}

void MetadataCache::ask(const std::string& name, const std::string& program, ProcessSpec spec, Done done) {
  const auto status = ports_.files->status(program);
  if (!status) return answer_later(std::move(done), fail(status.error()));
  if (entries_.size() >= kMostEntries && entries_.count(program) == 0) {
    std::erase_if(entries_, [](const auto& item) { return item.second.waiting.empty(); });
  }
  Entry& entry = entries_[program];
  const bool fresh = entry.changed == status->changed && entry.size == status->size;
  if (entry.waiting.empty() && fresh && !entry.xml.empty()) return answer_later(std::move(done), entry.xml);
  entry.waiting.push_back(std::move(done));
  if (entry.waiting.size() > 1) return;
  entry.changed = status->changed;
  entry.size = status->size;
  entry.xml.clear();
  start(name, program, std::move(spec), entry);
}

Result<std::string> MetadataCache::read_legacy(const AgentId& agent, const std::string& program) {
  if (agent.agent_class == "heartbeat") return heartbeat_metadata(agent.type);
  const auto script = ports_.files->read(program);
  if (!script) return fail(script.error());
  return lsb_metadata(agent.type, as_text(*script).substr(0, 65536));
}

void MetadataCache::start(const std::string& name, const std::string& program, ProcessSpec spec,
                          Entry& entry) {
  entry.timed_out = false;
  entry.process = ports_.processes->start(std::move(spec),
                                          [this, alive = alive_, name, program](const ProcessResult& result) {
                                            if (*alive) answered(name, program, result);
                                          });
  entry.timer = ports_.timers->after(kLimit, [this, program] {
    Entry& late = entries_[program];
    late.timed_out = true;
    ports_.processes->kill(late.process, SIGKILL);
  });
}

void MetadataCache::answered(const std::string& name, const std::string& program,
                             const ProcessResult& result) {
  Entry& entry = entries_[program];
  ports_.timers->cancel(entry.timer);
  entry.process = 0;
  Result<std::string> answer;
  if (entry.timed_out) {
    answer = fail(Errc::kTimeout, "{} did not answer meta-data within {} s", name, kLimit / Seconds(1));
  } else if (result.end != ProcessResult::End::kExited) {
    answer =
        fail(Errc::kIo, "{} could not be asked for meta-data: {}", program,
             result.end == ProcessResult::End::kFailedToStart ? std::strerror(result.code) : "it was killed");
  } else if (result.code != 0 && result.output.empty()) {
    answer = fail(Errc::kParse, "{} meta-data fails with code {}: {}", name, result.code,
                  printable(result.errors, 512));
  } else {
    answer = checked_metadata(name, result.output);
  }
  if (answer) entry.xml = *answer;
  const auto waiting = std::exchange(entry.waiting, {});
  for (const auto& done : waiting) {
    if (*alive_) done(answer);
  }
}

}  // namespace systole::lrmd
