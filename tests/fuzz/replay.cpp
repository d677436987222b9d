// Every fuzz target on its corpus and on changed copies of it, always the same ones: in the default run, and there
// under the sanitizers too. Finding new inputs is libFuzzer's work (tests/fuzz/CMakeLists.txt).
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>

#include "tests/fuzz/target.hpp"

namespace weft::fuzz {

std::vector<Target>& targets() {
    static std::vector<Target> all;
    return all;
}

namespace {

using Input = std::vector<std::uint8_t>;

constexpr int kRuns = 3000;                          // of changed inputs
constexpr auto kMostTime = std::chrono::seconds(2);  // a slow machine makes fewer
constexpr std::size_t kMostBytes = 4096;

std::vector<Input> corpus_of(std::string_view name) {
    std::vector<std::filesystem::path> files;
    for (const auto& file : std::filesystem::directory_iterator(std::filesystem::path(WEFT_FUZZ_CORPUS) / name))
        files.push_back(file.path());
    std::ranges::sort(files);
    std::vector<Input> out;
    for (const auto& file : files) {
        std::ifstream in(file, std::ios::binary);
        out.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
    return out;
}

// One to six edits: a bit, a byte that means something to parsers, a piece gone, a piece twice, a piece of another
// input.
class Mutator {
  public:
    explicit Mutator(std::vector<Input> corpus) : corpus_(std::move(corpus)) {}

    Input next() {
        Input out = corpus_[below(corpus_.size())];
        for (auto edits = 1 + below(6); edits > 0; --edits) edit(out);
        if (out.size() > kMostBytes) out.resize(kMostBytes);
        return out;
    }

  private:
    std::size_t below(std::size_t limit) { return random_() % limit; }

    Input piece_of(const Input& from) {
        if (from.empty()) return {};
        const auto begin = below(from.size());
        const auto length = 1 + below(std::min<std::size_t>(from.size() - begin, 32));
        return {from.begin() + static_cast<std::ptrdiff_t>(begin),
                from.begin() + static_cast<std::ptrdiff_t>(begin + length)};
    }

    void edit(Input& input) {
        static constexpr std::string_view kSigns = "{}[]\":,/-.!=()&;\n\\ \0\x7f\xff%09aZ";
        const auto at = below(input.size() + 1);
        const auto place = input.begin() + static_cast<std::ptrdiff_t>(at);
        Input piece;
        switch (below(5)) {
            case 0:
                if (at < input.size()) input[at] ^= static_cast<std::uint8_t>(1U << below(8));
                return;
            case 1:
                if (at < input.size()) input[at] = static_cast<std::uint8_t>(kSigns[below(kSigns.size())]);
                return;
            case 2:
                input.erase(place, place + static_cast<std::ptrdiff_t>(std::min(below(16), input.size() - at)));
                return;
            case 3:
                piece = piece_of(input);
                break;
            default:
                piece = piece_of(corpus_[below(corpus_.size())]);
        }
        input.insert(place, piece.begin(), piece.end());
    }

    std::vector<Input> corpus_;
    std::mt19937_64 random_{1};  // the same on every machine
};

// The input as a C string, to be put into the corpus.
std::string shown(const Input& input) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    for (const auto byte : input) {
        if (byte >= ' ' && byte < 0x7f && byte != '\\') {
            out += static_cast<char>(byte);
        } else {
            out += "\\x";
            out += kDigits[byte >> 4];
            out += kDigits[byte & 15];
        }
    }
    return out;
}

void run(const Target& target, const Input& input) {
    try {
        target.run(input);
    } catch (const std::exception& error) {
        FAIL() << error.what() << "\ninput: " << shown(input);
    }
}

class Replay : public testing::TestWithParam<std::size_t> {};

TEST_P(Replay, corpus_and_changed_copies) {
    const Target& target = targets()[GetParam()];
    const auto corpus = corpus_of(target.name);
    ASSERT_FALSE(corpus.empty());
    for (const auto& input : corpus) ASSERT_NO_FATAL_FAILURE(run(target, input));
    ASSERT_NO_FATAL_FAILURE(run(target, {}));
    const auto end = std::chrono::steady_clock::now() + kMostTime;
    Mutator mutator(corpus);
    int runs = 0;
    for (; runs < kRuns && std::chrono::steady_clock::now() < end; ++runs)
        ASSERT_NO_FATAL_FAILURE(run(target, mutator.next()));
    RecordProperty("runs", runs);
}

INSTANTIATE_TEST_SUITE_P(fuzz, Replay, testing::Range(std::size_t{0}, std::size_t{WEFT_FUZZ_TARGETS}),
                         [](const auto& target) { return std::string(targets().at(target.param).name); });

}  // namespace
}  // namespace weft::fuzz
