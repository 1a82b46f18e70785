// History entries, fail counts and digests, as "Pacemaker Explained" and the tools that read them have them.
#include "controller/results.h"

#include <gtest/gtest.h>

#include "cib/document.h"
#include "controller/digest.h"

namespace systole::controller {
namespace {

constexpr int kDone = static_cast<int>(lrmd::OpStatus::kDone);

Recorded op(const std::string& task, int rc, std::int64_t interval_ms = 0, int expected = 0,
            int status = kDone) {
  Recorded r;
  r.resource = "WebIP";
  r.kind = {"ocf", "heartbeat", "IPaddr2"};
  r.task = task;
  r.interval_ms = interval_ms;
  r.node = "node1";
  r.transition_key = to_string(TransitionKey{3, 12, expected, "uuid"});
  r.digest = "d1";
  r.call_id = 8;
  r.rc = rc;
  r.status = status;
  r.changed = 1700000000;
  r.exec_ms = 23;
  return r;
}

std::vector<std::string> ids(const Recorded& r) {
  std::vector<std::string> out;
  for (const Entry& e : history_entries(r)) out.push_back(e.front().second);
  return out;
}

std::string value(const Entry& e, const std::string& name) {
  for (const auto& [key, text] : e) {
    if (key == name) return text;
  }
  return "(absent)";
}

TEST(TransitionKeys, AreReadBackAsWritten) {
  const TransitionKey key{3, 12, 7, "0f:2"};
  EXPECT_EQ(to_string(key), "3:12:7:0f:2");
  EXPECT_EQ(parse_transition_key("3:12:7:0f:2"), key);
  for (const char* bad : {"", "3", "3:12:7", "a:1:2:u", "3:12::u", "99999999999:1:1:u"}) {
    EXPECT_FALSE(parse_transition_key(bad)) << bad;
  }
}

TEST(History, AnOperationLeavesTheEntriesThatToolsLookFor) {
  using Ids = std::vector<std::string>;
  EXPECT_EQ(ids(op("start", 0)), Ids{"WebIP_last_0"});
  EXPECT_EQ(ids(op("monitor", 7, 0, 7)), Ids{"WebIP_last_0"});
  EXPECT_EQ(ids(op("monitor", 0, 10000)), Ids{"WebIP_monitor_10000"});
  EXPECT_EQ(ids(op("start", 1)), (Ids{"WebIP_last_failure_0", "WebIP_last_0"}));
  EXPECT_EQ(ids(op("monitor", 7, 10000)), Ids{"WebIP_last_failure_0"});
  EXPECT_EQ(ids(op("migrate_to", 0)), Ids{"WebIP_migrate_to_0"});
  EXPECT_EQ(ids(op("notify", 0)), Ids{});
}

TEST(History, APendingOperationIsEnteredAndARecurringOneIsNot) {
  Recorded pending = op("start", kRcPending, 0, 0, static_cast<int>(lrmd::OpStatus::kPending));
  pending.call_id = -1;
  const auto entries = history_entries(pending);
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(value(entries[0], "op-status"), "-1");
  EXPECT_EQ(value(entries[0], "transition-magic"), "-1:193;3:12:0:uuid");
  EXPECT_TRUE(history_entries(op("monitor", kRcPending, 10000, 0, -1)).empty());
}

TEST(History, AnEntryCarriesWhatHawkReads) {
  const Entry e = history_entries(op("monitor", 0, 10000)).at(0);
  EXPECT_EQ(value(e, "operation_key"), "WebIP_monitor_10000");
  EXPECT_EQ(value(e, "operation"), "monitor");
  EXPECT_EQ(value(e, "transition-key"), "3:12:0:uuid");
  EXPECT_EQ(value(e, "transition-magic"), "0:0;3:12:0:uuid");
  EXPECT_EQ(value(e, "call-id"), "8");
  EXPECT_EQ(value(e, "rc-code"), "0");
  EXPECT_EQ(value(e, "interval"), "10000");
  EXPECT_EQ(value(e, "last-rc-change"), "1700000000");
  EXPECT_EQ(value(e, "exec-time"), "23");
  EXPECT_EQ(value(e, "on_node"), "node1");
  EXPECT_EQ(value(e, "exit-reason"), "");  // Present, so that an older reason does not stay.
}

TEST(History, AReloadLeavesTheResourceStarted) {
  EXPECT_EQ(value(history_entries(op("reload-agent", 0)).at(0), "operation"), "start");
}

TEST(Failures, AreCountedForWhatChangesOrWatchesStateAndNotForProbes) {
  const auto suffix = [](const Recorded& r) {
    const auto f = counts_as(r, true, true);
    return f ? f->suffix + (f->fatal ? " fatal" : "") : std::string("none");
  };
  EXPECT_EQ(suffix(op("start", 1)), "WebIP#start_0 fatal");
  EXPECT_EQ(suffix(op("stop", 1)), "WebIP#stop_0 fatal");
  EXPECT_EQ(suffix(op("promote", 1)), "WebIP#promote_0");
  EXPECT_EQ(suffix(op("monitor", 7, 10000)), "WebIP#monitor_10000");
  EXPECT_EQ(suffix(op("monitor", 0, 0, 7)), "none");
  EXPECT_EQ(suffix(op("monitor", 1, 0, 7)), "none");
  EXPECT_EQ(suffix(op("start", 0)), "none");
  EXPECT_EQ(suffix(op("monitor", 190, 10000)), "none");  // Degraded is running.
  EXPECT_EQ(suffix(op("start", 1, 0, 0, static_cast<int>(lrmd::OpStatus::kCancelled))), "none");
  EXPECT_EQ(suffix(op("monitor", 1, 10000, 0, static_cast<int>(lrmd::OpStatus::kTimedOut))),
            "WebIP#monitor_10000");
  EXPECT_FALSE(counts_as(op("start", 1), false, true)->fatal);
}

TEST(Failures, CountUpAndStayInfinite) {
  EXPECT_EQ(count_up("", false), "1");
  EXPECT_EQ(count_up("4", false), "5");
  EXPECT_EQ(count_up("4", true), "INFINITY");
  EXPECT_EQ(count_up("INFINITY", false), "INFINITY");
  EXPECT_EQ(count_up("999999", false), "INFINITY");
}

TEST(LocalHistory, TellsTheNodesLrmWithTheNewestOfEachEntry) {
  LocalHistory history;
  history.record(op("start", 0));
  history.record(op("monitor", 0, 10000));
  Recorded stop = op("stop", 0);
  stop.call_id = 9;
  history.record(stop);
  pugi::xml_document lrm;
  ASSERT_TRUE(lrm.load_string(history.to_lrm("1").c_str()));
  const pugi::xml_node resource = lrm.child("lrm").child("lrm_resources").child("lrm_resource");
  EXPECT_STREQ(lrm.child("lrm").attribute("id").value(), "1");
  EXPECT_STREQ(resource.attribute("provider").value(), "heartbeat");
  EXPECT_EQ(std::distance(resource.begin(), resource.end()), 2);
  const auto last = resource.find_child_by_attribute("lrm_rsc_op", "id", "WebIP_last_0");
  EXPECT_STREQ(last.attribute("operation").value(), "stop");
  history.erase_operation("WebIP", "monitor", 10000);
  EXPECT_EQ(history.to_lrm("1").find("WebIP_monitor_10000"), std::string::npos);
  history.erase("WebIP");
  EXPECT_TRUE(history.empty());
}

TEST(LocalHistory, KnowsTheLatestTimeOfACall) {
  LocalHistory history;
  Recorded good = op("monitor", 0, 10000), bad = op("monitor", 7, 10000);
  good.call_id = bad.call_id = 17;
  good.changed = 2000;
  bad.changed = 1000;
  history.record(good);
  history.record(bad);
  EXPECT_EQ(history.last_change("WebIP", 17), 2000);
  EXPECT_EQ(history.last_change("WebIP", 18), 0);
  EXPECT_EQ(history.last_change("other", 17), 0);
}

TEST(Attributes, NamesBecomeIdsThatXmlAllows) {
  EXPECT_EQ(id_part("fail-count-f1#start_0"), "fail-count-f1.start_0");
  pugi::xml_document document;
  append_attribute(document, "1", "fail-count-f1#start_0", "2");
  append_attribute(document, "1", "fail-count-f1#start_0", "3");
  const auto set = document.child("transient_attributes").child("instance_attributes");
  EXPECT_STREQ(set.attribute("id").value(), "status-1");
  EXPECT_STREQ(set.child("nvpair").attribute("id").value(), "status-1-fail-count-f1.start_0");
  EXPECT_STREQ(set.child("nvpair").attribute("value").value(), "3");
  EXPECT_FALSE(set.child("nvpair").next_sibling());
}

// Values seen in real CIBs.
TEST(Digest, IsPacemakers) {
  EXPECT_EQ(operation_digest({}), "f2317cad3d54cec5d7d7aa7d0bf35cf8");
  EXPECT_EQ(operation_digest({{"CRM_meta_timeout", "20000"}, {"CRM_meta_name", "start"}}),
            "f2317cad3d54cec5d7d7aa7d0bf35cf8");
  EXPECT_NE(operation_digest({{"CRM_meta_timeout", "20000"}, {"CRM_meta_interval", "10000"}}),
            "f2317cad3d54cec5d7d7aa7d0bf35cf8");
}

}  // namespace
}  // namespace systole::controller
