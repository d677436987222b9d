// CHECK, GC, STATUS; what a failing ADD leaves (nothing); recorded calls of containerd.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "cni/names.hpp"
#include "datapath/loader/attach.hpp"
#include "tests/netns/cni/sandbox.hpp"

namespace weft::test {

namespace fs = std::filesystem;
using testing::HasSubstr;

class CniVerbs : public CniSandbox {};

TEST_F(CniVerbs, check_names_each_difference) {
    const auto added = call({});
    ASSERT_EQ(added.status, 0) << added.text();
    const auto host = cni::host_ifname("c1", "eth0");
    const CniCall check{.command = "CHECK", .config = {{"prevResult", added.output}}};
    const auto clean = call(check);
    ASSERT_EQ(clean.status, 0) << clean.text();

    // Each break, how it is mended, and what CHECK must say.
    struct Break {
        bool in_pod;
        std::string break_it, mend_it, says;
    };
    const Break breaks[] = {
        {false, "ip route del 10.244.0.2 dev " + host, "ip route add 10.244.0.2 dev " + host + " scope link",
         host + ": route to 10.244.0.2: missing"},
        {false, "ip -6 route del fd00:10:244::2 dev " + host, "ip -6 route add fd00:10:244::2 dev " + host,
         host + ": route to fd00:10:244::2: missing"},
        {false, "ip neigh del 10.244.0.2 dev " + host,
         "ip neigh add 10.244.0.2 dev " + host + " lladdr " + added.output["interfaces"][1]["mac"].get<std::string>(),
         host + ": neighbour 10.244.0.2: missing"},
        {false, "tc filter del dev " + host + " ingress", "", host + ": program from_pod: missing"},
        {false, "tc filter del dev " + host + " egress", "", host + ": program to_pod: missing"},
        {true, "ip route del default", "ip route add default via 10.244.0.1",
         "eth0: default route by 10.244.0.1: missing"},
        {true, "ip neigh change 10.244.0.1 dev eth0 lladdr 02:00:00:00:00:09",
         "ip neigh change 10.244.0.1 dev eth0 lladdr 02:77:65:66:74:01", "eth0: neighbour 10.244.0.1: missing"},
        {true, "ip addr del 10.244.0.2/32 dev eth0", "ip addr add 10.244.0.2/32 dev eth0",
         "eth0: the address 10.244.0.2/32 is missing"},
        {true, "ip link set eth0 mtu 1300", "ip link set eth0 mtu 1450", "the MTU 1450, eth0 1300"},
        {true, "ip link set eth0 address 02:00:00:00:00:08", "", "eth0: has the MAC 02:00:00:00:00:08"},
        {false, "ip link set " + host + " down", "", host + ": is down"},
        {false, "ip link del " + host, "", host + ": "},
    };
    for (const auto& entry : breaks) {
        const auto act = [&](const std::string& command) {
            return entry.in_pod ? in_container(command) : shell(command);
        };
        EXPECT_EQ(act(entry.break_it), "");
        const auto out = call(check);
        EXPECT_EQ(out.code(), 103U) << entry.break_it;
        EXPECT_THAT(out.output.value("details", ""), HasSubstr(entry.says)) << entry.break_it;
        if (!entry.mend_it.empty()) {
            EXPECT_EQ(act(entry.mend_it), "");
        }
    }
}

TEST_F(CniVerbs, check_hears_weftd) {
    const auto added = call({});
    ASSERT_EQ(added.status, 0);
    daemon().behave({.differences = {"map addr4 has no row for 10.244.0.2"}});
    const CniCall check{.command = "CHECK", .config = {{"prevResult", added.output}}};
    const auto out = call(check);
    EXPECT_EQ(out.code(), 103U);
    EXPECT_EQ(out.output["details"], "weftd: map addr4 has no row for 10.244.0.2");
    const auto body = daemon().last_body();
    EXPECT_EQ(body["ips"], Json::parse(R"(["10.244.0.2","fd00:10:244::2"])"));
    EXPECT_EQ(body["mac"], added.output["interfaces"][1]["mac"]);
    stop_daemon();
    EXPECT_EQ(call(check).code(), 11U);
    start_daemon();  // another one, which knows nothing
    EXPECT_EQ(call(check).code(), 3U);
}

TEST_F(CniVerbs, check_in_older_versions) {
    for (const char* version : {"0.4.0", "1.0.0"}) {
        const auto added = call({.config = {{"cniVersion", version}}});
        ASSERT_EQ(added.status, 0) << added.text();
        EXPECT_EQ(added.output["ips"][0].contains("version"), std::string(version) == "0.4.0");
        // Another plugin of the chain has added an address on an interface of its own.
        auto previous = added.output;
        previous["interfaces"].push_back({{"name", "ifb0"}});
        const auto checked = call({.command = "CHECK", .config = {{"cniVersion", version}, {"prevResult", previous}}});
        EXPECT_EQ(checked.status, 0) << checked.text();
        EXPECT_EQ(call({.command = "DEL", .config = {{"cniVersion", version}}}).status, 0);
    }
    expect_nothing_left();
}

TEST_F(CniVerbs, garbage_is_what_the_list_does_not_name) {
    ASSERT_EQ(call({}).status, 0);
    const auto other = add_container("b");
    ASSERT_EQ(call({.container_id = "c2", .netns = other}).status, 0);
    const auto out = call(
        {.command = "GC", .config = {{"cni.dev/valid-attachments", {{{"containerID", "c2"}, {"ifname", "eth0"}}}}}});
    EXPECT_EQ(out.status, 0) << out.text();
    EXPECT_EQ(shell("ip -o link show " + cni::host_ifname("c1", "eth0") + " 2>/dev/null | grep -c UP"), "0\n");
    EXPECT_EQ(shell("ip -o link show " + cni::host_ifname("c2", "eth0") + " 2>/dev/null | grep -c UP"), "1\n");
    EXPECT_EQ(daemon().endpoints().size(), 1U);
    EXPECT_TRUE(daemon().endpoints().contains("c2/eth0"));
}

TEST_F(CniVerbs, status_is_the_state_of_weftd_and_its_programs) {
    EXPECT_EQ(call({.command = "STATUS"}).status, 0);
    daemon().behave({.healthy = false});
    const auto ill = call({.command = "STATUS"});
    EXPECT_EQ(ill.code(), 51U);
    EXPECT_THAT(ill.text(), HasSubstr("map write failed"));
    daemon().behave({});
    fs::remove(bpf_dir() + "/progs/to_pod");
    EXPECT_EQ(call({.command = "STATUS"}).code(), 51U);
    stop_daemon();
    EXPECT_EQ(call({.command = "STATUS"}).code(), 50U);
}

// Every way in which a step of ADD can fail. Nothing may be left, and nothing may be queued.
TEST_F(CniVerbs, failing_add_leaves_nothing) {
    struct Failure {
        std::string name;
        FakeDaemon::Behaviour behaviour;
        unsigned code;
    };
    const Failure failures[] = {
        {"weftd not ready", {.refuse_status = 503, .refuse_code = "unavailable"}, 11},
        {"pool used up", {.refuse_status = 507, .refuse_code = "exhausted"}, 104},
        {"refused value", {.refuse_status = 400, .refuse_code = "invalid"}, 7},
        {"known already", {.refuse_status = 409, .refuse_code = "exists"}, 100},
        {"internal error", {.refuse_status = 500, .refuse_code = "internal"}, 102},
        {"connection cut after the work", {.hang_up = true}, 11},
        {"garbage after the work", {.garbage = "HTTP/1.1 201 X\r\nContent-Length: 2\r\n\r\n[]"}, 102},
        {"an answer that is no HTTP", {.garbage = "hello\r\n\r\n"}, 11},
        {"another gateway", {.gateway_mac = "02:00:00:00:00:01"}, 102},
        {"impossible MTU", {.mtu = 100}, 101},
    };
    for (const auto& failure : failures) {
        SCOPED_TRACE(failure.name);
        daemon().behave(failure.behaviour);
        const auto out = call({});
        EXPECT_EQ(out.status, 1);
        EXPECT_EQ(out.code(), failure.code) << out.text();
        expect_nothing_left();
    }
}

TEST_F(CniVerbs, failing_kernel_steps_leave_nothing) {
    {
        SCOPED_TRACE("no program is pinned");
        fs::rename(bpf_dir() + "/progs/to_pod", bpf_dir() + "/progs/away");
        EXPECT_EQ(call({}).code(), 101U);
        expect_nothing_left();
        fs::rename(bpf_dir() + "/progs/away", bpf_dir() + "/progs/to_pod");
    }
    {
        SCOPED_TRACE("weftd is away");
        stop_daemon();
        EXPECT_EQ(call({}).code(), 11U);
        expect_nothing_left();
        start_daemon();
    }
    {
        SCOPED_TRACE("the pod has a default route");
        in_container("ip link add other type veth peer name other2");
        in_container("ip link set other up");
        in_container("ip route add default dev other");
        const auto out = call({});
        EXPECT_EQ(out.code(), 101U) << out.text();
        in_container("ip link del other");
        expect_nothing_left();
    }
    {
        SCOPED_TRACE("the host routes the address elsewhere");
        shell(
            "ip link add other type veth peer name other2; ip link set other up; ip route add 10.244.0.3 dev other "
            "scope link; ip "
            "route add 10.244.0.4 dev other scope link;"
            "ip route add 10.244.0.5 dev other scope link");
        EXPECT_EQ(call({}).code(), 101U);
        shell("ip link del other");
        expect_nothing_left();
    }
    {
        SCOPED_TRACE("the namespace is gone, or none");
        for (const auto& path :
             {run_dir() + "/none", run_dir(), std::string("/proc/self/ns/net"), std::string("/proc/self/ns/uts")})
            EXPECT_EQ(call({.netns = path}).code(), 4U) << path;
        expect_nothing_left();
    }
    ASSERT_EQ(call({}).status, 0) << "and after all that it works";
}

// The runtime's part of each recorded call as it was; the network's own keys are weft's.
TEST_F(CniVerbs, recorded_calls_of_containerd) {
    const fs::path recorded = fs::path(WEFT_SOURCE_DIR) / "../shared/kube/transcripts/cni";
    ASSERT_TRUE(fs::exists(recorded)) << "the recorded calls stand beside the checkout";
    const std::set<std::string> of_the_runtime = {"cniVersion", "capabilities", "runtimeConfig", "prevResult",
                                                  "args",       "dns",          "ipam",          "name"};
    int calls = 0;
    for (const auto& folder : fs::directory_iterator(recorded)) {
        if (!folder.is_directory()) continue;
        std::set<fs::path> files;  // their names begin with the time of the call
        for (const auto& file : fs::directory_iterator(folder))
            if (file.path().extension() == ".env") files.insert(file.path());
        std::map<std::string, std::string> namespaces;  // recorded path -> ours
        for (const auto& file : files) {
            SCOPED_TRACE(file.string());
            std::map<std::string, std::string> variables;
            std::ifstream lines(file);
            for (std::string line; std::getline(lines, line);)
                variables[line.substr(0, line.find('='))] = line.substr(line.find('=') + 1);
            const auto stdin_file = file.string().substr(0, file.string().size() - 4) + ".stdin.json";
            Json config = Json::object();
            const Json recorded_config = Json::parse(std::ifstream(stdin_file));
            for (const auto& [key, value] : recorded_config.items())
                if (of_the_runtime.contains(key)) config[key] = value;
            std::string netns = variables["CNI_NETNS"];
            if (!netns.empty() && !namespaces.contains(netns))
                namespaces[netns] = add_container("r" + std::to_string(calls));
            if (!netns.empty()) netns = namespaces[netns];
            const auto out = spawn({.command = variables["CNI_COMMAND"],
                                    .container_id = variables["CNI_CONTAINERID"],
                                    .ifname = variables["CNI_IFNAME"],
                                    .netns = netns,
                                    .args = variables["CNI_ARGS"],
                                    .config = config});
            ASSERT_EQ(out.status, 0) << out.text();
            if (variables["CNI_COMMAND"] == "ADD") {
                EXPECT_EQ(out.output["cniVersion"], config["cniVersion"]);
                const auto body = daemon().last_body();
                EXPECT_THAT(variables["CNI_ARGS"], HasSubstr("K8S_POD_NAME=" + body["pod"]["name"].get<std::string>()));
                EXPECT_THAT(variables["CNI_ARGS"], HasSubstr("K8S_POD_UID=" + body["pod"]["uid"].get<std::string>()));
            } else {
                EXPECT_TRUE(out.output.is_null()) << out.text();
            }
            ++calls;
        }
    }
    EXPECT_GT(calls, 15);
}

// What the reference plugins make of our result: the chain that a runtime would run.
TEST_F(CniVerbs, reference_plugins_run_after_it) {
    ASSERT_TRUE(fs::exists("/usr/lib/cni/tuning")) << "Debian's containernetworking-plugins are needed";
    const auto added =
        call({.config = {{"cniVersion", "1.0.0"}, {"runtimeConfig", {{"bandwidth", {{"ingressRate", 8000000}}}}}}});
    ASSERT_EQ(added.status, 0) << added.text();
    // Shaping what the pod sends takes an ingress qdisc, which excludes clsact: a limit on kernels without TCX
    // (README).
    const bool tcx = datapath::attach_mode() == datapath::AttachMode::kTcx;
    Json bandwidth = {{"ingressRate", 8000000}, {"ingressBurst", 8000000}};
    if (tcx) bandwidth.update({{"egressRate", 8000000}, {"egressBurst", 8000000}});
    const std::pair<std::string, Json> plugins[] = {
        {"tuning", {{"mtu", 1400}}},
        {"portmap",
         {{"capabilities", {{"portMappings", true}}},
          {"runtimeConfig", {{"portMappings", {{{"hostPort", 8080}, {"containerPort", 80}, {"protocol", "tcp"}}}}}}}},
        {"bandwidth", bandwidth},
    };
    const std::string variables = "CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_PATH=/usr/lib/cni CNI_NETNS=" + netns();
    const auto run = [&](std::string_view command, std::string_view plugin) {
        return shell(
            fmt::format("CNI_COMMAND={0} {1} /usr/lib/cni/{2} < {3}/{2}", command, variables, plugin, run_dir()));
    };
    for (const auto& [plugin, own] : plugins) {
        Json config = {{"cniVersion", "1.0.0"}, {"name", "weft"}, {"type", plugin}, {"prevResult", added.output}};
        config.update(own);
        std::ofstream(fmt::format("{}/{}", run_dir(), plugin)) << config;
        const auto text = run("ADD", plugin);
        const auto result = Json::parse(text, nullptr, false);
        EXPECT_TRUE(result.is_object() && result.contains("interfaces") && result["ips"] == added.output["ips"])
            << plugin << ": " << text;
    }
    const auto filters = shell("tc qdisc show dev " + cni::host_ifname("c1", "eth0"));
    EXPECT_THAT(filters, HasSubstr("tbf")) << "bandwidth shapes our host end";
    if (tcx) {
        EXPECT_THAT(filters, HasSubstr("ingress"));
    }
    for (const auto& [plugin, own] : plugins) EXPECT_EQ(run("DEL", plugin), "") << plugin;
    EXPECT_EQ(call({.command = "DEL"}).status, 0);
    expect_nothing_left();
}

}  // namespace weft::test
