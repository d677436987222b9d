#include "tests/bpf/world.hpp"

#include <bpf/bpf.h>
#include <net/if.h>
#include <sched.h>

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace weft::test {

namespace {

template <typename T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().text());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

void shell(const std::string& command) {
    if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
}

template <typename Key, typename Value>
datapath::Map<Key, Value> open_map(const datapath::Pins& pins, const char* name) {
    return must(datapath::Map<Key, Value>::open(pins, name));
}

constexpr weft_addr kWorld{.identity = WEFT_IDENTITY_WORLD, .class_id = 1, .endpoint = 0, .flags = 0};

// Zeroes the first `rows` rows of an array; a per-CPU one has `copies` of each.
template <typename T>
void zero(const datapath::Pins& pins, const char* name, std::size_t copies, std::uint32_t rows = UINT32_MAX) {
    const auto map = must(datapath::MapFd::open(pins, name, sizeof(std::uint32_t), sizeof(T)));
    const std::vector<T> nothing(copies);
    for (std::uint32_t i = 0; i < std::min(rows, map.max_entries()); ++i) must(map.update(&i, nothing.data()));
}

datapath::Pins load(const std::string& name, const datapath::Sizes& sizes) {
    if (unshare(CLONE_NEWNET) != 0) throw std::runtime_error("unshare the network namespace: root is needed");
    shell("ip link set lo up");
    datapath::Pins pins{"/sys/fs/bpf/wt-" + name};
    must(datapath::unload(pins));
    must(datapath::ensure_loaded(pins, sizes));
    return pins;
}

}  // namespace

datapath::Sizes World::small() {
    return {.flows4 = 1024,
            .flows6 = 1024,
            .half_open4 = 1024,
            .half_open6 = 1024,
            .ring_bytes = 1U << 20,
            .addresses = 1024,
            .cidrs = 256};
}

World::World(const std::string& name, const datapath::Sizes& sizes)
    : pins_(load(name, sizes)), ring_(must(datapath::EventRing::open(pins_))) {
    for (const char* program : {WEFT_PROG_FROM_POD, WEFT_PROG_TO_POD, WEFT_PROG_FROM_NETDEV, WEFT_PROG_TO_NETDEV}) {
        programs_[program].reset(bpf_obj_get(pins_.program(program).c_str()));
        if (!programs_[program]) throw std::runtime_error(std::string("no program ") + program);
    }
    set_defaults();
    set_cidr("0.0.0.0/0", kWorld);
    set_cidr("::/0", kWorld);
    cidrs_.clear();
}

void World::set_defaults() {
    weft_control c = control();
    ++c.generation;
    c.timeout_tcp = 3600;
    c.timeout_closing = 10;
    c.timeout_udp = 60;
    c.timeout_other = 60;
    c.timeout_half_open = 30;
    c.drop_interval_ms = 1000;
    c.flags = WEFT_CONTROL_ALLOW_HOST;
    c.masquerade_port_first = 10240;
    c.masquerade_port_last = 29999;
    c.gateway4 = must(IpAddr::parse("10.1.0.254")).v4();
    std::memcpy(c.gateway6.b, must(IpAddr::parse("fd00::fe")).bytes().data(), 16);
    set_control(c);
}

void World::reset() {
    events();
    dns_events_.clear();
    set_defaults();
    for (const char* name : {WEFT_MAP_FLOW4_TAGS, WEFT_MAP_FLOW6_TAGS, WEFT_MAP_HALF4_TAGS, WEFT_MAP_HALF6_TAGS})
        zero<std::uint64_t>(pins_, name, 1);
    zero<weft_denial>(pins_, WEFT_MAP_DENIALS, 1);
    const auto cpus = static_cast<std::size_t>(datapath::MapFd::cpus());
    zero<weft_decision>(pins_, WEFT_MAP_DECISIONS, cpus);
    zero<weft_metric>(pins_, WEFT_MAP_METRICS, cpus);
    zero<weft_rule_counter>(pins_, WEFT_MAP_RULE_COUNTERS, cpus, 64);
    for (const char* name :
         {WEFT_MAP_DNS_QUERY_SETS, WEFT_MAP_DNS_NAME_SETS, WEFT_MAP_DNS_ADDRESS_SETS, WEFT_MAP_DNS_STREAM_SETS})
        zero<weft_dns_set>(pins_, name, 1);
    zero<std::uint64_t>(pins_, WEFT_MAP_DNS_COUNTERS, cpus);
    set_policies(node(), 0, 0);
    for (const Pod& pod : pods_) {
        read_dns(pod, false);
        set_policies(pod, 0, 0);
        set_device(pod, pod.ifindex);
    }
    for (const auto& cidr : cidrs_) {
        const Cidr prefix = must(Cidr::parse(cidr));
        const auto length = static_cast<std::uint32_t>(prefix.length);
        weft_cidr6_key key{length, {}};
        std::memcpy(key.address.b, prefix.address.bytes().data(), 16);
        if (prefix.address.is_v4())
            must(open_map<weft_cidr4_key, weft_addr>(pins_, WEFT_MAP_CIDR4).erase({length, prefix.address.v4()}));
        else
            must(open_map<weft_cidr6_key, weft_addr>(pins_, WEFT_MAP_CIDR6).erase(key));
    }
    cidrs_.clear();
}

World::~World() {
    static_cast<void>(datapath::unload(pins_));
}

std::uint32_t World::add_veth(const std::string& name) {
    shell(fmt::format("ip link add {0} type veth peer name {0}p && ip link set {0} up && ip link set {0}p up", name));
    shell(fmt::format("sysctl -qw net.ipv4.conf.{0}.forwarding=1 net.ipv6.conf.{0}.forwarding=1", name));
    return if_nametoindex(name.c_str());
}

World::Pod World::add_pod(std::uint32_t number) {
    const Pod pod{.number = number,
                  .ifindex = add_veth(fmt::format("pod{}", number)),
                  .identity = 1000 + number,
                  .class_id = 1000 + number,
                  .v4 = fmt::format("10.1.0.{}", number),
                  .v6 = fmt::format("fd00::{:x}", number)};
    weft_endpoint row{};
    row.ifindex = pod.ifindex;
    row.identity = pod.identity;
    const std::uint8_t mac[6] = {0x0a, 0, 0, 0, 0, static_cast<std::uint8_t>(number)};
    std::memcpy(row.mac, mac, sizeof mac);
    must(open_map<std::uint32_t, weft_endpoint>(pins_, WEFT_MAP_ENDPOINTS).update(number, row));
    for (const auto& address : {pod.v4, pod.v6})
        set_address(address, {.identity = pod.identity, .class_id = pod.class_id, .endpoint = number, .flags = 0});
    pods_.push_back(pod);
    return pod;
}

World::Pod World::node() {
    return {WEFT_NODE_ENDPOINT, 1, WEFT_IDENTITY_HOST, 2, "192.0.2.1", "2001:db8::1"};
}

std::uint32_t World::add_uplink() {
    const std::uint32_t ifindex = add_veth("uplink");
    shell("ip addr add 192.0.2.1/24 dev uplink && ip route add default via 192.0.2.254");
    shell("ip addr add 2001:db8::1/64 dev uplink nodad && ip -6 route add default via 2001:db8::fe dev uplink");
    weft_control c = control();
    c.uplink_ifindex = ifindex;
    c.masquerade4 = must(IpAddr::parse("192.0.2.1")).v4();
    std::memcpy(c.masquerade6.b, must(IpAddr::parse("2001:db8::1")).bytes().data(), 16);
    set_control(c);
    set_device(node(), node().ifindex);
    for (const char* host : {"192.0.2.1", "2001:db8::1"})
        set_address(host, {.identity = WEFT_IDENTITY_HOST, .class_id = 2, .endpoint = 0, .flags = WEFT_ADDR_HOST});
    return ifindex;
}

void World::set_address(const std::string& address, const weft_addr& row) {
    const IpAddr ip = must(IpAddr::parse(address));
    if (ip.is_v4()) return must(open_map<std::uint32_t, weft_addr>(pins_, WEFT_MAP_ADDR4).update(ip.v4(), row));
    weft_ip key{};
    std::memcpy(key.b, ip.bytes().data(), 16);
    must(open_map<weft_ip, weft_addr>(pins_, WEFT_MAP_ADDR6).update(key, row));
}

void World::set_cidr(const std::string& cidr, const weft_addr& row) {
    cidrs_.push_back(cidr);
    const Cidr prefix = must(Cidr::parse(cidr));
    const auto length = static_cast<std::uint32_t>(prefix.length);
    if (prefix.address.is_v4())
        return must(
            open_map<weft_cidr4_key, weft_addr>(pins_, WEFT_MAP_CIDR4).update({length, prefix.address.v4()}, row));
    weft_cidr6_key key{length, {}};
    std::memcpy(key.address.b, prefix.address.bytes().data(), 16);
    must(open_map<weft_cidr6_key, weft_addr>(pins_, WEFT_MAP_CIDR6).update(key, row));
}

std::uint32_t World::add_policy(const std::map<std::uint32_t, Rows>& classes) {
    const auto rows_map = open_map<std::uint32_t, weft_port_row>(pins_, WEFT_MAP_PORT_ROWS);
    const std::uint32_t policy = next_policy_++;
    weft_policy compiled{};
    compiled.whole = 1;
    std::size_t place = 0;
    for (const auto& [class_id, rows] : classes) {
        const weft_port_set set{next_row_, static_cast<std::uint32_t>(rows.size())};
        for (const auto& row : rows) must(rows_map.update(next_row_++, row));
        if (class_id == 0) {
            compiled.others = set;
        } else if (place < WEFT_POLICY_PLACES) {
            compiled.classes[place++] = {class_id, set};
        } else {
            compiled.whole = 0;
            must(open_map<weft_policy_class_key, weft_port_set>(pins_, WEFT_MAP_POLICY_CLASSES)
                     .update({policy, class_id}, set));
        }
    }
    must(open_map<std::uint32_t, weft_policy>(pins_, WEFT_MAP_POLICIES).update(policy, compiled));
    return policy;
}

void World::set_policies(const Pod& pod, std::uint32_t egress, std::uint32_t ingress, std::uint32_t audit_egress,
                         std::uint32_t audit_ingress) {
    const auto map = open_map<std::uint32_t, weft_endpoint>(pins_, WEFT_MAP_ENDPOINTS);
    weft_endpoint row = must(map.lookup(pod.number)).value();
    for (auto& epoch : row.policy) {
        epoch[WEFT_EGRESS] = egress;
        epoch[WEFT_INGRESS] = ingress;
        epoch[WEFT_AUDIT + WEFT_EGRESS] = audit_egress;
        epoch[WEFT_AUDIT + WEFT_INGRESS] = audit_ingress;
    }
    must(map.update(pod.number, row));
}

void World::set_device(const Pod& pod, std::uint32_t ifindex) {
    const auto map = open_map<std::uint32_t, weft_endpoint>(pins_, WEFT_MAP_ENDPOINTS);
    weft_endpoint row = must(map.lookup(pod.number)).value();
    row.ifindex = ifindex;
    must(map.update(pod.number, row));
}

World::Rows World::allow_all(std::uint32_t rule) {
    return {{0, WEFT_PORT_NUMBER_MAX, rule, WEFT_VERDICT_ALLOW}};
}

World::Rows World::deny_all(std::uint32_t rule) {
    return {{0, WEFT_PORT_NUMBER_MAX, rule, WEFT_ROW_DEFAULT_DENY}};
}

World::Rows World::allow_port(std::uint8_t protocol, std::uint16_t port, std::uint32_t rule, std::uint32_t deny_rule) {
    const std::uint32_t at = static_cast<std::uint32_t>(protocol) << 16 | port;
    const std::uint32_t deny = WEFT_ROW_DEFAULT_DENY;
    return {{0, at - 1, deny_rule, deny},
            {at, at, rule, WEFT_VERDICT_ALLOW},
            {at + 1, WEFT_PORT_NUMBER_MAX, deny_rule, deny}};
}

weft_control World::control() {
    return must(open_map<std::uint32_t, weft_control>(pins_, WEFT_MAP_CONTROL).lookup(0)).value();
}

void World::set_control(const weft_control& control) {
    must(open_map<std::uint32_t, weft_control>(pins_, WEFT_MAP_CONTROL).update(0, control));
}

void World::raise_generation() {
    weft_control c = control();
    ++c.generation;
    set_control(c);
}

Out World::run(const char* program, std::uint32_t ifindex, const Bytes& frame) {
    __sk_buff context{};
    context.ifindex = ifindex;
    Out out;
    out.frame.resize(frame.size() + 64);
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    options.data_out = out.frame.data();
    options.data_size_out = static_cast<std::uint32_t>(out.frame.size());
    options.ctx_in = &context;
    options.ctx_size_in = sizeof context;
    if (bpf_prog_test_run_opts(programs_.at(program).get(), &options) != 0)
        throw std::runtime_error(std::string("test run: ") + std::strerror(errno));
    out.frame.resize(options.data_size_out);
    out.verdict = static_cast<int>(options.retval);
    return out;
}

std::vector<weft_event> World::events() {
    std::vector<weft_event> out;
    must(ring_.consume([&](std::span<const std::byte> bytes) {
        weft_event event{};
        if (bytes.size() == sizeof(weft_dns_event)) {
            std::memcpy(&dns_events_.emplace_back(), bytes.data(), bytes.size());
            return;
        }
        if (bytes.size() != sizeof event) throw std::runtime_error("an event of another size");
        std::memcpy(&event, bytes.data(), sizeof event);
        out.push_back(event);
    }));
    return out;
}

std::vector<weft_dns_event> World::dns_events() {
    if (!events().empty()) throw std::runtime_error("events of connections stand before those of DNS");
    return std::exchange(dns_events_, {});
}

void World::read_dns(const Pod& pod, bool read) {
    const auto map = open_map<std::uint32_t, weft_endpoint>(pins_, WEFT_MAP_ENDPOINTS);
    weft_endpoint row = must(map.lookup(pod.number)).value();
    row.flags = read ? WEFT_ENDPOINT_DNS : 0;
    must(map.update(pod.number, row));
}

namespace {

// Sums a per-CPU array's row; T is made of 64-bit counters.
template <typename T>
T sum_row(const datapath::Pins& pins, const char* name, std::uint32_t index) {
    const auto map = must(datapath::MapFd::open(pins, name, sizeof(std::uint32_t), sizeof(T)));
    std::vector<T> values(static_cast<std::size_t>(datapath::MapFd::cpus()));
    must(map.lookup(&index, values.data()));
    T total{};
    auto* sum = reinterpret_cast<std::uint64_t*>(&total);
    for (const T& value : values)
        for (std::size_t i = 0; i < sizeof(T) / 8; ++i) sum[i] += reinterpret_cast<const std::uint64_t*>(&value)[i];
    return total;
}

}  // namespace

std::uint64_t World::metric(std::uint32_t reason, std::uint32_t hook) {
    return sum_row<weft_metric>(pins_, WEFT_MAP_METRICS, reason * WEFT_HOOK_COUNT + hook).packets;
}

weft_rule_counter World::rule(std::uint32_t number) {
    return sum_row<weft_rule_counter>(pins_, WEFT_MAP_RULE_COUNTERS, number);
}

std::uint64_t World::dns_count(std::uint32_t what) {
    return sum_row<std::uint64_t>(pins_, WEFT_MAP_DNS_COUNTERS, what);
}

std::size_t World::entries(const char* tags) {
    std::size_t count = 0;
    must(open_map<std::uint32_t, std::uint64_t>(pins_, tags).for_each([&](std::uint32_t, std::uint64_t word) {
        for (; word != 0; word >>= 8) count += (word & 0xff) != 0;
    }));
    return count;
}

}  // namespace weft::test
