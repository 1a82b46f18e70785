// A fuzz target as a unit test, without libFuzzer: the seeds of tests/corpus/TARGET as they are, then seeded
// mutations of them. Runs in every preset, so also under the sanitizers. `./dev fuzz TARGET` looks further.
//
//   TARGET_smoke CORPUS [--gtest_...]
//
// The input under way is in TARGET_smoke.input beside the program: after a crash that is what caused it,
// to be replayed with  ./dev fuzz TARGET --input FILE  and kept in the corpus once it is mended.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {
namespace fs = std::filesystem;

using Input = std::vector<std::uint8_t>;
using Engine = std::mt19937_64;

constexpr int kMutations = 3000;
constexpr auto kEnough =
    std::chrono::seconds(5);  // The order of mutations is fixed, only their number is not.
constexpr std::size_t kLargest = 64 << 10;

std::string corpus_folder, last_input;

std::vector<Input> seeds() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(corpus_folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Input> inputs;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return inputs;
}

void run(const Input& input) {
  static constexpr std::uint8_t kNothing = 0;  // Not null, as libFuzzer has it.
  const std::uint8_t* data = input.empty() ? &kNothing : input.data();
  if (std::FILE* file = std::fopen(last_input.c_str(), "wb")) {
    std::fwrite(data, 1, input.size(), file);
    std::fclose(file);
  }
  LLVMFuzzerTestOneInput(data, input.size());
}

std::size_t below(Engine& engine, std::size_t end) {  // The same on every machine, unlike the library's.
  return end == 0 ? 0 : static_cast<std::size_t>(engine() % end);
}

// One change of the kinds that find most: bits, numbers at their borders, pieces lost, repeated or from
// elsewhere.
void mutate(Input& input, const Input& other, Engine& engine) {
  static constexpr std::uint8_t kBorders[] = {0, 1, 0x7f, 0x80, 0xff, '<', '"', '\n', '{', '0'};
  const std::size_t at = below(engine, input.size() + 1);
  const std::size_t length = std::min(input.size() - at, std::size_t{1} << below(engine, 8));
  const auto begin = input.begin() + static_cast<std::ptrdiff_t>(at);
  const auto end = begin + static_cast<std::ptrdiff_t>(length);
  switch (below(engine, 6)) {
    case 0:
      if (at < input.size()) input[at] = static_cast<std::uint8_t>(input[at] ^ 1U << below(engine, 8));
      break;
    case 1:
      for (auto i = begin; i != end && i - begin < 4; ++i) *i = kBorders[below(engine, std::size(kBorders))];
      break;
    case 2:
      input.erase(begin, end);
      break;
    case 3: {
      const Input piece(begin, end);
      input.insert(begin, piece.begin(), piece.end());
      break;
    }
    case 4:
      input.resize(at);
      break;
    default: {
      const std::size_t from = below(engine, other.size() + 1);
      const std::size_t n = std::min(other.size() - from, std::size_t{1} << below(engine, 10));
      const auto piece = other.begin() + static_cast<std::ptrdiff_t>(from);
      input.insert(begin, piece, piece + static_cast<std::ptrdiff_t>(n));
    }
  }
}

TEST(Fuzz, SeedsAreTakenAsTheyAre) {
  const auto inputs = seeds();
  ASSERT_FALSE(inputs.empty()) << "no seeds in " << corpus_folder;
  run({});
  for (const auto& input : inputs) run(input);
}

TEST(Fuzz, MutatedSeedsDoNoHarm) {
  const auto inputs = seeds();
  ASSERT_FALSE(inputs.empty()) << "no seeds in " << corpus_folder;
  Engine engine(1);
  const auto began = std::chrono::steady_clock::now();
  int done = 0;
  for (; done < kMutations && std::chrono::steady_clock::now() - began < kEnough; ++done) {
    Input input = inputs[below(engine, inputs.size())];
    for (std::size_t changes = 1 + below(engine, 4); changes > 0; --changes)
      mutate(input, inputs[below(engine, inputs.size())], engine);
    if (input.size() > kLargest) input.resize(kLargest);
    run(input);
  }
  RecordProperty("mutations", done);
  EXPECT_GT(done, 10) << "so slow that hardly anything was tried";
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
    return 64;
  }
  corpus_folder = argv[1];
  last_input = std::string(argv[0]) + ".input";
  const int status = RUN_ALL_TESTS();
  std::remove(last_input.c_str());
  return status;
}
