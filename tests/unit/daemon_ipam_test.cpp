#include <gtest/gtest.h>

#include <set>

#include "daemon/ipam/ipam.hpp"

namespace weft::ipam {
namespace {

Cidr cidr(std::string_view text) {
    return Cidr::parse(text).value();
}
IpAddr ip(std::string_view text) {
    return IpAddr::parse(text).value();
}
Pool pool(std::string_view range, const std::vector<Cidr>& reserved = {}) {
    return Pool::make(cidr(range), reserved).value();
}

TEST(DaemonIpam, GivesEachAddressOnceAndNeverTheReservedOnes) {
    Pool p = pool("10.1.2.0/28");
    std::set<IpAddr> seen;
    for (int i = 0; i < 13; ++i) EXPECT_TRUE(seen.insert(p.allocate(1).value()).second);
    for (const auto* reserved : {"10.1.2.0", "10.1.2.1", "10.1.2.15"}) EXPECT_FALSE(seen.contains(ip(reserved)));
    const auto full = p.allocate(1);
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, ErrorCode::kExhausted);
    EXPECT_NE(full.error().message.find("13 in use"), std::string::npos) << full.error().message;
    EXPECT_EQ(p.counts(1).free, 0U);
}

TEST(DaemonIpam, AddressRestsForItsCooldown) {
    Pool p = pool("10.1.2.0/29");
    std::vector<IpAddr> all;
    for (int i = 0; i < 5; ++i) all.push_back(p.allocate(100).value());
    p.release(all[2], 130);
    EXPECT_FALSE(p.allocate(129));
    EXPECT_EQ(p.counts(129).cooling, 1U);
    EXPECT_EQ(p.allocate(130).value(), all[2]);
}

TEST(DaemonIpam, AskedForAddressMayStillCoolDown) {
    Pool p = pool("10.1.2.0/24");
    ASSERT_TRUE(p.claim(ip("10.1.2.9")));
    EXPECT_EQ(p.claim(ip("10.1.2.9")).error().code, ErrorCode::kExists);
    p.release(ip("10.1.2.9"), 1000);
    EXPECT_TRUE(p.claim(ip("10.1.2.9")));
    // The void entry of the first cool-down must not free what is in use again.
    for (int i = 0; i < 252; ++i) EXPECT_NE(p.allocate(2000).value(), ip("10.1.2.9"));
    EXPECT_FALSE(p.allocate(2000));
}

TEST(DaemonIpam, RefusesWhatIsOutsideOrReserved) {
    Pool p = pool("10.1.2.0/24", {cidr("10.1.2.16/28"), cidr("10.1.2.240/28"), cidr("192.0.2.0/24")});
    for (const auto* bad : {"10.1.3.1", "10.1.2.0", "10.1.2.1", "10.1.2.255", "10.1.2.17", "fd00::1"})
        EXPECT_EQ(p.claim(ip(bad)).error().code, ErrorCode::kInvalid) << bad;
    std::size_t given = 0;
    while (auto one = p.allocate(1)) {
        EXPECT_FALSE(cidr("10.1.2.16/28").contains(*one) || cidr("10.1.2.240/28").contains(*one)) << one->text();
        ++given;
    }
    EXPECT_EQ(given, p.counts(1).size);
    EXPECT_EQ(given, 256U - 3 - 16 - 15);
}

TEST(DaemonIpam, LargeRangesCostNothing) {
    Pool p = pool("fd00:10:244::/64", {cidr("fd00:10:244::/80")});
    EXPECT_EQ(p.allocate(1).value(), ip("fd00:10:244:0:1::"));
    EXPECT_EQ(p.allocate(1).value(), ip("fd00:10:244:0:1::1"));
    EXPECT_EQ(p.counts(1).size, UINT64_MAX);
}

TEST(DaemonIpam, RangesThatAreTooSmallAreRefused) {
    EXPECT_FALSE(Pool::make(cidr("10.0.0.0/31"), {}));
    EXPECT_FALSE(Pool::make(cidr("fd00::/127"), {}));
    EXPECT_FALSE(Pool::make(cidr("10.0.0.0/24"), {cidr("10.0.0.0/8")}));
    Pool p = pool("10.0.0.0/30");
    EXPECT_EQ(p.allocate(1).value(), ip("10.0.0.2"));
    EXPECT_FALSE(p.allocate(1));
}

TEST(DaemonIpam, BothFamiliesOrNeither) {
    Ipam ipam = Ipam::make({cidr("10.1.2.0/30"), cidr("fd00::/64"), {}, 0}).value();
    EXPECT_EQ(ipam.allocate({ip("fd00::9")}, 1).value(), (std::vector{ip("10.1.2.2"), ip("fd00::9")}));
    EXPECT_EQ(ipam.allocate({ip("fd00::8")}, 1).error().code, ErrorCode::kExhausted);
    ipam.release({ip("10.1.2.2"), ip("fd00::9")}, 1);
    EXPECT_TRUE(ipam.allocate({ip("fd00::8")}, 1)) << "the refused attempt must not have kept fd00::8";
    EXPECT_EQ(ipam.allocate({ip("192.0.2.1")}, 1).error().code, ErrorCode::kInvalid);
}

TEST(DaemonIpam, RestoredAddressesAreNotGivenAgain) {
    Ipam ipam = Ipam::make({cidr("10.1.2.0/29"), {}, {}, 60}).value();
    ipam.restore({{ip("10.1.2.2"), 7, 0}, {ip("10.1.2.3"), 0, 500}, {ip("192.0.2.7"), 8, 0}});
    EXPECT_EQ(ipam.allocate({}, 100).value(), std::vector{ip("10.1.2.4")});
    EXPECT_EQ(ipam.allocate({}, 100).value(), std::vector{ip("10.1.2.5")});
    EXPECT_EQ(ipam.allocate({}, 100).value(), std::vector{ip("10.1.2.6")});
    EXPECT_FALSE(ipam.allocate({}, 499));
    EXPECT_EQ(ipam.allocate({}, 500).value(), std::vector{ip("10.1.2.3")});
}

}  // namespace
}  // namespace weft::ipam
