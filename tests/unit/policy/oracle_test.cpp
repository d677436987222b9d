// compile() + explain() against the naive evaluator on random worlds. A failure prints the seed; WEFT_ORACLE_SEED=n
// runs that one alone, WEFT_ORACLE_WORLDS=n another number of worlds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "policy/compile.hpp"
#include "policy/explain.hpp"
#include "policy/memory_numbers.hpp"
#include "policy/port_rows.hpp"
#include "tests/unit/policy/oracle_parts.hpp"
#include "tests/unit/policy/random_world.hpp"

namespace weft::policy::test {
namespace {

constexpr int kWorlds = 3000;
constexpr int kEdits = 2;
constexpr int kPackets = 60;

std::uint64_t from_environment(const char* name, std::uint64_t fallback) {
    const char* text = std::getenv(name);
    return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

struct Counts {
    std::size_t probes = 0, allowed = 0, denied = 0;
    std::size_t audited = 0, would_be_denied = 0;
    std::map<std::string, std::size_t> decided;  // by kind
};

std::string describe(const World& world, const Packet& packet) {
    std::string out =
        fmt::format("{} -> {} {}/{}\n", packet.source.text(), packet.destination.text(), packet.protocol, packet.port);
    for (const auto& [key, pod] : world.pods) {
        out += fmt::format("pod {} endpoint {}{}:", key, pod->endpoint, pod->host_network ? " (host network)" : "");
        for (const auto& ip : pod->addresses) out += " " + ip.text();
        for (const auto& [label, value] : pod->labels) out += fmt::format(" {}={}", label, value);
        for (const auto& port : pod->ports) out += fmt::format(" {}:{}/{}", port.name, port.protocol, port.port);
        out += "\n";
    }
    for (const auto& [name, node] : world.nodes) {
        out += fmt::format("node {}:", name);
        for (const auto& ip : node->addresses) out += " " + ip.text();
        for (const auto& [label, value] : node->labels) out += fmt::format(" {}={}", label, value);
        out += "\n";
    }
    for (const auto& [name, group] : world.cidr_groups) {
        out += fmt::format("group {}:", name);
        for (const auto& cidr : group->cidrs) out += " " + cidr.text();
        for (const auto& [label, value] : group->labels) out += fmt::format(" {}={}", label, value);
        out += "\n";
    }
    for (const auto& [name, policy] : world.policies) out += to_line(policy->object) + "\n";
    return out;
}

std::string name_of(const PolicyName& name) {
    return fmt::format("{}/{}/{}", name.kind, name.namespace_, name.name);
}

// The verdict of one end, and the rule or the isolating policies that the image names for it.
std::string wrong_side(const Image& image, const std::optional<DirectionVerdict>& got, const OracleSide& wanted) {
    if (!wanted.judged) return got ? "judged, and should not be" : "";
    if (!got) return "not judged";
    if (got->allow != wanted.allow) return fmt::format("allow is {}", got->allow);
    if (got->rule == 0)
        return wanted.rules.empty() && wanted.isolating.empty() ? "" : "no rule is named, and one decides";
    const auto at = image.rules.find(got->rule);
    if (at == image.rules.end()) return "the deciding rule is not described";
    const auto& info = at->second;
    if (info.by_default != got->by_default) return "default deny and not";
    if (info.by_default) {
        std::vector<std::string> isolating;
        for (const auto& name : info.policies) isolating.push_back(name_of(name));
        return isolating == wanted.isolating ? ""
                                             : fmt::format("a default deny of {}, expected {}",
                                                           fmt::join(isolating, " "), fmt::join(wanted.isolating, " "));
    }
    const auto key = fmt::format("{} {}", name_of(info.policies.at(0)), info.place);
    return std::ranges::find(wanted.rules, key) != wanted.rules.end() ? "" : "rule " + key + " does not decide";
}

// What policies in audit mode say of a packet that is let pass.
std::string wrong_audit(const World& world, const Image& image, const Packet& packet, const Explanation& got,
                        Counts& counts) {
    const auto wanted = judge(world, packet);
    const bool allow = wanted.egress.allow && wanted.ingress.allow;
    if (!got.audit) return allow ? "" : "it would be denied, and nobody is asked";
    ++counts.audited;
    if (!allow) ++counts.would_be_denied;
    if (got.audit->allow != allow) return fmt::format("expected {}, got {}", allow, got.audit->allow);
    if (auto wrong = wrong_side(image, got.audit->egress, wanted.egress); !wrong.empty()) return "egress: " + wrong;
    if (auto wrong = wrong_side(image, got.audit->ingress, wanted.ingress); !wrong.empty()) return "ingress: " + wrong;
    return "";
}

// Empty when the image agrees with the oracle.
std::string difference(const World& world, const Image& image, const Packet& packet, Counts& counts) {
    const auto wanted = judge(enforced(world), packet);
    const auto got =
        explain(image, packet.source, packet.destination, static_cast<std::uint8_t>(number_of(packet.protocol)),
                static_cast<std::uint16_t>(packet.port));
    if (!got) return got.error().text();
    ++counts.probes;
    ++(got->allow ? counts.allowed : counts.denied);
    if (got->allow != (wanted.egress.allow && wanted.ingress.allow))
        return fmt::format("expected {}, got {}", !got->allow, got->allow);
    if (auto wrong = wrong_side(image, got->egress, wanted.egress); !wrong.empty()) return "egress: " + wrong;
    if (auto wrong = wrong_side(image, got->ingress, wanted.ingress); !wrong.empty()) return "ingress: " + wrong;
    if (!got->allow && got->audit) return "it is denied, and policies in audit mode are asked";
    if (got->allow)
        if (auto wrong = wrong_audit(world, image, packet, *got, counts); !wrong.empty()) return "audit: " + wrong;
    for (const auto* side : {&wanted.egress, &wanted.ingress})
        for (const auto& rule : side->rules) ++counts.decided[rule.substr(0, rule.find('/'))];
    return "";
}

std::string broken_rows(const PortRows& rows) {
    std::uint32_t next = 0;
    for (const auto& row : rows) {
        if (row.first != next || row.last < row.first) return "rows have a gap or overlap";
        next = row.last + 1;
    }
    return next == kPortNumberMax + 1 ? "" : "rows end early";
}

std::string broken_image(const Image& image) {
    for (const auto& [number, table] : image.policies) {
        if (number == 0) return "a table has number 0";
        if (auto wrong = broken_rows(table.unnamed); !wrong.empty()) return wrong;
        for (const auto& [id, rows] : table.classes) {
            if (id == 0) return "class 0 has rows of its own";
            if (auto wrong = broken_rows(rows); !wrong.empty()) return wrong;
            if (rows == table.unnamed) return "a class has the rows of the unnamed";
        }
    }
    if (!image.cidrs.contains(Cidr{}) || !image.cidrs.contains(Cidr::of(IpAddr::from_v4(0), 0)))
        return "a world is missing";
    return "";
}

::testing::AssertionResult run(std::uint64_t seed, Counts& counts) {
    RandomWorld random(seed);
    World world = random.make();
    MemoryNumbers numbers;
    for (int edit = 0; edit <= kEdits; ++edit) {
        const auto image = compile(world, numbers);
        if (!image) return ::testing::AssertionFailure() << "seed " << seed << ": " << image.error().text();
        if (*compile(world, numbers) != *image)
            return ::testing::AssertionFailure() << "seed " << seed << ": not deterministic";
        numbers.forget_unused();
        if (auto wrong = broken_image(*image); !wrong.empty())
            return ::testing::AssertionFailure() << "seed " << seed << ": " << wrong;
        for (int i = 0; i < kPackets; ++i) {
            const auto packet = random.packet(world);
            if (auto wrong = difference(world, *image, packet, counts); !wrong.empty())
                return ::testing::AssertionFailure() << "seed " << seed << " edit " << edit << ": " << wrong << "\n"
                                                     << describe(world, packet);
        }
        random.edit(world);
    }
    return ::testing::AssertionSuccess();
}

TEST(PolicyOracle, RandomWorldsAgree) {
    Counts counts;
    if (std::getenv("WEFT_ORACLE_SEED") != nullptr) {
        EXPECT_TRUE(run(from_environment("WEFT_ORACLE_SEED", 0), counts));
        return;
    }
    const auto worlds = from_environment("WEFT_ORACLE_WORLDS", kWorlds);
    for (std::uint64_t seed = 1; seed <= worlds; ++seed) ASSERT_TRUE(run(seed, counts));
    std::cout << worlds << " worlds, " << worlds * (kEdits + 1) << " compiles, " << counts.probes
              << " probes: " << counts.allowed << " allowed, " << counts.denied << " denied; " << counts.audited
              << " audited, " << counts.would_be_denied << " of them would be denied\n";
    for (const auto& [kind, count] : counts.decided) {
        std::cout << "  decided by a " << kind << ": " << count << "\n";
        EXPECT_GT(count, counts.probes / 200) << kind << " hardly ever decides";
    }
    EXPECT_EQ(counts.decided.size(), RandomWorld::kKinds);
    EXPECT_GT(counts.allowed, counts.probes / 10);
    EXPECT_GT(counts.denied, counts.probes / 10);
    EXPECT_GT(counts.audited, counts.probes / 20);
    EXPECT_GT(counts.would_be_denied, counts.audited / 10);
}

}  // namespace
}  // namespace weft::policy::test
