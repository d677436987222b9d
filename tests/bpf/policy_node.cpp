#include "tests/bpf/policy_node.hpp"

#include <chrono>
#include <thread>

namespace weft::test {

namespace {

datapath::Sizes sizes() {
    auto out = World::small();
    out.half_open4 = out.half_open6 = 8192;  // the first packets of one image
    return out;
}

Result<void> forget(const datapath::Pins& pins, const char* tags) {
    WEFT_TRY(map, (datapath::Map<std::uint32_t, std::uint64_t>::open(pins, tags)));
    std::vector<std::uint32_t> used;
    WEFT_CHECK(map.for_each([&](std::uint32_t set, std::uint64_t word) {
        if (word != 0) used.push_back(set);
    }));
    for (const auto set : used) WEFT_CHECK(map.update(set, 0));
    return {};
}

}  // namespace

PolicyNode::PolicyNode(const std::string& name) : world_(name, sizes()) {
    for (std::uint32_t number = 1; number <= kPods; ++number) devices_[number] = world_.add_pod(number).ifindex;
    uplink_ = world_.add_uplink();
}

Result<void> PolicyNode::apply(const policy::Image& image) {
    if (!applier_) {
        WEFT_TRY(opened, maps::Applier::open(world_.pins()));
        applier_.emplace(std::move(opened));
    }
    std::map<std::uint32_t, maps::LocalEndpoint> local;
    for (const auto& [ip, address] : image.addresses) {
        if (address.endpoint == 0) continue;
        const auto device = devices_.find(address.endpoint);
        if (device == devices_.end()) return fail(ErrorCode::kExhausted, "no device for endpoint {}", address.endpoint);
        local[address.endpoint] = {.number = address.endpoint,
                                   .ifindex = device->second,
                                   .identity = address.identity,
                                   .mac = {0x0a, 0, 0, 0, 0, static_cast<std::uint8_t>(address.endpoint)}};
    }
    if (image.node_endpoint != 0)
        local[image.node_endpoint] = {
            .number = image.node_endpoint, .ifindex = 1, .identity = WEFT_IDENTITY_HOST, .mac = {}};
    std::vector<maps::LocalEndpoint> endpoints;
    for (const auto& [number, endpoint] : local) endpoints.push_back(endpoint);
    maps::NodeSettings settings;
    settings.drop_interval_ms = 0;  // every denial is told (but see send())
    WEFT_TRY(report, applier_->apply(image, endpoints, settings));
    if (report.unfinished) return std::unexpected(*report.unfinished);
    WEFT_CHECK(applier_->collect());
    return forget_flows();
}

Result<void> PolicyNode::forget_flows() {
    WEFT_CHECK(forget(world_.pins(), WEFT_MAP_HALF4_TAGS));
    return forget(world_.pins(), WEFT_MAP_HALF6_TAGS);
}

// Where such a packet comes by first.
std::pair<const char*, std::uint32_t> PolicyNode::way(const policy::Address& from, const policy::Address& to) const {
    if (from.endpoint != 0) return {WEFT_PROG_FROM_POD, devices_.at(from.endpoint)};
    if (!from.host) return {WEFT_PROG_FROM_NETDEV, uplink_};
    if (to.endpoint != 0) return {WEFT_PROG_TO_POD, devices_.at(to.endpoint)};
    return {WEFT_PROG_TO_NETDEV, uplink_};
}

Result<PolicyNode::Judged> PolicyNode::send(const policy::Address& from, const policy::Address& to,
                                            const IpAddr& source, const IpAddr& destination, std::uint8_t protocol,
                                            std::uint16_t port) {
    PacketSpec spec{.source = source.text(), .destination = destination.text(), .protocol = protocol};
    spec.source_port = static_cast<std::uint16_t>(1024 + source_port_++ % 60000);
    spec.destination_port = port;
    if (protocol == kIcmp || protocol == kIcmp6) {
        spec.destination_port = static_cast<std::uint16_t>(port << 8);
        WEFT_CHECK(forget_flows());  // but for echoes nothing tells two connections of one type apart
    }
    spec.tcp_flags = kSyn;
    static_cast<void>(world_.events());
    Judged out;
    std::vector<weft_event> events;
    // The same packet denied within one tick of the coarse clock (4 ms) is answered from memory, without an event.
    for (int attempt = 0; attempt < 2 && events.empty(); ++attempt) {
        if (attempt > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        const auto [program, ifindex] = way(from, to);
        out.verdict = world_.run(program, ifindex, build(spec)).verdict;
        events = world_.events();
    }
    if (events.empty() && out.verdict != kShot) return out;
    if (events.size() != 1)
        return fail(ErrorCode::kInternal, "{} events for one first packet, verdict {}", events.size(), out.verdict);
    out.told = true;
    out.event = events[0];
    if (out.allowed() == (out.verdict == kShot))
        return fail(ErrorCode::kInternal, "event type {} with verdict {}", out.event.header.type, out.verdict);
    return out;
}

}  // namespace weft::test
