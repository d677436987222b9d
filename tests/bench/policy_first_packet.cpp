#include <bpf/bpf.h>
#include <unistd.h>

#include <stdexcept>

#include "tests/bench/bpf_runner.hpp"
#include "tests/bench/policy_bench.hpp"

namespace weft::bench {

namespace {

using test::median;
using test::prove;

constexpr int kRounds = 15, kBatch = 8000;

const char* const kOnePolicy = R"({"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy",
    "metadata":{"name":"one","namespace":"one"},"spec":{"podSelector":{},"policyTypes":["Ingress","Egress"],
    "ingress":[{"from":[{"podSelector":{}}]}],"egress":[{"to":[{"podSelector":{}}]}]}})";

struct Side {
    PolicyNode& node;
    test::BpfRunner runner;
    test::Bytes frame;
    Fd program;
    std::vector<double> times = {};
    std::uint32_t turn = 1;

    Side(PolicyNode& on, const std::string& source, const std::string& destination)
        : node(on),
          runner(WEFT_BENCH_OBJECT, on.world().pins(), 1),
          program(bpf_obj_get(on.world().pins().program(WEFT_PROG_FROM_POD).c_str())) {
        test::PacketSpec spec{.source = source, .destination = destination, .source_port = 1};
        spec.destination_port = 8080;
        spec.tcp_flags = test::kSyn;
        frame = test::build(spec);
        // Half-open entries leave when they are aged: the table is mostly empty, except in a flood.
        auto control = node.world().control();
        control.timeout_half_open = 0;
        node.world().set_control(control);
    }

    void round() {
        node.enter();
        node.world().events();
        runner.set_headers({frame}, BENCH_STRANGERS);
        const double empty = runner.raw(runner.program("empty"), node.device(0), kBatch, turn);
        const double time = runner.raw(program.get(), node.device(0), kBatch, turn);
        turn += kBatch;
        const auto events = node.world().events();
        prove(events.size() == kBatch, "first packet");
        for (const auto& event : events) prove(event.header.type == WEFT_EVENT_NEW, "first packet");
        times.push_back(time - empty);
        usleep(40000);  // two ticks, then everything half-open is over its time
        if (!datapath::age_flows(node.world().pins())) throw std::runtime_error("ageing");
        node.world().events();
    }
};

}  // namespace

void bench_first_packet(PolicyNode& full, const std::string& source, const std::string& destination) {
    PolicyNode single("policy-bench-one");
    const auto a = single.add("a", "one", {{"app", "a"}}), b = single.add("b", "one", {{"app", "b"}});
    if (!a || !b) throw std::runtime_error("pods of the node with one policy");
    if (auto done = single.apply(kOnePolicy); !done) throw std::runtime_error(done.error().text());
    Side one(single, a->ips[0].text(), b->ips[0].text());
    Side many(full, source, destination);
    std::vector<double> ratios;
    for (int i = 0; i < kRounds; ++i) {
        one.round();
        many.round();
        ratios.push_back(many.times.back() / one.times.back());
    }
    full.enter();
    print({.name = "first packet between two pods that nothing is remembered of",
           .value = median(many.times),
           .unit = "ns",
           .against = fmt::format("one policy: {:.0f}", median(one.times)),
           .ratio = median(ratios),
           .at_most = 1.2});
}

}  // namespace weft::bench
