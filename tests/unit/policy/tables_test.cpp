// Port rows and regions against their definitions, point by point.
#include <gtest/gtest.h>

#include <random>

#include "policy/port_rows.hpp"
#include "policy/regions.hpp"
#include "tests/unit/policy/objects.hpp"

namespace weft::policy::test {
namespace {

constexpr PortRow kDenied{.rule = 99, .by_default = true};

TEST(PortRows, OneRuleAndTheRest) {
    const std::vector<PortRange> ranges = {{port_number(kTcp, 80), port_number(kTcp, 80)},
                                           {port_number(kTcp, 81), port_number(kTcp, 90)}};
    const std::vector<RankedRule> rules = {{0, Action::kAllow, 5, ranges}};
    const PortRows wanted = {{0, port_number(kTcp, 79), 99, false, true},
                             {port_number(kTcp, 80), port_number(kTcp, 90), 5, true, false},
                             {port_number(kTcp, 91), kPortNumberMax, 99, false, true}};
    EXPECT_EQ(decide_rows(rules, kDenied), wanted);
    EXPECT_EQ(decide_rows({}, kDenied), (PortRows{{0, kPortNumberMax, 99, false, true}}));
}

TEST(PortRows, ARuleForEverythingIsOneRow) {
    const std::vector<PortRange> all = {{}};
    const std::vector<RankedRule> rules = {{0, Action::kAllow, 1, all}, {0, Action::kAllow, 2, all}};
    EXPECT_EQ(decide_rows(rules, kDenied), (PortRows{{0, kPortNumberMax, 1, true, false}}));
}

TEST(PortRows, TiersPrioritiesAndPassPointByPoint) {
    std::mt19937 random(11);
    for (int round = 0; round < 2000; ++round) {
        std::vector<std::vector<PortRange>> ranges(random() % 12);
        std::vector<RankedRule> rules;
        int tier = 0;
        for (std::uint32_t i = 0; i < ranges.size(); ++i) {
            for (auto n = random() % 3; n > 0; --n) {
                const auto first = static_cast<std::uint32_t>(random() % 40);
                ranges[i].push_back(
                    {first, random() % 8 == 0 ? kPortNumberMax : first + static_cast<std::uint32_t>(random() % 10)});
            }
            tier += random() % 4 == 0 ? 1 : 0;
            rules.push_back({tier, static_cast<Action>(random() % 3), i + 1, ranges[i]});
        }
        const auto rows = decide_rows(rules, kDenied);
        for (const std::uint32_t point : {0U, 1U, 5U, 10U, 17U, 20U, 33U, 39U, 47U, 50U, 1000U, kPortNumberMax}) {
            PortRow wanted = kDenied;
            int passed = -1;
            for (const auto& rule : rules) {
                if (rule.tier == passed || std::ranges::none_of(rule.ranges, [&](const PortRange& r) {
                        return r.first <= point && point <= r.last;
                    }))
                    continue;
                if (rule.action == Action::kPass) {
                    passed = rule.tier;
                    continue;
                }
                wanted = {.rule = rule.number, .allow = rule.action == Action::kAllow};
                break;
            }
            const auto& got = row_at(rows, point);
            ASSERT_LE(got.first, point);
            ASSERT_GE(got.last, point);
            ASSERT_EQ(std::tuple(got.rule, got.allow, got.by_default),
                      std::tuple(wanted.rule, wanted.allow, wanted.by_default))
                << "round " << round << " point " << point;
        }
    }
}

// For each point and each set of rules by name that match: the first of the row's list that is among them decides, else
// the row; as if those rules were like any other, and the rest of those by name were not there.
TEST(PortRows, NamesGoBeforeARowAsOrderTiersAndPassSay) {
    std::mt19937 random(5);
    std::size_t by_name = 0;
    for (int round = 0; round < 3000; ++round) {
        std::vector<std::vector<PortRange>> ranges(1 + random() % 8);
        std::vector<RankedRule> rules;
        int tier = 0;
        for (std::uint32_t i = 0; i < ranges.size(); ++i) {
            for (auto n = 1 + random() % 2; n > 0; --n) {
                const auto first = static_cast<std::uint32_t>(random() % 20);
                ranges[i].push_back(
                    {first, random() % 6 == 0 ? kPortNumberMax : first + static_cast<std::uint32_t>(random() % 10)});
            }
            tier += random() % 3 == 0 ? 1 : 0;
            RankedRule rule{tier, static_cast<Action>(random() % 3), i + 1, ranges[i]};
            rule.by_name = random() % 2 == 0;
            if (rule.by_name) rule.action = Action::kAllow;
            rules.push_back(rule);
        }
        std::vector<std::vector<std::uint32_t>> lists{{}};
        const auto rows = decide_rows(rules, kDenied, [&](const std::vector<std::uint32_t>& list) {
            lists.push_back(list);
            return static_cast<std::uint32_t>(lists.size() - 1);
        });
        EXPECT_EQ(rows.front().first, 0U);
        EXPECT_EQ(rows.back().last, kPortNumberMax);
        const auto matched = static_cast<unsigned>(random());
        const auto matches = [&](std::uint32_t rule) { return (matched >> rule & 1) != 0; };
        std::vector<RankedRule> plain;
        for (std::uint32_t i = 0; i < rules.size(); ++i) {
            if (rules[i].by_name && !matches(i)) continue;
            plain.push_back(rules[i]);
            plain.back().by_name = false;
        }
        const auto wanted = decide_rows(plain, kDenied);
        for (const std::uint32_t point : {0U, 1U, 5U, 10U, 15U, 19U, 20U, 25U, 29U, 30U, 1000U, kPortNumberMax}) {
            const auto& row = row_at(rows, point);
            ASSERT_LE(row.first, point);
            ASSERT_GE(row.last, point);
            auto rule = row.rule;
            bool allow = row.allow;
            for (const auto index : lists[row.names]) {
                if (!matches(index)) continue;
                rule = rules[index].number;
                allow = true;
                ++by_name;
                break;
            }
            ASSERT_EQ(std::pair(rule, allow), std::pair(row_at(wanted, point).rule, row_at(wanted, point).allow))
                << "round " << round << " point " << point;
        }
    }
    EXPECT_GT(by_name, 1000U);
}

TEST(Regions, EveryAddressIsInTheBlocksOfItsRegion) {
    std::mt19937 random(3);
    for (int round = 0; round < 300; ++round) {
        const auto prefix = [&](bool v6, int low, int high) {
            const int length = low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1));
            const auto base = v6 ? ip("fd00::") : ip("10.0.0.0");
            return Cidr::of(base.plus(random() % 64), length);
        };
        std::vector<IpBlock> blocks(random() % 12);
        for (auto& block : blocks) {
            const bool v6 = random() % 2 == 0;
            const int bits = v6 ? 128 : 32;
            block.cidr = random() % 6 == 0 ? Cidr::of(v6 ? ip("::") : ip("0.0.0.0"), 0) : prefix(v6, bits - 6, bits);
            for (auto n = random() % 3; n > 0; --n) {
                const auto hole = prefix(v6, bits - 5, bits);
                if (block.cidr.contains(hole) && hole.length > block.cidr.length) block.except.push_back(hole);
            }
            std::ranges::sort(block.except);
            const auto rest = std::ranges::unique(block.except);
            block.except.erase(rest.begin(), rest.end());
        }
        NodeFacts node;
        if (random() % 2 == 0) node.pod_ranges = {cidr("10.0.0.16/28")};
        ListInterner lists;
        Regions regions(lists);
        regions.set_node(node);
        // Added and removed in several steps: what is there at the end counts.
        std::vector<bool> there(blocks.size(), false);
        for (int step = 0; step < 4; ++step) {
            for (std::uint32_t i = 0; i < blocks.size(); ++i) {
                const bool wanted = step == 3 || random() % 2 == 0;
                if (wanted == there[i]) continue;
                wanted ? regions.add(i, blocks[i]) : regions.remove(i, blocks[i]);
                there[i] = wanted;
            }
            ASSERT_TRUE(regions.settle());
        }
        for (const auto& base : {ip("10.0.0.0"), ip("fd00::"), ip("8.8.8.0"), ip("2600::")}) {
            for (std::uint64_t offset = 0; offset < 70; ++offset) {
                const auto address = base.plus(offset);
                const auto& region = regions.find(address);
                ASSERT_TRUE(region.prefix.contains(address));
                std::vector<std::uint32_t> wanted;
                for (std::uint32_t i = 0; i < blocks.size(); ++i)
                    if (blocks[i].contains(address)) wanted.push_back(i);
                ASSERT_EQ(lists.list(region.blocks), wanted) << "round " << round << " " << address.text();
                ASSERT_EQ(region.pod_range, !node.pod_ranges.empty() && node.pod_ranges[0].contains(address));
            }
        }
    }
}

}  // namespace
}  // namespace weft::policy::test
