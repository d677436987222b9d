// common/netlink and cni/net/wire on real devices.
#include "common/netlink.hpp"

#include <gmock/gmock.h>
#include <linux/rtnetlink.h>

#include "cni/net/inspect.hpp"
#include "cni/net/wire.hpp"
#include "tests/netns/cni/sandbox.hpp"

namespace weft::test {

using cni::Inspector;

class NetlinkExchange : public CniSandbox {
  protected:
    void SetUp() override {
        CniSandbox::SetUp();
        if (IsSkipped()) return;
        shell("ip link add wt0 type veth peer name wt1");
        auto opened = NetlinkSocket::open();
        ASSERT_TRUE(opened) << opened.error().text();
        socket_ = std::move(*opened);
        index_ = socket_.index_of("wt0").value_or(0);
        ASSERT_NE(index_, 0);
    }

    NetlinkSocket socket_;
    int index_ = 0;
};

TEST_F(NetlinkExchange, the_first_failure_is_told_and_the_rest_is_done) {
    const auto ip = *IpAddr::parse("10.9.8.7");
    NetlinkRequests requests;
    cni::add_address(requests, index_, ip);
    cni::add_address(requests, index_, ip);
    cni::add_device_route(requests, 999'999, *IpAddr::parse("10.9.8.1"));
    cni::set_up(requests, index_, 1400);
    const auto done = socket_.run(std::move(requests));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kExists) << done.error().text();
    EXPECT_THAT(done.error().text(), testing::HasSubstr("add the address 10.9.8.7"));
    const auto inspector = Inspector::open();
    ASSERT_TRUE(inspector);
    EXPECT_THAT(inspector->addresses(index_).value(), testing::ElementsAre("10.9.8.7/32"));
    const auto link = inspector->link("wt0").value();
    EXPECT_TRUE(link.up);
    EXPECT_EQ(link.mtu, 1400U);
}

TEST_F(NetlinkExchange, a_socket_serves_again_after_a_failure) {
    NetlinkRequests wrong;
    cni::set_up(wrong, 999'999, 1500);
    const auto failed = socket_.run(std::move(wrong));
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::kNotFound) << failed.error().text();
    for (const unsigned mtu : {1300U, 1200U}) {
        NetlinkRequests right;
        cni::set_up(right, index_, mtu);
        const auto done = socket_.run(std::move(right));
        ASSERT_TRUE(done) << done.error().text();
        EXPECT_EQ(Inspector::open()->link("wt0")->mtu, mtu);
    }
    EXPECT_TRUE(socket_.run({})) << "nothing to ask is no error";
}

TEST_F(NetlinkExchange, what_is_expected_is_no_error) {
    ifinfomsg body{};
    for (const int expected : {EEXIST, 0}) {
        NetlinkRequests requests;
        requests.begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body, "make a dummy", expected);
        requests.put(IFLA_IFNAME, std::string_view("wt0\0", 4));
        const auto info = requests.open(IFLA_LINKINFO);
        requests.put(IFLA_INFO_KIND, std::string_view("veth"));
        requests.close(info);
        cni::set_up(requests, index_, 1280);
        EXPECT_EQ(socket_.run(std::move(requests)).has_value(), expected == EEXIST);
    }
}

TEST_F(NetlinkExchange, names_that_are_no_device) {
    for (const char* name : {"wt9", "", "a-name-that-is-too-long-for-a-device"}) {
        const auto index = socket_.index_of(name);
        ASSERT_FALSE(index);
        EXPECT_EQ(index.error().code, ErrorCode::kNotFound) << name;
    }
    EXPECT_TRUE(cni::delete_link(socket_, index_));
    EXPECT_TRUE(cni::delete_link(socket_, index_)) << "it is gone";
}

}  // namespace weft::test
