// Policies as the kernel enforces them: the compiled image, put into the maps by the real Applier, asked by single
// first packets through the loaded programs. Compared with the naive evaluator on random worlds (verdict, direction and
// rule), and with every cell of ../shared/policy-cases. WEFT_ORACLE_SEED=n runs one random world.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "policy/explain.hpp"
#include "tests/bpf/policy_maps_judge.hpp"
#include "tests/unit/policy/random_world.hpp"

namespace weft::test {
namespace {

constexpr std::uint64_t kWorlds = 200;
constexpr int kImages = 2;  // of each world: one edit between
constexpr int kPackets = 80;

class PolicyMaps : public testing::Test {
  protected:
    static PolicyNode& node() {
        static PolicyNode shared("policy-maps");
        return shared;
    }
    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "needs root: loads BPF programs";
    }
};

struct Counts {
    int probes = 0, allowed = 0, denied = 0, skipped = 0, would_be_denied = 0, untold = 0;
};

std::uint8_t number_of(const policy::test::Packet& packet) {
    if (packet.protocol == "TCP") return kTcp;
    if (packet.protocol == "UDP") return kUdp;
    if (packet.protocol == "SCTP") return kSctp;
    return packet.source.is_v4() ? kIcmp : kIcmp6;
}

// The same of what policies in audit mode say.
std::string wrong_audit(const policy::Explanation& said, const weft_event& event, Counts& counts) {
    if (said.audit.has_value() != ((event.flags & WEFT_EVENT_AUDITED) != 0)) return "audited and not";
    if (!said.audit) return "";
    const auto &egress = said.audit->egress, &ingress = said.audit->ingress;
    if (event.audit_rule[WEFT_EGRESS] != (egress ? egress->rule : 0)) return "another audit rule for egress";
    if ((event.audit_reason == WEFT_FORWARDED) != said.audit->allow) return "another audit verdict";
    if (egress && !egress->allow) {
        ++counts.would_be_denied;
        return event.audit_direction == WEFT_EGRESS ? "" : "it would be denied by egress";
    }
    if (event.audit_rule[WEFT_INGRESS] != (ingress ? ingress->rule : 0)) return "another audit rule for ingress";
    if (said.audit->allow) return "";
    ++counts.would_be_denied;
    const auto reason = ingress->by_default ? WEFT_DROP_POLICY_DENIED : WEFT_DROP_POLICY_DENY;
    return event.audit_direction == WEFT_INGRESS && event.audit_reason == reason ? "" : "it would be denied by ingress";
}

// Empty, or what of the event does not say what the image says.
std::string wrong_event(const policy::Explanation& said, const weft_event& event) {
    const std::uint32_t egress = said.egress ? said.egress->rule : 0, ingress = said.ingress ? said.ingress->rule : 0;
    if (said.allow) {
        if (event.rule[WEFT_EGRESS] == egress && event.rule[WEFT_INGRESS] == ingress) return "";
        return fmt::format("rules {} and {}, expected {} and {}", event.rule[WEFT_EGRESS], event.rule[WEFT_INGRESS],
                           egress, ingress);
    }
    const bool by_egress = said.egress && !said.egress->allow;
    const auto& denial = by_egress ? *said.egress : *said.ingress;
    const auto direction = by_egress ? WEFT_EGRESS : WEFT_INGRESS;
    const auto reason = denial.by_default ? WEFT_DROP_POLICY_DENIED : WEFT_DROP_POLICY_DENY;
    if (event.direction == direction && event.rule[direction] == denial.rule && event.reason == reason) return "";
    return fmt::format("denied by direction {} rule {} reason {}, expected {} {} {}", event.direction,
                       event.rule[event.direction & 1], event.reason, static_cast<int>(direction), denial.rule,
                       static_cast<int>(reason));
}

// Every rule that lets it pass is of a policy without events, and nobody would deny it.
bool is_untold(const policy::Explanation& said, const policy::Image& image) {
    if (!said.allow || (said.audit && !said.audit->allow)) return false;
    bool some = false;
    for (const auto* side : {&said.egress, &said.ingress}) {
        if (!*side || (*side)->rule == 0) continue;
        if (image.rules.at((*side)->rule).logged) return false;
        some = true;
    }
    return some;
}

// Whether an end is a pod of this node, or the node while policies select it; not one and the same.
bool is_asked(const policy::Image& image, const policy::Explanation& said) {
    if (said.source.host && said.destination.host) return false;
    if (said.source.endpoint != 0 || said.destination.endpoint != 0) return true;
    const auto isolated = [](const auto& at, const auto& all) {
        return at != all.end() && (at->second[0] != 0 || at->second[1] != 0);
    };
    return (said.source.host || said.destination.host) &&
           (isolated(image.endpoints.find(image.node_endpoint), image.endpoints) ||
            isolated(image.audits.find(image.node_endpoint), image.audits));
}

std::string difference(PolicyNode& node, const policy::World& world, const policy::Image& image,
                       const policy::test::Packet& packet, Counts& counts) {
    const auto port = static_cast<std::uint16_t>(packet.port);
    const auto said = policy::explain(image, packet.source, packet.destination, number_of(packet), port);
    if (!said) return said.error().text();
    if (!is_asked(image, *said)) {
        ++counts.skipped;
        return "";
    }
    const auto wanted = policy::test::judge(policy::test::enforced(world), packet);
    if (said->allow != (wanted.egress.allow && wanted.ingress.allow)) return "the image differs from the oracle";
    const auto got =
        node.send(said->source, said->destination, packet.source, packet.destination, number_of(packet), port);
    if (!got) return got.error().text();
    // Policies let it go, but nobody has that address.
    if (said->allow && said->destination.pod_range && said->destination.endpoint == 0 && !said->source.host) {
        ++counts.skipped;
        return got->event.reason == WEFT_DROP_UNKNOWN_DESTINATION ? "" : "nobody's address was reached";
    }
    ++counts.probes;
    ++(got->allowed() ? counts.allowed : counts.denied);
    if (got->allowed() != said->allow)
        return fmt::format("expected {}, verdict {} reason {}", said->allow ? "allow" : "deny", got->verdict,
                           got->event.reason);
    if (got->told == is_untold(*said, image)) return got->told ? "an event too many" : "no event";
    if (!got->told) {
        ++counts.untold;
        return "";
    }
    if (auto wrong = wrong_audit(*said, got->event, counts); !wrong.empty()) return wrong;
    return wrong_event(*said, got->event);
}

testing::AssertionResult run(PolicyNode& node, std::uint64_t seed, Counts& counts) {
    policy::test::RandomWorld random(seed);
    policy::World world = random.make();
    policy::MemoryNumbers numbers;
    for (int round = 0; round < kImages; ++round) {
        const auto failed = [&](const std::string& text) {
            return testing::AssertionFailure() << "WEFT_ORACLE_SEED=" << seed << " image " << round << ": " << text;
        };
        const auto image = policy::compile(world, numbers);
        if (!image) return failed(image.error().text());
        if (const auto applied = node.apply(*image); !applied) return failed(applied.error().text());
        numbers.forget_unused();
        for (int i = 0; i < kPackets; ++i) {
            const auto packet = random.packet(world);
            if (const auto wrong = difference(node, world, *image, packet, counts); !wrong.empty())
                return failed(fmt::format("{} -> {} {}/{}: {}", packet.source.text(), packet.destination.text(),
                                          packet.protocol, packet.port, wrong));
        }
        random.edit(world);
    }
    return testing::AssertionSuccess();
}

TEST_F(PolicyMaps, RandomWorldsAgreeWithTheOracleAndNameTheRule) {
    Counts counts;
    if (const char* seed = std::getenv("WEFT_ORACLE_SEED")) {
        EXPECT_TRUE(run(node(), std::strtoull(seed, nullptr, 10), counts));
        return;
    }
    for (std::uint64_t seed = 1; seed <= kWorlds; ++seed) ASSERT_TRUE(run(node(), seed, counts));
    std::cout << kWorlds << " worlds, " << counts.probes << " probes: " << counts.allowed << " allowed, "
              << counts.denied << " denied, " << counts.would_be_denied << " would be; " << counts.untold
              << " without events; " << counts.skipped << " not judged\n";
    EXPECT_GT(counts.would_be_denied, counts.probes / 100);
    EXPECT_GT(counts.untold, counts.probes / 100);
    EXPECT_GT(counts.allowed, counts.probes / 10);
    EXPECT_GT(counts.denied, counts.probes / 10);
}

TEST_F(PolicyMaps, EveryCellOfEveryCase) {
    const auto root = policy::test::cases_folder(WEFT_SOURCE_DIR);
    MapsJudge judge(node());
    policy::test::CaseCounts counts;
    for (const auto* folder :
         {"cases", "recipes", "extra", "variants/two-node", "variants/ipv6", "cnp", "cnp-conformance"}) {
        const int before = counts.cases;
        const auto done = policy::test::replay_all(root / folder, judge, counts, std::cout);
        ASSERT_TRUE(done) << folder << ": " << done.error().text();
        EXPECT_GT(counts.cases, before) << folder << " holds no case";
    }
    std::cout << counts.text() << "\n";
    EXPECT_EQ(counts.differences, 0);
}

}  // namespace
}  // namespace weft::test
