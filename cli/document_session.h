// DocumentSession: a Session on one document that is loaded from and saved to some place: a file, a shadow,
// or memory. Attributes and clean-ups are done on the document's status section.
#pragma once

#include <functional>
#include <optional>

#include "cli/session.h"

namespace systole::cli {

class DocumentSession : public Session {
 public:
  struct Storage {
    std::function<Result<std::string>()> load;  // Called once.
    std::function<Result<void>(const cib::Document&)> save;
  };
  DocumentSession(Place place, std::string name, Storage storage, Paths paths, std::string client,
                  std::string user);

  Place place() const override { return place_; }
  std::string name() const override { return name_; }
  Result<std::string> cib(cib::Op op, bool dry_run) override;
  Result<cib::Document> document() override;
  Result<ClusterInfo> info(bool ring) override;
  Result<std::string> local_node() override;
  Result<void> wait_idle(Duration timeout) override;
  Result<void> shutdown(const std::string& node) override;
  Result<void> recheck() override;
  Result<void> reprobe(const std::string& node) override;
  Result<void> set_expected_votes(unsigned votes) override;
  Result<void> reload_ring() override;
  Result<void> rotate_key() override;
  Result<std::vector<JournalVersion>> history(unsigned most) override;
  Result<std::vector<AttributeValue>> attributes(const std::string& name, const std::string& node) override;
  Result<void> set_attribute(const std::string& node, const std::string& name, const std::string& value,
                             Milliseconds dampen) override;
  Result<void> delete_attribute(const std::string& node, const std::string& name) override;
  Result<void> cleanup(const Cleanup& what) override;
  Result<std::vector<FenceEvent>> fence(const std::string& target, const std::string& action,
                                        Milliseconds timeout) override;
  Result<void> confirm_off(const std::string& target) override;
  Result<std::vector<FenceEvent>> fence_history() override;
  Result<std::vector<std::string>> fence_devices() override;
  Result<std::vector<std::string>> agent_classes() override;
  Result<std::vector<std::string>> agent_providers(const std::string& agent_class) override;
  Result<std::vector<std::string>> agent_types(const std::string& agent_class,
                                               const std::string& provider) override;
  Result<std::string> agent_metadata(const std::string& agent_class, const std::string& provider,
                                     const std::string& type) override;
  Result<bool> wait_change(Duration wait) override;

 private:
  Result<cib::Document*> loaded();
  Result<void> erase(const std::string& xpath);
  tl::unexpected<Error> needs_cluster(const char* what) const;
  Result<std::string> node_id(const std::string& node);

  Place place_;
  std::string name_;
  Storage storage_;
  Paths paths_;
  std::string client_, user_;
  std::optional<cib::Document> document_;
};

// Of the status section: all transient attributes named `name` (empty: all) of `node` ("*": all).
std::vector<AttributeValue> transient_attributes(const cib::Document& document, std::string_view name,
                                                 std::string_view node);
// `text` as an XPath string literal, whatever quotes it holds.
std::string xpath_literal(std::string_view text);
// `text` with what an XML id may not hold replaced by '.', as Pacemaker does.
std::string xml_id(std::string_view text);
// "++" and "+=N" counted on `current`; anything else as it is. Saturates at INFINITY (1,000,000).
std::string counted_value(std::string_view current, std::string_view value);

}  // namespace systole::cli
