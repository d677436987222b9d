#include <gtest/gtest.h>

#include "datapath/abi/endpoint.h"
#include "datapath/abi/policy.h"
#include "policy/compile.hpp"
#include "policy/digest.hpp"
#include "policy/memory_numbers.hpp"

namespace weft::policy::test {
namespace {

TEST(MemoryNumbers, LowestFreeAndStable) {
    MemoryNumbers numbers;
    EXPECT_EQ(numbers.number(NumberKind::kRule, "a").value(), 1U);
    EXPECT_EQ(numbers.number(NumberKind::kRule, "b").value(), 2U);
    EXPECT_EQ(numbers.number(NumberKind::kRule, "a").value(), 1U);
    EXPECT_EQ(numbers.number(NumberKind::kClass, "a").value(), 1U);
    EXPECT_EQ(numbers.number(NumberKind::kPolicy, "a").value(), 1U);
    EXPECT_EQ(numbers.number(NumberKind::kIdentity, "a").value(), 256U);
}

TEST(MemoryNumbers, ForgetsWhatIsNotUsed) {
    MemoryNumbers numbers;
    for (const auto* key : {"a", "b", "c"}) EXPECT_TRUE(numbers.number(NumberKind::kClass, key));
    numbers.forget_unused();
    for (const std::uint32_t number : {1U, 2U, 3U}) numbers.unused(NumberKind::kClass, number);
    numbers.forget_unused();
    EXPECT_EQ(numbers.number(NumberKind::kClass, "c").value(), 3U);
    EXPECT_EQ(numbers.number(NumberKind::kClass, "new").value(), 4U)
        << "a and b may still be in the kernel until the change is applied";
    numbers.forget_unused();
    EXPECT_EQ(numbers.number(NumberKind::kClass, "a").value(), 1U);
    EXPECT_EQ(numbers.number(NumberKind::kClass, "d").value(), 2U);
    EXPECT_EQ(numbers.number(NumberKind::kClass, "c").value(), 3U);
}

TEST(MemoryNumbers, ARulesNumberIsGivenAgainOnlyWhenNoneIsLeft) {
    MemoryNumbers numbers({3, 3, 258, 3});
    for (const auto* key : {"a", "b"}) EXPECT_TRUE(numbers.number(NumberKind::kRule, key));
    for (const std::uint32_t number : {1U, 2U}) numbers.unused(NumberKind::kRule, number);
    numbers.forget_unused();
    numbers.forget_unused();
    EXPECT_EQ(numbers.number(NumberKind::kRule, "c").value(), 3U) << "flows may still count for a and b";
    EXPECT_EQ(numbers.number(NumberKind::kRule, "d").value(), 1U);
}

TEST(MemoryNumbers, Exhaustion) {
    MemoryNumbers numbers({2, 2, 257, 2});
    EXPECT_TRUE(numbers.number(NumberKind::kRule, "a"));
    EXPECT_TRUE(numbers.number(NumberKind::kRule, "b"));
    const auto none = numbers.number(NumberKind::kRule, "c");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::kExhausted);
    EXPECT_EQ(numbers.number(NumberKind::kRule, "b").value(), 2U);
    numbers.unused(NumberKind::kRule, 1);
    numbers.forget_unused();
    numbers.forget_unused();
    EXPECT_EQ(numbers.number(NumberKind::kRule, "c").value(), 1U);
}

TEST(MemoryNumbers, Restore) {
    MemoryNumbers numbers;
    EXPECT_TRUE(numbers.restore(NumberKind::kClass, "five", 5));
    EXPECT_FALSE(numbers.restore(NumberKind::kClass, "other", 5));
    EXPECT_FALSE(numbers.restore(NumberKind::kClass, "five", 6));
    EXPECT_FALSE(numbers.restore(NumberKind::kClass, "zero", 0));
    EXPECT_FALSE(numbers.restore(NumberKind::kIdentity, "low", 255));
    EXPECT_TRUE(numbers.restore(NumberKind::kClass, "two", 2));
    EXPECT_EQ(numbers.number(NumberKind::kClass, "five").value(), 5U);
    EXPECT_EQ(numbers.number(NumberKind::kClass, "a").value(), 1U);
    EXPECT_EQ(numbers.number(NumberKind::kClass, "b").value(), 3U);
    EXPECT_EQ(numbers.number(NumberKind::kClass, "c").value(), 4U);
    EXPECT_EQ(numbers.number(NumberKind::kClass, "d").value(), 6U);
    numbers.forget_unused();
    numbers.forget_unused();
    EXPECT_EQ(numbers.number(NumberKind::kClass, "e").value(), 2U) << "nobody asked for it since the restart";
}

TEST(Limits, AreThoseOfTheDatapath) {
    EXPECT_EQ(MemoryNumbers::kLimits[static_cast<std::size_t>(NumberKind::kRule)], WEFT_MAX_RULES - 1);
    EXPECT_EQ(MemoryNumbers::kLimits[static_cast<std::size_t>(NumberKind::kPolicy)], WEFT_MAX_POLICIES - 1);
    EXPECT_EQ(MemoryNumbers::kLimits[static_cast<std::size_t>(NumberKind::kClass)], WEFT_MAX_POLICY_CLASSES - 1);
    EXPECT_EQ(kMaxPolicyClasses, std::size_t{WEFT_MAX_POLICY_CLASSES});
    EXPECT_EQ(kIdentityHost, std::uint32_t{WEFT_IDENTITY_HOST});
    EXPECT_EQ(kIdentityWorld, std::uint32_t{WEFT_IDENTITY_WORLD});
    EXPECT_EQ(kIdentityRemoteNode, std::uint32_t{WEFT_IDENTITY_REMOTE_NODE});
    EXPECT_EQ(kIdentityKubeApiserver, std::uint32_t{WEFT_IDENTITY_KUBE_APISERVER});
    EXPECT_EQ(static_cast<int>(Direction::kEgress), WEFT_EGRESS);
    EXPECT_EQ(static_cast<int>(Direction::kIngress), WEFT_INGRESS);
}

TEST(Digest, SetsDoNotDependOnOrder) {
    Digest a, b;
    a.add(Digest::of("x"));
    a.add(Digest::of("y"));
    b.add(Digest::of("y"));
    b.add(Digest::of("x"));
    EXPECT_EQ(a, b);
    EXPECT_NE(Digest::of("x"), Digest::of(std::string_view("x\0", 2)));
    EXPECT_NE(Digest::of(""), Digest::of(std::string_view("\0", 1)));
    EXPECT_EQ(Digest::of("abc").hex().size(), 32U);
}

}  // namespace
}  // namespace weft::policy::test
