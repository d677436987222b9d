#include "tests/unit/maps/random_image.hpp"

#include <array>

namespace weft::maps::test {

namespace {

constexpr std::uint32_t kTcp80 = 6U << 16 | 80, kUdp53 = 17U << 16 | 53;
constexpr std::uint32_t kClasses = 6, kPolicies = 4;

std::uint32_t below(Random& random, std::uint32_t limit) {
    return static_cast<std::uint32_t>(random() % limit);
}
bool one_in(Random& random, std::uint32_t n) {
    return below(random, n) == 0;
}

IpAddr pod(std::uint32_t n) {
    return ip("10.0.0.0").plus(n);
}
IpAddr remote(std::uint32_t n) {
    return ip("10.1.0.0").plus(n);
}

policy::PortRows random_rows(Random& random) {
    const auto rule = 1 + below(random, 5);
    switch (below(random, 4)) {
        case 0:
            return allow_all(rule);
        case 1:
            return deny_all(rule);
        case 2:
            return allow_port(kTcp80, rule, 7);
        default:
            return allow_port(kUdp53, rule, 7);
    }
}

policy::PolicyTable random_table(Random& random) {
    policy::PolicyTable table;
    table.unnamed = random_rows(random);
    for (std::uint32_t class_id = 1; class_id < kClasses; ++class_id)
        if (!one_in(random, 3)) table.classes[class_id] = random_rows(random);
    return table;
}

void put_pod(policy::Image& image, std::uint32_t n, Random& random) {
    add_pod(image, pod(n).text().c_str(), n, below(random, kClasses),
            {below(random, kPolicies + 1), below(random, kPolicies + 1)});
    image.audits.erase(n);
    if (one_in(random, 3)) image.audits[n] = {below(random, kPolicies + 1), below(random, kPolicies + 1)};
}

void take_pod(policy::Image& image, std::uint32_t n) {
    image.addresses.erase(pod(n));
    image.endpoints.erase(n);
    image.audits.erase(n);
}

void toggle_remote(policy::Image& image, Random& random) {
    const auto address = remote(1 + below(random, 3));
    if (image.addresses.erase(address) == 0)
        image.addresses[address] = {.identity = 300, .class_id = below(random, kClasses)};
}

const std::array kPrefixes = {"10.1.0.0/24", "192.168.0.0/16", "192.168.1.0/24", "192.168.1.128/25"};

void toggle_prefix(policy::Image& image, Random& random) {
    const auto prefix = cidr(kPrefixes[below(random, kPrefixes.size())]);
    if (image.cidrs.erase(prefix) == 0) image.cidrs[prefix] = {.identity = 2, .class_id = below(random, kClasses)};
}

// Exchanges two class numbers everywhere: nothing changes but the names.
void swap_classes(policy::Image& image, std::uint32_t a, std::uint32_t b) {
    const auto swapped = [&](std::uint32_t c) { return c == a ? b : c == b ? a : c; };
    for (auto& [address, row] : image.addresses) row.class_id = swapped(row.class_id);
    for (auto& [prefix, row] : image.cidrs) row.class_id = swapped(row.class_id);
    for (auto& [number, table] : image.policies) {
        std::map<std::uint32_t, policy::PortRows> classes;
        for (auto& [class_id, rows] : table.classes) classes[swapped(class_id)] = rows;
        table.classes = std::move(classes);
    }
}

// Everything of class b becomes class a.
void merge_classes(policy::Image& image, std::uint32_t a, std::uint32_t b) {
    for (auto& [address, row] : image.addresses)
        if (row.class_id == b) row.class_id = a;
    for (auto& [prefix, row] : image.cidrs)
        if (row.class_id == b) row.class_id = a;
}

void change(policy::Image& image, Random& random) {
    const auto n = 1 + below(random, 6);
    const auto some_class = [&] { return 1 + below(random, kClasses - 1); };
    switch (below(random, 9)) {
        case 0:
            image.policies[1 + below(random, kPolicies)] = random_table(random);
            break;
        case 1:
            image.policies[1 + below(random, kPolicies)].classes[some_class()] = random_rows(random);
            break;
        case 2:
            take_pod(image, n);
            break;
        case 3:
            put_pod(image, n, random);
            break;
        case 4:
            if (image.addresses.contains(pod(n))) image.addresses[pod(n)].class_id = below(random, kClasses);
            break;
        case 5:
            toggle_remote(image, random);
            break;
        case 6:
            toggle_prefix(image, random);
            break;
        case 7:
            swap_classes(image, some_class(), some_class());
            break;
        default:
            merge_classes(image, some_class(), some_class());
            break;
    }
}

}  // namespace

IpAddr ip(const char* text) {
    return IpAddr::parse(text).value();
}
Cidr cidr(const char* text) {
    return Cidr::parse(text).value();
}

policy::PortRows allow_all(std::uint32_t rule) {
    return {{0, WEFT_PORT_NUMBER_MAX, rule, true, false}};
}
policy::PortRows deny_all(std::uint32_t rule) {
    return {{0, WEFT_PORT_NUMBER_MAX, rule, false, true}};
}

policy::PortRows allow_port(std::uint32_t number, std::uint32_t rule, std::uint32_t default_rule) {
    return {{0, number - 1, default_rule, false, true},
            {number, number, rule, true, false},
            {number + 1, WEFT_PORT_NUMBER_MAX, default_rule, false, true}};
}

policy::Image world() {
    policy::Image image;
    image.cidrs[cidr("0.0.0.0/0")] = {.identity = 2, .class_id = 9};
    image.cidrs[cidr("::/0")] = {.identity = 2, .class_id = 9};
    image.cidrs[cidr("10.0.0.0/24")] = {.identity = 2, .class_id = 9, .pod_range = true};
    return image;
}

void add_pod(policy::Image& image, const char* address, std::uint32_t endpoint, std::uint32_t class_id,
             std::array<std::uint32_t, 2> policies) {
    image.addresses[ip(address)] = {
        .identity = 256 + endpoint, .class_id = class_id, .endpoint = endpoint, .pod_range = true};
    image.endpoints[endpoint] = policies;
}

policy::Image random_image(Random& random) {
    auto image = world();
    for (auto& [prefix, row] : image.cidrs) row.class_id = below(random, kClasses);
    for (std::uint32_t number = 1; number <= kPolicies; ++number) image.policies[number] = random_table(random);
    for (std::uint32_t n = 1; n <= 6; ++n)
        if (!one_in(random, 4)) put_pod(image, n, random);
    for (int i = 0; i < 3; ++i) toggle_remote(image, random);
    for (int i = 0; i < 3; ++i) toggle_prefix(image, random);
    return image;
}

policy::Image changed(const policy::Image& image, Random& random) {
    if (one_in(random, 10)) return random_image(random);
    auto result = image;
    for (auto changes = 1 + below(random, 5); changes > 0; --changes) change(result, random);
    return result;
}

std::vector<LocalEndpoint> endpoints_of(const policy::Image& image) {
    std::vector<LocalEndpoint> endpoints;
    for (const auto& [number, policies] : image.endpoints)
        endpoints.push_back({number, 100 + number, 256 + number, {2, 0, 0, 0, 0, 1}});
    return endpoints;
}

std::vector<Probe> probes() {
    std::vector<IpAddr> others = {ip("192.168.2.1"), ip("192.168.1.1"), ip("192.168.1.129"), ip("8.8.8.8")};
    for (std::uint32_t n = 1; n <= 3; ++n) others.push_back(remote(n));
    std::vector<Probe> result;
    for (std::uint32_t n = 1; n <= 6; ++n) {
        for (const auto number : {kTcp80, kUdp53, 0U}) {
            for (const auto& other : others) {
                result.push_back({pod(n), other, number});
                result.push_back({other, pod(n), number});
            }
            for (std::uint32_t peer = 1; peer <= 6; ++peer) result.push_back({pod(n), pod(peer), number});
        }
    }
    return result;
}

}  // namespace weft::maps::test
