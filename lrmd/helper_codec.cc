#include "lrmd/helper_codec.h"

#include "lrmd/wire.h"

namespace systole::lrmd {
namespace {

enum : std::uint8_t { kStart = 1, kKill = 2, kEnd = 3 };
constexpr std::size_t kMaxItems = 65536;

Bytes framed(Bytes body) {
  Bytes frame = Writer().u32(static_cast<std::uint32_t>(body.size())).take();
  frame.insert(frame.end(), body.begin(), body.end());
  return frame;
}

Bytes start_body(const StartRequest& start) {
  Writer w;
  w.u8(kStart).u64(start.id).i64(start.asked.count());
  w.u32(static_cast<std::uint32_t>(start.spec.argv.size()));
  for (const auto& argument : start.spec.argv) w.text(argument);
  w.u32(static_cast<std::uint32_t>(start.spec.environment.size()));
  for (const auto& [name, value] : start.spec.environment) w.text(name).text(value);
  w.text(start.spec.input).u64(start.spec.output_limit).text(start.spec.working_directory);
  return w.u8(start.spec.urgent ? 1 : 0).take();
}

StartRequest read_start(Reader& r) {
  StartRequest start;
  start.id = r.u64();
  start.asked = Duration(r.i64());
  for (std::size_t n = r.count(kMaxItems); n > 0 && r.ok(); --n) start.spec.argv.push_back(r.text(kMaxFrame));
  for (std::size_t n = r.count(kMaxItems); n > 0 && r.ok(); --n) {
    std::string name = r.text(kMaxFrame);
    start.spec.environment.emplace_back(std::move(name), r.text(kMaxFrame));
  }
  start.spec.input = r.text(kMaxFrame);
  start.spec.output_limit = r.u64();
  start.spec.working_directory = r.text(4096);
  start.spec.urgent = r.u8() != 0;
  if (start.id == 0 || start.spec.argv.empty() || start.spec.output_limit > kMaxOutputLimit) r.refuse();
  return start;
}

}  // namespace

bool fits(const ProcessSpec& spec) {
  std::size_t size = 1024 + spec.input.size() + spec.working_directory.size();
  for (const auto& argument : spec.argv) size += argument.size() + 4;
  for (const auto& [name, value] : spec.environment) size += name.size() + value.size() + 8;
  return size <= kMaxFrame && spec.argv.size() <= kMaxItems && spec.environment.size() <= kMaxItems &&
         spec.working_directory.size() <= 4096;
}

Bytes encode(const HelperRequest& request) {
  if (const auto* start = std::get_if<StartRequest>(&request)) return framed(start_body(*start));
  const auto& kill = std::get<KillRequest>(request);
  return framed(Writer().u8(kKill).u64(kill.id).u32(static_cast<std::uint32_t>(kill.signal)).take());
}

Bytes encode(const EndReport& report) {
  const ProcessResult& result = report.result;
  Writer w;
  w.u8(kEnd).u64(report.id).u8(static_cast<std::uint8_t>(result.end)).i64(result.code);
  w.text(result.output).text(result.errors).u8(result.output_truncated ? 1 : 0);
  w.i64(result.waited.count()).i64(result.ran.count()).i64(result.starved.count());
  return framed(w.take());
}

Result<HelperRequest> decode_request(ByteView body) {
  Reader r(body);
  HelperRequest request;
  const std::uint8_t kind = r.u8();
  if (kind == kStart) {
    request = read_start(r);
  } else if (kind == kKill) {
    KillRequest kill{r.u64(), 0};
    const std::uint32_t signal = r.u32();
    if (kill.id == 0 || signal == 0 || signal > 64) r.refuse();
    kill.signal = static_cast<int>(signal);
    request = kill;
  } else {
    r.refuse();
  }
  if (!r.at_end()) return fail(Errc::kParse, "a request to the process helper is malformed");
  return request;
}

Result<EndReport> decode_report(ByteView body) {
  Reader r(body);
  if (r.u8() != kEnd) r.refuse();
  EndReport report;
  report.id = r.u64();
  const std::uint8_t end = r.u8();
  report.result.code = static_cast<int>(r.i64());
  report.result.output = r.text(kMaxOutputLimit);
  report.result.errors = r.text(kMaxOutputLimit + 4096);
  report.result.output_truncated = r.u8() != 0;
  report.result.waited = Duration(r.i64());
  report.result.ran = Duration(r.i64());
  report.result.starved = Duration(r.i64());
  if (end > static_cast<std::uint8_t>(ProcessResult::End::kKilledByUs)) r.refuse();
  report.result.end = static_cast<ProcessResult::End>(end);
  if (!r.at_end()) return fail(Errc::kParse, "a report of the process helper is malformed");
  return report;
}

Result<std::optional<Bytes>> FrameReader::next() {
  const std::size_t have = buffer_.size() - start_;
  if (have < 4) return std::optional<Bytes>{};
  const std::size_t size = Reader(ByteView(buffer_).subspan(start_, 4)).u32();
  if (size > kMaxFrame)
    return fail(Errc::kParse, "a frame of {} bytes exceeds the limit of {}", size, kMaxFrame);
  if (have < 4 + size) return std::optional<Bytes>{};
  const auto body = buffer_.begin() + static_cast<std::ptrdiff_t>(start_ + 4);
  Bytes frame(body, body + static_cast<std::ptrdiff_t>(size));
  start_ += 4 + size;
  if (start_ == buffer_.size() || start_ > 65536) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(start_));
    start_ = 0;
  }
  return std::optional<Bytes>(std::move(frame));
}

}  // namespace systole::lrmd
