// compile() + explain() against the naive evaluator on random worlds. A failure prints the seed; WEFT_ORACLE_SEED=n
// runs that one alone, WEFT_ORACLE_WORLDS=n another number of worlds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <set>

#include "policy/compile.hpp"
#include "policy/explain.hpp"
#include "policy/memory_numbers.hpp"
#include "policy/port_rows.hpp"
#include "tests/unit/policy/oracle_parts.hpp"
#include "tests/unit/policy/random_world.hpp"

namespace weft::policy::test {
namespace {

constexpr int kWorlds = 2500;
constexpr int kEdits = 6;
constexpr int kPackets = 30;

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

// The numbers of another, who keeps them in use.
class Borrowed : public Numbers {
  public:
    explicit Borrowed(Numbers& from) : from_(from) {}
    Result<std::uint32_t> number(NumberKind kind, const std::string& key) override { return from_.number(kind, key); }
    void unused(NumberKind, std::uint32_t) override {}
    void forget_unused() override {}

  private:
    Numbers& from_;
};

template <typename Map>
std::set<typename Map::key_type> differing(const Map& a, const Map& b) {
    std::set<typename Map::key_type> out;
    for (const auto& [key, value] : a)
        if (const auto at = b.find(key); at == b.end() || at->second != value) out.insert(key);
    for (const auto& [key, value] : b)
        if (!a.contains(key)) out.insert(key);
    return out;
}

WorldChanges changes_of(const World& before, const World& after) {
    return {.nodes = before.nodes != after.nodes,
            .groups = before.cidr_groups != after.cidr_groups,
            .pods = differing(before.pods, after.pods),
            .namespaces = differing(before.namespaces, after.namespaces),
            .policies = differing(before.policies, after.policies)};
}

template <typename Map, typename Told>
bool all_told(const Map& before, const Map& after, const Told& told) {
    return std::ranges::all_of(differing(before, after), [&](const auto& key) {
        const auto at = told.find(key);
        if (at == told.end()) return false;
        const auto was = before.find(key);
        return was == before.end() ? !at->second : at->second && *at->second == was->second;
    });
}

std::set<std::uint32_t> classes_of(const Image& image) {
    std::set<std::uint32_t> out;
    for (const auto& [ip, row] : image.addresses) out.insert(row.class_id);
    for (const auto& [cidr, row] : image.cidrs) out.insert(row.class_id);
    return out;
}

// What the delta leaves out of what changed; empty when it is whole.
std::string untold(const Image& before, const Image& after, const ImageDelta& delta) {
    if (!all_told(before.addresses, after.addresses, delta.addresses)) return "an address is not in the delta";
    if (!all_told(before.cidrs, after.cidrs, delta.cidrs)) return "a prefix is not in the delta";
    if (!all_told(before.rules, after.rules, delta.rules)) return "a rule is not in the delta";
    if (!all_told(before.identities, after.identities, delta.identities)) return "an identity is not in the delta";
    for (const auto endpoint : differing(before.endpoints, after.endpoints))
        if (!delta.endpoints.contains(endpoint)) return "an endpoint is not in the delta";
    for (const auto endpoint : differing(before.audits, after.audits))
        if (!delta.endpoints.contains(endpoint)) return "an endpoint's audit is not in the delta";
    const auto classes = classes_of(before);
    for (const auto& [number, table] : after.policies) {
        const auto had = [&](const auto& rows) { return classes.contains(rows.first); };
        if (before.policies.contains(number) && !std::ranges::all_of(table.classes, had))
            return "a table that was there has rows for a new class";
        if (before.policies.contains(number)) continue;
        const auto derived = delta.policies.find(number);
        if (derived == delta.policies.end()) return "a table is not in the delta";
        const auto from = before.policies.find(derived->second.from);
        if (from == before.policies.end()) continue;
        if (from->second.unnamed != table.unnamed) return "a table is not derived from what it says";
        for (const auto class_id : differing(from->second.classes, table.classes))
            if (!derived->second.classes.contains(class_id)) return "a table's class is not in the delta";
    }
    return "";
}

// An image that is kept up to date by its changes is that of a compile at once, and the oracle agrees with it.
::testing::AssertionResult run(std::uint64_t seed, Counts& counts) {
    RandomWorld random(seed);
    World world = random.make();
    MemoryNumbers numbers;
    Compiler compiler(numbers);
    WorldChanges changes{.everything = true};
    for (int edit = 0; edit <= kEdits; ++edit) {
        const auto failed = [&](const std::string& why) {
            return ::testing::AssertionFailure() << "seed " << seed << " edit " << edit << ": " << why;
        };
        const Image before = compiler.image();
        if (const auto done = compiler.update(world, changes); !done) return failed(done.error().text());
        const Image& image = compiler.image();
        Borrowed borrowed(numbers);
        const auto whole = compile(world, borrowed);
        if (!whole) return failed(whole.error().text());
        if (*whole != image) return failed("the changes make another image than a compile at once");
        if (edit > 0)
            if (auto wrong = untold(before, image, compiler.delta()); !wrong.empty()) return failed(wrong);
        numbers.forget_unused();
        if (auto wrong = broken_image(image); !wrong.empty()) return failed(wrong);
        for (int i = 0; i < kPackets; ++i) {
            const auto packet = random.packet(world);
            if (auto wrong = difference(world, image, packet, counts); !wrong.empty())
                return failed(wrong + "\n" + describe(world, packet));
        }
        const World old = world;
        for (auto n = seed % 3 + 1; n > 0; --n) random.edit(world);
        changes = changes_of(old, world);
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
