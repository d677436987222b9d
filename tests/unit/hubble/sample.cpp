#include "sample.hpp"

#include <arpa/inet.h>

#include <cstring>

namespace weft::hubble::test {

namespace {

weft_ip wire(const std::string& text) {
    weft_ip out{};
    const auto ip = IpAddr::parse(text);
    if (ip) std::memcpy(out.b, ip->bytes().data(), sizeof out.b);
    return out;
}

}  // namespace

weft_event sample_event(const Ends& ends) {
    weft_event event{};
    event.header = {WEFT_EVENT_NEW, WEFT_EVENT_VERSION, sizeof event};
    event.hook = WEFT_HOOK_FROM_POD;
    event.direction = WEFT_INGRESS;
    event.time_ns = 1'000'000'000;
    event.source = wire(ends.source);
    event.destination = wire(ends.destination);
    event.source_port = htons(ends.source_port);
    event.destination_port = htons(ends.destination_port);
    event.protocol = ends.protocol;
    event.tcp_flags = ends.protocol == 6 ? 0x02 : 0;
    event.source_identity = 260;
    event.destination_identity = 261;
    event.source_endpoint = 17;
    event.destination_endpoint = 18;
    event.ifindex = 7;
    event.rule[WEFT_EGRESS] = 3;
    event.rule[WEFT_INGRESS] = 4;
    event.packets = 1;
    event.bytes = 74;
    event.generation = 9;
    return event;
}

weft_event dropped_event(std::uint8_t reason, std::uint8_t direction, const Ends& ends) {
    weft_event event = sample_event(ends);
    event.header.type = WEFT_EVENT_DROP;
    event.reason = reason;
    event.direction = direction;
    event.rule[direction == WEFT_EGRESS ? WEFT_INGRESS : WEFT_EGRESS] = 0;
    return event;
}

std::vector<std::byte> bytes_of(const weft_event& event) {
    std::vector<std::byte> out(sizeof event);
    std::memcpy(out.data(), &event, sizeof event);
    return out;
}

Record named(const weft_event& event, std::int64_t time_ns) {
    Record record;
    record.event = event;
    record.time_ns = time_ns;
    record.source =
        std::make_shared<Peer>(Peer{"shop", "web-1", "c1", {"k8s:app=web", "k8s:io.kubernetes.pod.namespace=shop"}});
    record.destination =
        std::make_shared<Peer>(Peer{"shop", "db-0", "c2", {"k8s:app=db", "k8s:io.kubernetes.pod.namespace=shop"}});
    if (event.rule[WEFT_EGRESS] != 0)
        record.rule[WEFT_EGRESS] = std::make_shared<Rule>(Rule{event.rule[WEFT_EGRESS],
                                                               true,
                                                               false,
                                                               0,
                                                               {{"NetworkPolicy", "shop", "web-out"}},
                                                               "spec.egress[0]",
                                                               "NetworkPolicy"});
    if (event.rule[WEFT_INGRESS] != 0)
        record.rule[WEFT_INGRESS] = std::make_shared<Rule>(Rule{event.rule[WEFT_INGRESS],
                                                                false,
                                                                false,
                                                                1,
                                                                {{"NetworkPolicy", "shop", "db-in"}},
                                                                "spec.ingress[1]",
                                                                "NetworkPolicy"});
    return record;
}

Result<std::size_t> FakeSource::consume(const Visit& visit) {
    if (!open) return fail(ErrorCode::kUnavailable, "closed");
    std::size_t count = 0;
    for (; !waiting.empty(); waiting.pop_front(), ++count) visit(waiting.front());
    return count;
}

Result<KernelCounters> FakeSource::counters() {
    return counts;
}

}  // namespace weft::hubble::test
