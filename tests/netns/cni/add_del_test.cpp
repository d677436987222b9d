// ADD and DEL on real namespaces, with a fake weftd.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "cni/delete_queue.hpp"
#include "cni/names.hpp"
#include "datapath/loader/attach.hpp"
#include "tests/netns/cni/sandbox.hpp"

namespace weft::test {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class CniAddDel : public CniSandbox {
  protected:
    // Everything that the kernel shows of both ends; without the operational state, which it sets a moment later.
    std::string picture() const {
        const std::string show = "sh -c 'ip addr | sed s/state.[A-Z]*//; ip route; ip -6 route; ip neigh'";
        return shell(show) + in_container(show);
    }
};

TEST_F(CniAddDel, wires_both_ends_and_takes_them_down) {
    const auto added = call({});
    ASSERT_EQ(added.status, 0) << added.text();
    const auto host = cni::host_ifname("c1", "eth0");
    const auto& out = added.output;
    EXPECT_EQ(out["cniVersion"], "1.1.0");
    ASSERT_EQ(out["interfaces"].size(), 2U);
    EXPECT_EQ(out["interfaces"][0]["name"], host);
    EXPECT_EQ(out["interfaces"][0]["mac"], "02:77:65:66:74:01");
    EXPECT_FALSE(out["interfaces"][0].contains("sandbox"));
    EXPECT_EQ(out["interfaces"][1]["name"], "eth0");
    EXPECT_EQ(out["interfaces"][1]["sandbox"], netns());
    EXPECT_EQ(out["interfaces"][1]["mtu"], 1450);
    EXPECT_EQ(out["ips"], Json::parse(R"([{"address":"10.244.0.2/32","gateway":"10.244.0.1","interface":1},
                                          {"address":"fd00:10:244::2/128","gateway":"fd00:10:244::1","interface":1}])"));
    EXPECT_EQ(out["routes"],
              Json::parse(R"([{"dst":"0.0.0.0/0","gw":"10.244.0.1"},{"dst":"::/0","gw":"fd00:10:244::1"}])"));
    const auto mac = out["interfaces"][1]["mac"].get<std::string>();

    const auto host_link = shell("ip -d link show " + host);
    EXPECT_THAT(host_link, HasSubstr("02:77:65:66:74:01"));
    EXPECT_THAT(host_link, HasSubstr("mtu 1450"));
    EXPECT_THAT(host_link, HasSubstr(",UP"));
    EXPECT_EQ(shell("ip route"), "10.244.0.2 dev " + host + " proto static scope link \n");
    EXPECT_THAT(shell("ip -6 route show table main dev " + host), HasSubstr("fd00:10:244::2"));
    EXPECT_THAT(shell("ip neigh"), HasSubstr("10.244.0.2 dev " + host + " lladdr " + mac + " PERMANENT"));
    EXPECT_THAT(shell("ip -6 neigh"), HasSubstr("fd00:10:244::2 dev " + host + " lladdr " + mac + " PERMANENT"));
    EXPECT_EQ(shell("cat /proc/sys/net/ipv6/conf/" + host + "/accept_dad"), "0\n");
    EXPECT_EQ(shell("cat /proc/sys/net/ipv6/conf/" + host + "/accept_ra"), "0\n");

    const auto pod_addresses = in_container("ip addr show eth0");
    EXPECT_THAT(pod_addresses, HasSubstr("inet 10.244.0.2/32"));
    EXPECT_THAT(pod_addresses, HasSubstr("inet6 fd00:10:244::2/128"));
    EXPECT_THAT(pod_addresses, Not(HasSubstr("tentative")));
    EXPECT_THAT(pod_addresses, HasSubstr("mtu 1450"));
    EXPECT_THAT(pod_addresses, HasSubstr(mac));
    EXPECT_EQ(in_container("ip route"),
              "default via 10.244.0.1 dev eth0 proto static \n10.244.0.1 dev eth0 proto static scope link \n");
    EXPECT_THAT(in_container("ip -6 route"), HasSubstr("default via fd00:10:244::1 dev eth0"));
    EXPECT_THAT(in_container("ip neigh"), HasSubstr("10.244.0.1 dev eth0 lladdr 02:77:65:66:74:01 PERMANENT"));
    EXPECT_THAT(in_container("ip -6 neigh"), HasSubstr("fd00:10:244::1 dev eth0 lladdr 02:77:65:66:74:01 PERMANENT"));
    EXPECT_THAT(shell("tc filter show dev " + host + " ingress"), HasSubstr("from_pod"));
    EXPECT_THAT(shell("tc filter show dev " + host + " egress"), HasSubstr("to_pod"));

    EXPECT_EQ(call({.command = "DEL"}).status, 0);
    expect_nothing_left();
    EXPECT_EQ(call({.command = "DEL"}).status, 0) << "DEL is idempotent";
}

// A socket of the container, made before it has an interface.
Fd socket_in(const std::string& netns) {
    Fd out;
    std::thread([&] {
        const Fd there(open(netns.c_str(), O_RDONLY | O_CLOEXEC));
        if (setns(there.get(), CLONE_NEWNET) == 0) out.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    }).join();
    return out;
}

TEST_F(CniAddDel, what_the_pod_sends_at_once_is_not_lost) {
    const Fd socket = socket_in(netns());
    ASSERT_TRUE(socket);
    sockaddr_in gateway{};
    gateway.sin_family = AF_INET;
    gateway.sin_port = htons(9);
    inet_pton(AF_INET, "10.244.0.1", &gateway.sin_addr);
    const std::string datagram(1200, 'x');  // more than what the kernel sends by itself
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(call({}).status, 0);
        ASSERT_EQ(sendto(socket.get(), datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&gateway),
                         sizeof gateway),
                  static_cast<ssize_t>(datagram.size()));
        const auto link = Json::parse(shell("ip -s -j link show dev " + cni::host_ifname("c1", "eth0")));
        EXPECT_GT(link[0]["stats64"]["rx"]["bytes"].get<int>(), 1200) << "turn " << i;
        ASSERT_EQ(call({.command = "DEL"}).status, 0);
    }
}

TEST_F(CniAddDel, tells_weftd_what_it_made) {
    const auto added = call(
        {.args =
             "IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web;K8S_POD_UID=u-1;K8S_POD_INFRA_CONTAINER_ID=c1;X=y",
         .config = {{"labels", {{"app", "web"}}},
                    {"args", {{"cni", {{"labels", {{{"key", "tier"}, {"value", "front"}}}}}}}},
                    {"runtimeConfig", {{"ips", {"10.244.0.77/24"}}, {"mac", "0A:00:00:00:00:07"}}}}});
    ASSERT_EQ(added.status, 0) << added.text();
    const auto body = daemon().last_body();
    EXPECT_EQ(body["pod"], Json::parse(R"({"namespace":"ns","name":"web","uid":"u-1"})"));
    EXPECT_EQ(body["labels"], Json::parse(R"({"app":"web","tier":"front"})"));
    EXPECT_EQ(body["ips"], Json::parse(R"(["10.244.0.77"])"));
    EXPECT_EQ(body["mac"], "0a:00:00:00:00:07");
    EXPECT_EQ(body["network"], "weft");
    EXPECT_EQ(body["netns"], netns());
    EXPECT_EQ(std::to_string(body["netns_inode"].get<std::uint64_t>()) + "\n", shell("stat -Lc %i " + netns()));
    EXPECT_EQ(std::to_string(body["netns_dev"].get<std::uint64_t>()) + "\n", shell("stat -Lc %d " + netns()));
    EXPECT_EQ(body["host_ifname"], cni::host_ifname("c1", "eth0"));
    EXPECT_EQ(std::to_string(body["host_ifindex"].get<int>()) + "\n",
              shell("ip -o link show " + cni::host_ifname("c1", "eth0") + " | cut -d: -f1"));
    EXPECT_THAT(in_container("ip link show eth0"), HasSubstr("0a:00:00:00:00:07"));
    EXPECT_EQ(call({.command = "DEL"}).status, 0);
    expect_nothing_left();
}

TEST_F(CniAddDel, second_add_is_refused_and_leaves_the_first) {
    ASSERT_EQ(call({}).status, 0);
    const auto before = picture();
    const auto again = call({});
    EXPECT_EQ(again.status, 1);
    EXPECT_EQ(again.code(), 100U) << again.text();
    // Another container id, the same interface in the same namespace.
    EXPECT_EQ(call({.container_id = "c2"}).code(), 100U);
    EXPECT_EQ(picture(), before);
    EXPECT_EQ(daemon().endpoints().size(), 1U);
    EXPECT_EQ(call({.ifname = "eth1"}).code(), 101U) << "a second default route in one namespace";
    EXPECT_EQ(daemon().endpoints().size(), 1U);
    EXPECT_EQ(call({.command = "DEL"}).status, 0);
    expect_nothing_left();
}

TEST_F(CniAddDel, tcx_where_the_bandwidth_plugin_needs_the_qdisc) {
    if (datapath::attach_mode() == datapath::AttachMode::kClsact)
        GTEST_SKIP() << "no TCX in this kernel, or WEFT_TC=clsact";
    const auto added = call({.config = {{"runtimeConfig", {{"bandwidth", {{"ingressRate", 1000000}}}}}}});
    ASSERT_EQ(added.status, 0) << added.text();
    const auto host = cni::host_ifname("c1", "eth0");
    EXPECT_TRUE(fs::exists(bpf_dir() + "/links/" + host + "@from_pod"));
    EXPECT_TRUE(fs::exists(bpf_dir() + "/links/" + host + "@to_pod"));
    EXPECT_THAT(shell("tc qdisc show dev " + host), Not(HasSubstr("clsact")));
    EXPECT_EQ(shell("tc qdisc add dev " + host + " ingress"), "");
    EXPECT_EQ(call({.command = "DEL"}).status, 0);
    expect_nothing_left();
}

TEST_F(CniAddDel, ipv4_alone) {
    daemon().behave({.dual_stack = false});
    ASSERT_EQ(call({}).status, 0);
    EXPECT_EQ(shell("ip -6 neigh; ip -6 route | grep fd00"), "");
    EXPECT_EQ(call({.command = "DEL"}).status, 0);
    expect_nothing_left();
}

TEST_F(CniAddDel, ipv6_where_the_namespace_had_it_off) {
    in_container("sysctl -q -w net.ipv6.conf.default.disable_ipv6=1 net.ipv6.conf.all.disable_ipv6=1");
    const auto added = call({});
    ASSERT_EQ(added.status, 0) << added.text();
    EXPECT_THAT(in_container("ip addr show eth0"), HasSubstr("inet6 fd00:10:244::2/128"));
    EXPECT_EQ(call({.command = "DEL"}).status, 0);
}

TEST_F(CniAddDel, delete_without_namespace_and_without_weftd_waits_in_the_queue) {
    ASSERT_EQ(call({}).status, 0);
    stop_daemon();
    remove_container("a");
    EXPECT_EQ(call({.command = "DEL", .netns = ""}).status, 0);
    EXPECT_EQ(call({.command = "DEL", .netns = ""}).status, 0);
    EXPECT_EQ(shell("ip -o link | grep -v ' lo:'"), "");
    const auto file = run_dir() + "/delete-queue/" + cni::host_ifname("c1", "eth0") + ".json";
    ASSERT_TRUE(fs::exists(file));
    EXPECT_EQ(std::distance(fs::directory_iterator(run_dir() + "/delete-queue"), {}), 1);
    const auto record = Json::parse(std::ifstream(file));
    EXPECT_EQ(record["container_id"], "c1");
    EXPECT_EQ(record["ifname"], "eth0");
    EXPECT_EQ(record["host_ifname"], cni::host_ifname("c1", "eth0"));
    EXPECT_EQ(record["network"], "weft");
    EXPECT_GT(record["time"].get<std::int64_t>(), 1'600'000'000);
    // The same container comes again before weftd has replayed: the old record is settled first.
    start_daemon();
    add_container("a");
    ASSERT_EQ(call({}).status, 0);
    EXPECT_FALSE(fs::exists(file));
    EXPECT_EQ(daemon().endpoints().size(), 1U);
}

TEST_F(CniAddDel, full_delete_queue_says_try_again) {
    stop_daemon();
    fs::create_directories(run_dir() + "/delete-queue");
    for (std::size_t i = 0; i < cni::kMostQueued; ++i) std::ofstream(run_dir() + "/delete-queue/x" + std::to_string(i));
    const auto out = call({.command = "DEL"});
    EXPECT_EQ(out.status, 1);
    EXPECT_EQ(out.code(), 11U);
    EXPECT_EQ(std::distance(fs::directory_iterator(run_dir() + "/delete-queue"), {}),
              static_cast<std::ptrdiff_t>(cni::kMostQueued));
}

TEST_F(CniAddDel, hundred_at_once_leave_nothing) {
    constexpr int kCount = 100;
    for (int i = 0; i < kCount; ++i) add_container("p" + std::to_string(i));
    const auto all = [&](const std::string& command) {
        std::vector<std::thread> threads;
        std::atomic<int> failed = 0;
        for (int i = 0; i < kCount; ++i)
            threads.emplace_back([&, i] {
                const auto path = netns().substr(0, netns().size() - 1) + "p" + std::to_string(i);
                const auto out = spawn({.command = command, .container_id = "c" + std::to_string(i), .netns = path});
                if (out.status != 0) {
                    ++failed;
                    ADD_FAILURE() << out.text();
                }
            });
        for (auto& thread : threads) thread.join();
        return failed.load();
    };
    EXPECT_EQ(all("ADD"), 0);
    EXPECT_EQ(daemon().endpoints().size(), static_cast<std::size_t>(kCount));
    EXPECT_EQ(all("DEL"), 0);
    expect_nothing_left();
}

}  // namespace weft::test
