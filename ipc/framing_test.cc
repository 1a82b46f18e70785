#include "ipc/framing.h"

#include <gtest/gtest.h>

#include "ipc/systole.pb.h"

namespace systole::ipc {
namespace {

std::string framed(std::uint64_t id) {
  Request request;
  request.set_id(id);
  request.set_client("test");
  return *frame(request);
}

TEST(Framing, AFrameIsItsLengthBigEndianThenTheMessage) {
  const std::string f = framed(7);
  ASSERT_GT(f.size(), 4U);
  EXPECT_EQ(f.substr(0, 4), std::string("\0\0\0", 3) + static_cast<char>(f.size() - 4));
}

TEST(Framing, FramesComeOutWholeHoweverTheStreamIsCut) {
  const std::string stream = framed(1) + framed(2) + framed(3);
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    FrameReader reader;
    std::vector<std::uint64_t> ids;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      reader.feed(std::string_view(stream).substr(at, step));
      for (;;) {
        const auto content = reader.next();
        ASSERT_TRUE(content);
        if (!*content) break;
        Request request;
        ASSERT_TRUE(request.ParseFromString(**content));
        ids.push_back(request.id());
      }
    }
    EXPECT_EQ(ids, (std::vector<std::uint64_t>{1, 2, 3})) << "cut every " << step;
    EXPECT_EQ(reader.buffered(), 0U);
  }
}

TEST(Framing, ALengthAboveTheBoundIsRefusedBeforeItsBytesCome) {
  FrameReader large;
  large.feed(std::string_view("\x04\x00\x00\x01", 4));
  const auto refused = large.next();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kParse);
}

TEST(Framing, AnEmptyFrameIsAFrame) {
  FrameReader reader;
  reader.feed(std::string_view("\0\0\0\0", 4));
  const auto content = reader.next();
  ASSERT_TRUE(content);
  ASSERT_TRUE(*content);
  EXPECT_TRUE((*content)->empty());
}

}  // namespace
}  // namespace systole::ipc
