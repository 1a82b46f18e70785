// A fence agent that is a real program, through the real process helper: what the protocol's tests fake.
#include "cib/document.h"
#include "lrmd/test_world.h"
#include "stonith/fencer.h"

namespace systole::stonith {
namespace {

constexpr const char* kAgent = R"(
while read -r line; do case $line in action=*) action=${line#*=};; port=*) port=${line#*=};; state=*) D=${line#*=};; esac; done
case $action in
metadata) echo '<resource-agent name="fence_file"><parameters><parameter name="port"/></parameters><actions>
  <action name="on"/><action name="off"/><action name="reboot"/><action name="status"/><action name="monitor"/></actions></resource-agent>';;
on) : > "$D/$port.on";;
off) rm -f "$D/$port.on";;
status) [ -e "$D/$port.on" ] || exit 2;;
monitor) [ -d "$D" ] || { echo "no such folder: $D" >&2; exit 1; };;
*) exit 1;;
esac
)";

class RealAgent : public testing::Test {
 protected:
  RealAgent() {
    world.script("sbin/fence_file", kAgent);
    Paths paths;
    paths.fence_agents = world.dir + "/sbin";
    Ports ports = world.ports();
    ports.random = random.get();
    Fencer::Effects effects;
    effects.multicast = [this](Bytes message) -> Result<void> {
      world.runtime.timers().post(
          [this, message = std::move(message)] { fencer->on_message(NodeId{1}, message); });
      return {};
    };
    fencer = std::make_unique<Fencer>(ports, Logger(), paths, self, "n1", std::move(effects));
  }
  void configure(const std::string& folder) {
    const auto xml = fmt::format(
        R"(<cib><configuration><nodes/><resources><primitive id="file" class="stonith" type="fence_file"><instance_attributes id="a">
        <nvpair id="s" name="state" value="{}"/></instance_attributes></primitive></resources><constraints/></configuration><status/></cib>)",
        folder);
    fencer->configure(cib::Document::parse(xml).value());
    fencer->on_view({{1, NodeId{1}}, {self}}, {"n1"});
  }

  lrmd::TestWorld world;
  std::unique_ptr<Random> random = system_random();
  NodeLife self{NodeId{1}, Incarnation{1}};
  std::unique_ptr<Fencer> fencer;
};

TEST_F(RealAgent, CutsPowerReadsItBackAndGivesItAgain) {
  configure(world.dir);
  world.write("n2.on", "");
  std::optional<Outcome> outcome;
  fencer->fence({"n2", {NodeId{2}, Incarnation{1}}, "off", Seconds(20), Milliseconds(0), "test"},
                [&](const Outcome& o) { outcome = o; });
  ASSERT_TRUE(world.wait_until([&] { return outcome.has_value(); }));
  EXPECT_TRUE(outcome->succeeded) << outcome->reason;
  EXPECT_FALSE(std::filesystem::exists(world.dir + "/n2.on"));
  outcome.reset();
  fencer->fence({"n2", {NodeId{2}, Incarnation{1}}, "reboot", Seconds(20), Milliseconds(0), "test"},
                [&](const Outcome& o) { outcome = o; });
  ASSERT_TRUE(world.wait_until([&] { return outcome && std::filesystem::exists(world.dir + "/n2.on"); }));
  EXPECT_TRUE(outcome->succeeded);
}

TEST_F(RealAgent, ADeviceThatDoesNotWorkSaysWhyWhenItIsStarted) {
  configure(world.dir + "/absent");
  std::optional<int> rc;
  std::string why;
  fencer->device_operation("file", "start", Seconds(20), [&](int r, std::string w) {
    rc = r;
    why = std::move(w);
  });
  ASSERT_TRUE(world.wait_until([&] { return rc.has_value(); }));
  EXPECT_EQ(*rc, 1);
  EXPECT_NE(why.find("no such folder: " + world.dir + "/absent"), std::string::npos) << why;
}

}  // namespace
}  // namespace systole::stonith
