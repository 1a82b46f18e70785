#include "lrmd/helper_codec.h"

#include <gtest/gtest.h>

#include "lrmd/wire.h"

namespace systole::lrmd {
namespace {

Bytes body_of(const Bytes& frame) { return {frame.begin() + 4, frame.end()}; }

StartRequest example_start() {
  StartRequest start;
  start.id = 42;
  start.asked = Milliseconds(1234);
  start.spec.argv = {"/bin/echo", "a b", ""};
  start.spec.environment = {{"A", "1"}, {"B", ""}};
  start.spec.input = std::string("in\0put", 6);
  start.spec.output_limit = 77;
  start.spec.working_directory = "/tmp";
  start.spec.urgent = true;
  return start;
}

TEST(HelperCodec, AStartRequestComesOutAsItWentIn) {
  const auto start = example_start();
  const auto back = decode_request(body_of(encode(start)));
  ASSERT_TRUE(back) << back.error().message;
  const auto& got = std::get<StartRequest>(*back);
  EXPECT_EQ(got.id, start.id);
  EXPECT_EQ(got.asked, start.asked);
  EXPECT_EQ(got.spec.argv, start.spec.argv);
  EXPECT_EQ(got.spec.environment, start.spec.environment);
  EXPECT_EQ(got.spec.input, start.spec.input);
  EXPECT_EQ(got.spec.output_limit, 77U);
  EXPECT_EQ(got.spec.working_directory, "/tmp");
  EXPECT_TRUE(got.spec.urgent);
}

TEST(HelperCodec, AReportComesOutAsItWentIn) {
  EndReport report{7, {}};
  report.result.end = ProcessResult::End::kSignalled;
  report.result.code = 11;
  report.result.output = "out";
  report.result.errors = "err";
  report.result.output_truncated = true;
  report.result.waited = Milliseconds(1);
  report.result.ran = Milliseconds(2);
  report.result.starved = Milliseconds(3);
  const auto back = decode_report(body_of(encode(report)));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->id, 7U);
  EXPECT_EQ(back->result.end, ProcessResult::End::kSignalled);
  EXPECT_EQ(back->result.code, 11);
  EXPECT_EQ(back->result.output, "out");
  EXPECT_EQ(back->result.errors, "err");
  EXPECT_TRUE(back->result.output_truncated);
  EXPECT_EQ(back->result.starved, Milliseconds(3));
}

TEST(HelperCodec, EveryTruncationIsRefused) {
  const Bytes body = body_of(encode(example_start()));
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_FALSE(decode_request(ByteView(body).first(size))) << size;
  }
  Bytes longer = body;
  longer.push_back(0);
  EXPECT_FALSE(decode_request(longer));
}

TEST(HelperCodec, CountsThatCannotBeTrueAreRefused) {
  const auto body = Writer().u8(1).u64(1).i64(0).u32(0xffffffff).take();
  EXPECT_FALSE(decode_request(body));
  EXPECT_FALSE(decode_request(body_of(encode(KillRequest{1, 65}))));
  EXPECT_FALSE(decode_request(body_of(encode(KillRequest{0, 9}))));
}

TEST(FrameReader, CutsAStreamHoweverItArrives) {
  Bytes stream;
  for (int i = 1; i <= 3; ++i) {
    const Bytes frame = encode(KillRequest{static_cast<Processes::Id>(i), 9});
    stream.insert(stream.end(), frame.begin(), frame.end());
  }
  FrameReader reader;
  std::vector<Processes::Id> ids;
  for (const std::uint8_t byte : stream) {
    reader.add(ByteView(&byte, 1));
    const auto frame = reader.next();
    ASSERT_TRUE(frame);
    if (*frame) ids.push_back(std::get<KillRequest>(decode_request(**frame).value()).id);
  }
  EXPECT_EQ(ids, (std::vector<Processes::Id>{1, 2, 3}));
}

TEST(FrameReader, RefusesAFrameBeyondTheLimit) {
  FrameReader reader;
  reader.add(Writer().u32(kMaxFrame + 1).take());
  EXPECT_FALSE(reader.next());
}

}  // namespace
}  // namespace systole::lrmd
