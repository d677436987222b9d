#include "policy/dns_automaton.hpp"

#include <gtest/gtest.h>

#include <random>

#include "policy/dns_pattern.hpp"

namespace weft::policy::test {
namespace {

using Parse = Result<std::string> (*)(std::string_view);

TEST(DnsPattern, Table) {
    const std::string label(63, 'a'), long_label(64, 'a');
    const std::string name = label + "." + label + "." + label + "." + std::string(61, 'a');
    const struct {
        Parse parse;
        std::string text, pattern;  // empty: refused
    } cases[] = {
        {pattern_of_match_name, "www.Example.COM.", "www.example.com"},
        {pattern_of_match_name, "_http._tcp.example.com", "_http._tcp.example.com"},
        {pattern_of_match_name, "localhost", "localhost"},
        {pattern_of_match_name, name, name},
        {pattern_of_match_name, "a" + name, ""},
        {pattern_of_match_name, long_label + ".com", ""},
        {pattern_of_match_name, "", ""},
        {pattern_of_match_name, ".", ""},
        {pattern_of_match_name, "a..b", ""},
        {pattern_of_match_name, ".a", ""},
        {pattern_of_match_name, "*.a", ""},
        {pattern_of_match_name, "ä.de", ""},
        {pattern_of_match_name, "a b", ""},
        {pattern_of_match_pattern, "*", "*"},
        {pattern_of_match_pattern, "*.", "*"},
        {pattern_of_match_pattern, "*.Cilium.io", "*.cilium.io"},
        {pattern_of_match_pattern, "**.cilium.io", "**.cilium.io"},
        {pattern_of_match_pattern, "sub**x.cilium.io", "sub*x.cilium.io"},
        {pattern_of_match_pattern, "*cilium.io", "*cilium.io"},
        {pattern_of_match_pattern, "**.", "*"},
        {pattern_of_match_pattern, "%%", ""},
        {pattern_of_match_pattern, "", ""},
        {pattern_of_match_pattern, "*..io", ""},
        {pattern_of_domain_name, "*.kubernetes.io", "**.kubernetes.io"},
        {pattern_of_domain_name, "kubernetes.io.", "kubernetes.io"},
        {pattern_of_domain_name, "a_b.io", "a_b.io"},
        {pattern_of_domain_name, "io", ""},
        {pattern_of_domain_name, "*.io", ""},
        {pattern_of_domain_name, "*", ""},
        {pattern_of_domain_name, "w*.kubernetes.io", ""},
        {pattern_of_domain_name, "**.kubernetes.io", ""},
        {pattern_of_domain_name, "-a.io", ""},
        {pattern_of_domain_name, "a-.io", ""},
        {pattern_of_domain_name, "", ""},
    };
    for (const auto& [parse, text, pattern] : cases) {
        const auto got = parse(text);
        EXPECT_EQ(got ? *got : "", pattern) << text << (got ? "" : ": " + got.error().text());
        if (!got) {
            EXPECT_EQ(got.error().code, ErrorCode::kInvalid);
        }
    }
}

std::vector<std::string_view> labels_of(std::string_view name) {
    std::vector<std::string_view> out;
    for (std::size_t at = 0; at <= name.size();) {
        const auto end = std::min(name.find('.', at), name.size());
        out.push_back(name.substr(at, end - at));
        at = end + 1;
    }
    return out;
}

bool is_plain(std::string_view label) {
    return label.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == std::string_view::npos;
}

bool label_matches(std::string_view pattern, std::string_view label) {
    if (pattern.empty()) return label.empty();
    if (pattern[0] != '*')
        return !label.empty() && label[0] == pattern[0] && label_matches(pattern.substr(1), label.substr(1));
    for (std::size_t taken = 0; taken <= label.size(); ++taken)
        if (is_plain(label.substr(0, taken)) && label_matches(pattern.substr(1), label.substr(taken))) return true;
    return false;
}

// Label by label, as the header of dns_pattern.hpp says it.
bool matches(std::string_view pattern, std::string_view name) {
    if (pattern == "*") return true;
    const auto names = labels_of(name);
    auto wanted = labels_of(pattern);
    std::size_t first = 0;
    if (wanted[0] == "**") {
        if (names.size() < wanted.size()) return false;
        first = names.size() - (wanted.size() - 1);
        for (std::size_t i = 0; i < first; ++i)
            if (!is_plain(names[i])) return false;
        wanted.erase(wanted.begin());
    } else if (names.size() != wanted.size()) {
        return false;
    }
    for (std::size_t i = 0; i < wanted.size(); ++i)
        if (!label_matches(wanted[i], names[first + i])) return false;
    return true;
}

class Words {
  public:
    explicit Words(unsigned seed) : random_(seed) {}
    std::size_t below(std::size_t n) { return random_() % n; }
    std::string label(std::string_view alphabet) {
        std::string out;
        for (std::size_t i = 1 + below(3); i > 0; --i) out += alphabet[below(alphabet.size())];
        return out;
    }
    std::string name(std::string_view alphabet) {
        std::string out = label(alphabet);
        for (std::size_t i = below(3); i > 0; --i) out += "." + label(alphabet);
        return out;
    }
    std::string pattern() {
        switch (below(8)) {
            case 0:
                return "*";
            case 1:
                return "**." + name("ab");
            default:
                return pattern_of_match_pattern(name("ab*")).value();
        }
    }

  private:
    std::mt19937 random_;
};

TEST(DnsAutomaton, AsANaiveMatcher) {
    std::size_t matched = 0, compared = 0;
    for (unsigned seed = 0; seed < 400; ++seed) {
        Words words(seed);
        std::vector<std::string> patterns;
        for (std::size_t i = 1 + words.below(8); i > 0; --i) patterns.push_back(words.pattern());
        const auto automaton = build_dns_automaton(patterns);
        ASSERT_TRUE(automaton) << automaton.error().text();
        for (int i = 0; i < 60; ++i) {
            const auto name = words.name(i % 6 == 0 ? "ab!" : "abc");
            std::vector<std::uint32_t> expected;
            for (std::uint32_t p = 0; p < patterns.size(); ++p)
                if (matches(patterns[p], name)) expected.push_back(p);
            ASSERT_EQ(automaton->classes[automaton->classify(name)], expected)
                << name << " of " << ::testing::PrintToString(patterns);
            matched += !expected.empty();
            ++compared;
        }
    }
    EXPECT_GT(matched, compared / 10);
    EXPECT_LT(matched, compared);
}

TEST(DnsAutomaton, WithoutPatternsNothingMatches) {
    const auto automaton = build_dns_automaton({}).value();
    EXPECT_EQ(automaton.columns, 0U);
    EXPECT_EQ(automaton.classify("example.com"), 0U);
}

TEST(DnsAutomaton, ManyExactNamesFit) {
    std::vector<std::string> patterns;
    for (int i = 0; i < 1500; ++i) patterns.push_back(fmt::format("host{}.example.com", i));
    const auto automaton = build_dns_automaton(patterns).value();
    for (int i = 0; i < 1500; ++i)
        EXPECT_EQ(automaton.classes[automaton.classify(patterns[static_cast<std::size_t>(i)])],
                  std::vector<std::uint32_t>{static_cast<std::uint32_t>(i)});
    EXPECT_EQ(automaton.classify("host1500.example.com"), 0U);
}

TEST(DnsAutomaton, WhatIsTooLargeIsRefusedWithTheNumbers) {
    std::vector<std::string> patterns;
    std::mt19937 random(1);
    for (int i = 0; i < 4000; ++i) {
        std::string name;
        for (int c = 0; c < 40; ++c) name += static_cast<char>('a' + random() % 26);
        patterns.push_back(name + ".example.com");
    }
    const auto automaton = build_dns_automaton(patterns);
    ASSERT_FALSE(automaton);
    EXPECT_EQ(automaton.error().code, ErrorCode::kExhausted);
    EXPECT_NE(automaton.error().text().find("4000 patterns"), std::string::npos) << automaton.error().text();
    // Few patterns, and exponentially many states.
    std::string stars = "*";
    for (int i = 0; i < 20; ++i) stars += "a*b*";
    std::vector<std::string> nasty;
    for (int i = 0; i < 12; ++i)
        nasty.push_back(fmt::format("*{}*{}*{}.com", char('a' + i), char('b' + i), char('c' + i)));
    const auto refused = build_dns_automaton(nasty);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kExhausted);
}

}  // namespace
}  // namespace weft::policy::test
