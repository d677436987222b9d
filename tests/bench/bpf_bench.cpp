// eBPF times by BPF_PROG_TEST_RUN: one JSON row a line. A wrapper restores the packet before every repeat and
// tail-calls the program; what the wrapper costs around an empty program is taken off. Peer and weft are measured in
// turn; the numbers are medians. Counters prove that every repeat took the path that the row names.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sched.h>

#include <algorithm>
#include <cstring>
#include <iostream>
#include <random>

#include "common/fd.hpp"
#include "common/json.hpp"
#include "tests/bench/bpf_runner.hpp"
#include "tests/bpf/dns_message.hpp"
#include "tests/bpf/dns_names.hpp"
#include "tests/bpf/world.hpp"

namespace weft::test {
namespace {

constexpr std::uint32_t kFlows = 65536;
constexpr int kRounds = 9;  // medians of these

// A row; `bar` 0: reported only.
void row(const std::string& name, double value, const std::string& against, double peer, double bar) {
    Json out = {{"name", name}, {"value", value}, {"unit", "ns"}, {"against", against}};
    if (peer > 0) out["ratio"] = value / peer;
    if (bar > 0) {
        out["bar"] = bar;
        out["holds"] = value / peer <= bar;
    }
    std::cout << out.dump() << std::endl;
}

struct Setup {
    World world;
    World::Pod a, b;
    BpfRunner bench;
    std::uint32_t uplink;
    int weft = -1, from_netdev = -1;

    explicit Setup(const char* object_path, const std::string& name)
        : world(name, datapath::Sizes{}),
          a(world.add_pod(1)),
          b(world.add_pod(2)),
          bench(object_path, world.pins(), datapath::Sizes{}.flows4),
          uplink(world.add_uplink()),
          weft(bpf_obj_get(world.pins().program(WEFT_PROG_FROM_POD).c_str())),
          from_netdev(bpf_obj_get(world.pins().program(WEFT_PROG_FROM_NETDEV).c_str())) {
        // Both ends isolated, as in the peers' figures.
        world.set_policies(
            a, world.add_policy({{0, World::deny_all(1)}, {b.class_id, World::allow_port(kTcp, 80, 2, 1)}}), 0);
        world.set_policies(b, 0, world.add_policy({{0, World::deny_all(3)}, {a.class_id, World::allow_all(4)}}));
    }
    ~Setup() {
        close(weft);
        close(from_netdev);
    }

    PacketSpec flow(std::uint32_t i, bool v6) const {
        return {
            .source = v6 ? a.v6 : a.v4, .destination = v6 ? b.v6 : b.v4, .source_port = static_cast<std::uint16_t>(i)};
    }
    // Opens and answers `count` connections, so that both entries are in the main table.
    std::vector<Bytes> establish(std::uint32_t count, bool v6) {
        std::vector<Bytes> frames;
        for (std::uint32_t i = 0; i < count; ++i) {
            PacketSpec spec = flow(count == 1 ? 40000 : i, v6), back = answer(spec);
            spec.tcp_flags = kSyn;
            back.tcp_flags = kSyn | kAck;
            world.run(WEFT_PROG_FROM_POD, a.ifindex, build(spec));
            if (world.run(WEFT_PROG_FROM_POD, b.ifindex, build(back)).verdict != kRedirect)
                throw std::runtime_error("not established");
            spec.tcp_flags = kAck;
            frames.push_back(build(spec));
            if (i % 4096 == 0) world.events();
        }
        world.events();
        std::ranges::shuffle(frames, std::mt19937(1));
        return frames;
    }
    // The floor's map holds what weft's does: both directions of every flow. They are entered in another random order
    // than the packets come in: a hash map hands out its rows one after the other, and a walk along them would find
    // each row already in the cache.
    void fill_floor(std::vector<Bytes> frames) {
        std::ranges::shuffle(frames, std::mt19937(2));
        const floor_value value{
            .packets = 0, .bytes = 0, .ifindex = b.ifindex, .mac = {0x0a, 0, 0, 0, 0, 2}, .reserved = 0};
        for (const auto& frame : frames) {
            weft_key4 key{};
            std::memcpy(&key.source, &frame[26], 8);
            std::memcpy(&key.source_port, &frame[34], 4);
            key.protocol = kTcp;
            bpf_map_update_elem(bench.map("floor_flows"), &key, &value, 0);
            std::swap(key.source, key.destination);
            std::swap(key.source_port, key.destination_port);
            bpf_map_update_elem(bench.map("floor_flows"), &key, &value, 0);
        }
    }
};

// Floor and weft in turn; gives the floor's and weft's medians.
std::pair<double, double> established(Setup& s, const std::vector<Bytes>& floor_frames,
                                      const std::vector<Bytes>& frames, int repeat, const std::string& name) {
    std::vector<double> floor, weft;
    for (int i = 0; i < kRounds; ++i) {
        s.bench.set_headers(floor_frames, BENCH_SAME);
        double empty = s.bench.raw(s.bench.program("empty"), s.a.ifindex, repeat);
        floor.push_back(s.bench.raw(s.bench.program("floor_program"), s.a.ifindex, repeat) - empty);
        prove(s.bench.verdict() == kRedirect, "floor");
        s.bench.set_headers(frames, BENCH_SAME);
        empty = s.bench.raw(s.bench.program("empty"), s.a.ifindex, repeat);
        const auto before = s.world.metric(WEFT_FORWARDED, WEFT_HOOK_FROM_POD);
        weft.push_back(s.bench.raw(s.weft, s.a.ifindex, repeat) - empty);
        prove(s.world.metric(WEFT_FORWARDED, WEFT_HOOK_FROM_POD) - before == static_cast<std::uint64_t>(repeat), name);
        prove(s.world.events().empty(), name);
    }
    return {median(floor), median(weft)};
}

void bench_established(Setup& s, const std::vector<Bytes>& one) {
    s.fill_floor(one);
    const auto [floor1, weft1] = established(s, one, one, 400000, "established, 1 flow");
    row("floor, 1 flow", floor1, "", 0, 0);
    row("established pod to pod, IPv4 TCP, 1 flow", weft1, "floor", floor1, 1.5);
    const auto one6 = s.establish(1, true);
    const auto [floor16, weft16] = established(s, one, one6, 400000, "established, IPv6, 1 flow");
    row("established pod to pod, IPv6 TCP, 1 flow", weft16, "IPv4 floor", floor16, 1.8);
    const auto many = s.establish(kFlows, false);
    s.fill_floor(many);
    const auto [floor64, weft64] = established(s, many, many, 400000, "established, 64k flows");
    row("floor, 64k flows in random order", floor64, "", 0, 0);
    row("established pod to pod, IPv4 TCP, 64k flows", weft64, "floor", floor64, 1.3);
    const auto many6 = s.establish(kFlows, true);
    const auto [floor646, weft646] = established(s, many, many6, 400000, "established, IPv6, 64k flows");
    row("established pod to pod, IPv6 TCP, 64k flows", weft646, "IPv4 floor", floor646, 1.8);
}

// One flow of the floor program, between the rounds of a row that is compared with it.
double floor_now(Setup& s, const std::vector<Bytes>& frames) {
    constexpr int kRepeat = 100000;
    s.bench.set_headers(frames, BENCH_SAME);
    const double empty = s.bench.raw(s.bench.program("empty"), s.a.ifindex, kRepeat);
    const double time = s.bench.raw(s.bench.program("floor_program"), s.a.ifindex, kRepeat) - empty;
    prove(s.bench.verdict() == kRedirect, "floor");
    return time;
}

// First packets from a to b; `fresh` says what is new about each.
void bench_first(Setup& s, const std::vector<Bytes>& one, bench_fresh fresh, const std::string& name, double bar) {
    constexpr int kBatch = 8000;  // events of a batch fit the ring; the reader empties it between batches
    PacketSpec spec = s.flow(1, false);
    spec.tcp_flags = kSyn;
    spec.destination_port = 8080;
    // Any port: the policies must allow what the wrapper makes up.
    s.world.set_policies(s.a, s.world.add_policy({{0, World::deny_all(1)}, {s.b.class_id, World::allow_all(2)}}), 0);
    s.world.raise_generation();
    // Half-open entries leave when they are answered or aged: the table is mostly empty, except in a flood.
    weft_control control = s.world.control();
    control.timeout_half_open = 0;
    s.world.set_control(control);
    std::vector<double> times, floor;
    std::uint32_t turn = 1;
    for (int i = 0; i < kRounds; ++i) {
        floor.push_back(floor_now(s, one));
        s.bench.set_headers({build(spec)}, fresh);
        const double empty = s.bench.raw(s.bench.program("empty"), s.a.ifindex, kBatch, turn);
        const double time = s.bench.raw(s.weft, s.a.ifindex, kBatch, turn);
        turn += kBatch;
        const auto events = s.world.events();
        prove(events.size() == kBatch, name);
        for (const auto& event : events) prove(event.header.type == WEFT_EVENT_NEW, name);
        times.push_back(time - empty);
        usleep(40000);  // two ticks, then everything half-open is over its time
        if (!datapath::age_flows(s.world.pins())) throw std::runtime_error("ageing");
        s.world.events();
    }
    row(name, median(times), "floor", median(floor), bar);
}

void bench_denied(Setup& s, const std::vector<Bytes>& one) {
    PacketSpec spec = s.flow(1, false);
    spec.destination_port = 81;
    spec.tcp_flags = kSyn;
    s.world.set_policies(
        s.a, s.world.add_policy({{0, World::deny_all(1)}, {s.b.class_id, World::allow_port(kTcp, 80, 2, 1)}}), 0);
    s.world.raise_generation();
    std::vector<double> same, fresh, floor;
    constexpr int kRepeat = 200000, kBatch = 8000;
    for (int i = 0; i < kRounds; ++i) {
        floor.push_back(floor_now(s, one));
        s.bench.set_headers({build(spec)}, BENCH_SAME);
        double empty = s.bench.raw(s.bench.program("empty"), s.a.ifindex, kRepeat);
        const auto before = s.world.metric(WEFT_DROP_POLICY_DENIED, WEFT_HOOK_FROM_POD);
        same.push_back(s.bench.raw(s.weft, s.a.ifindex, kRepeat) - empty);
        prove(s.world.metric(WEFT_DROP_POLICY_DENIED, WEFT_HOOK_FROM_POD) - before == kRepeat, "denied");
        s.bench.set_headers({build(spec)}, BENCH_OTHER_PORTS);
        empty = s.bench.raw(s.bench.program("empty"), s.a.ifindex, kBatch, 77);
        fresh.push_back(s.bench.raw(s.weft, s.a.ifindex, kBatch, 77 + static_cast<std::uint32_t>(i) * kBatch) - empty);
        s.world.events();
    }
    row("denied packet, the same again", median(same), "floor", median(floor), 3);
    row("denied packet, other ports each time", median(fresh), "floor", median(floor), 0);
}

// A connection to the outside with masquerading, in both directions: what a packet of it costs.
void bench_masqueraded(Setup& s, const std::vector<Bytes>& one, bool v6) {
    constexpr int kRepeat = 200000;
    const std::string family = v6 ? "IPv6" : "IPv4", name = "masqueraded, " + family;
    PacketSpec out = s.flow(40000, v6);
    out.destination = v6 ? "2001:db8:ffff::7" : "198.51.100.7";
    out.tcp_flags = kSyn;
    PacketSpec back = answer(out);
    const Parsed sent = parse(s.world.run(WEFT_PROG_FROM_POD, s.a.ifindex, build(out)).frame);
    back.destination = sent.source;
    back.destination_port = sent.source_port;
    back.tcp_flags = kSyn | kAck;
    if (s.world.run(WEFT_PROG_FROM_NETDEV, s.uplink, build(back)).verdict != kRedirect)
        throw std::runtime_error("not established: " + name);
    s.world.events();
    out.tcp_flags = back.tcp_flags = kAck;
    std::vector<double> times[2], floor;
    for (int i = 0; i < kRounds; ++i) {
        floor.push_back(floor_now(s, one));
        for (const bool answers : {false, true}) {
            const auto ifindex = answers ? s.uplink : s.a.ifindex;
            const auto hook = answers ? WEFT_HOOK_FROM_NETDEV : WEFT_HOOK_FROM_POD;
            s.bench.set_headers({build(answers ? back : out)}, BENCH_SAME);
            const double empty = s.bench.raw(s.bench.program("empty"), ifindex, kRepeat);
            const auto before = s.world.metric(WEFT_FORWARDED, hook);
            times[answers].push_back(s.bench.raw(answers ? s.from_netdev : s.weft, ifindex, kRepeat) - empty);
            prove(s.world.metric(WEFT_FORWARDED, hook) - before == kRepeat && s.world.events().empty(), name);
        }
    }
    row("established pod to outside, masqueraded, " + family + " TCP", median(times[0]), "floor", median(floor), 0);
    row("its answer from outside", median(times[1]), "floor", median(floor), 0);
}

// From a question's answer to eight addresses that the pod may go to, with its event and the way into the pod; every
// answer has its question. The same without a policy that speaks of names beside it.
void bench_dns_answer(Setup& s, bool v6) {
    constexpr int kBatch = 1500;  // questions and answers of a round have their events (DNS_EVENTS_PER_SECOND)
    const std::string family = v6 ? "IPv6" : "IPv4", name = "DNS answer of 8 addresses, " + family;
    put_automaton(s.world, 0, 1, {"www.example.com", "**.example.org"});
    DnsMessage question{.name = dns_name("www.example.com"), .type = v6 ? kTypeAaaa : kTypeA};
    std::vector<std::string> addresses;
    for (int i = 1; i <= 8; ++i) addresses.push_back(fmt::format("{}{}", v6 ? "2001:db8:2::" : "203.0.113.", i));
    PacketSpec ask = s.flow(40053, v6);
    ask.protocol = kUdp;
    ask.destination_port = WEFT_DNS_PORT;
    PacketSpec said = answer(ask);
    ask.payload = question.bytes();
    said.payload = dns_answer(question, addresses).bytes();
    std::vector<double> times[2];
    for (const bool read : {false, true}) {
        s.world.read_dns(s.a, read);
        s.world.raise_generation();
        for (int i = 0; i < kRounds; ++i) {
            sleep(read ? 1 : 0);
            const auto before = s.world.dns_count(WEFT_DNS_ADDRESSES);
            s.bench.set_headers({build(ask)}, BENCH_OTHER_DNS_ID);
            s.bench.raw(s.weft, s.a.ifindex, kBatch);
            s.bench.set_headers({build(said)}, BENCH_OTHER_DNS_ID);
            const double empty = s.bench.raw(s.bench.program("empty"), s.b.ifindex, kBatch);
            times[read].push_back(s.bench.raw(s.weft, s.b.ifindex, kBatch) - empty);
            prove(s.world.dns_count(WEFT_DNS_ADDRESSES) - before == (read ? 8U * kBatch : 0), name);
            s.world.events();
            prove(s.world.dns_events().size() == (read ? 2U * kBatch : 0), name);
        }
    }
    row(name + ", not read", median(times[0]), "", 0, 0);
    row(name + ", entered, with its event", median(times[1]), "a microsecond", 1000, 3);
    s.world.read_dns(s.a, false);
}

int run(const char* object_path) {
    cpu_set_t cpu;
    CPU_ZERO(&cpu);
    CPU_SET(static_cast<std::size_t>(sched_getcpu()), &cpu);
    sched_setaffinity(0, sizeof cpu, &cpu);
    Setup setup(object_path, "bpf-bench");
    const auto one = setup.establish(1, false);
    bench_established(setup, one);
    bench_first(setup, one, BENCH_OTHER_PORTS, "first packet, both policies, both entries, event", 15);
    bench_first(setup, one, BENCH_OTHER_SOURCE_PORT, "the same to a port that was decided about a moment ago", 15);
    bench_first(setup, one, BENCH_STRANGERS, "the same between two that nothing is remembered of", 0);
    bench_denied(setup, one);
    setup.world.set_policies(setup.a, 0, 0);
    setup.world.raise_generation();
    bench_masqueraded(setup, one, false);
    bench_masqueraded(setup, one, true);
    bench_dns_answer(setup, false);
    bench_dns_answer(setup, true);
    return 0;
}

}  // namespace
}  // namespace weft::test

int main() {
    try {
        return weft::test::run(WEFT_BENCH_OBJECT);
    } catch (const std::exception& e) {
        std::cerr << "bpf_bench: " << e.what() << "\n";
        return 1;
    }
}
