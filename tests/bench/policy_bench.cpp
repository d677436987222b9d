// The policy engine at scale: one JSON row a line. What the cluster is made of stands in policy_cluster.hpp.
#include "tests/bench/policy_bench.hpp"

#include <malloc.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <iostream>
#include <stdexcept>

#include "common/log.hpp"
#include "policy/compile.hpp"
#include "policy/memory_numbers.hpp"
#include "tests/bench/policy_cluster.hpp"

namespace weft::bench {

void print(const Row& row) {
    Json out = {{"name", row.name}, {"value", row.value}, {"unit", row.unit}, {"against", nullptr},
                {"ratio", nullptr}, {"bar", nullptr},     {"holds", nullptr}};
    if (!row.against.empty()) out["against"] = row.against;
    if (row.ratio) out["ratio"] = *row.ratio;
    const double judged = row.ratio.value_or(row.value);
    if (row.at_most) {
        out["bar"] = fmt::format("at most {}", *row.at_most);
        out["holds"] = judged <= *row.at_most;
    }
    if (row.at_least) {
        out["bar"] = fmt::format("at least {}", *row.at_least);
        out["holds"] = judged >= *row.at_least;
    }
    std::cout << out.dump() << std::endl;
}

namespace {

constexpr int kChanges = 300;  // of each kind
constexpr auto kPatience = std::chrono::seconds(20);

template <typename T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().text());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

double mebibytes(const char* field) {
    std::ifstream in("/proc/self/status");
    for (std::string line; std::getline(in, line);)
        if (line.starts_with(field)) return std::stod(line.substr(line.find(':') + 1)) / 1024;
    throw std::runtime_error("no such field in /proc/self/status");
}

double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// In a process of its own, so that its memory is the compile's: peak of the process less what the objects take.
void bench_compile() {
    auto world = must(PolicyCluster().world());
    const PolicyCluster cluster;
    for (std::size_t i = 0; i < PolicyCluster::kLocalPods; ++i) {
        policy::Pod pod;
        pod.namespace_ = PolicyCluster::namespace_name(PolicyCluster::local(i).in);
        pod.name = fmt::format("local-{}", i);
        pod.labels = cluster.local_labels(i);
        pod.addresses = {must(IpAddr::parse("10.244.0.2")).plus(i)};
        pod.endpoint = static_cast<std::uint32_t>(i + 1);
        world.put(std::move(pod));
    }
    malloc_trim(0);
    const double before = mebibytes("VmRSS");
    std::vector<double> times;
    double memory = 0;
    std::size_t rules = 0;
    for (int i = 0; i < 5; ++i) {
        policy::MemoryNumbers numbers;
        policy::Compiler compiler(numbers);
        const double start = cpu_seconds();
        must(compiler.update(world, {.everything = true}));
        times.push_back(cpu_seconds() - start);
        if (i == 0) memory = mebibytes("VmHWM") - before;
        rules = compiler.image().rules.size();
    }
    std::ranges::sort(times);
    const auto what = fmt::format("{} policies, {} label sets, {} pods", world.policies.size(),
                                  PolicyCluster::kLabelSets, PolicyCluster::kLocalPods);
    print({.name = "full compile, " + what, .value = times[2], .unit = "s", .at_most = 1});
    print({.name = "its memory, the image and what changes need included",
           .value = memory,
           .unit = "MiB",
           .at_most = 150});
    print({.name = "the objects themselves", .value = before, .unit = "MiB"});
    print({.name = "rules in force on the node", .value = static_cast<double>(rules), .unit = "rules"});
}

void in_own_process(void (*work)()) {
    const pid_t child = fork();
    if (child == 0) {
        try {
            work();
        } catch (const std::exception& e) {
            std::cerr << "policy_bench: " << e.what() << "\n";
            _exit(1);
        }
        _exit(0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) throw std::runtime_error("compile");
}

// Milliseconds of each change, up to kChanges of them in kSeconds. What no packet sees any more is freed in between, as
// weftd does beside the changes; so is `prepare`, which is not timed either.
template <typename Prepare, typename Change>
void bench_changes(PolicyNode& node, const std::string& name, const Prepare& prepare, const Change& change) {
    std::vector<double> times;
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kChanges && std::chrono::steady_clock::now() - begin < kPatience; ++i) {
        must(prepare(i));
        must(node.collect());
        const auto start = std::chrono::steady_clock::now();
        must(change(i));
        times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    }
    std::ranges::sort(times);
    const auto of = fmt::format(" of {}", times.size());
    print({.name = name + ", median" + of, .value = times[times.size() / 2], .unit = "ms", .at_most = 2});
    print({.name = name + ", 99th percentile" + of,
           .value = times[times.size() * 99 / 100],
           .unit = "ms",
           .at_most = 10});
}

Result<void> nothing(int) {
    return {};
}

// The first two pods have devices: one may talk to the other at any port.
constexpr std::size_t kSource = 0, kDestination = PolicyCluster::kLocalNamespaces;

struct Filled {
    std::string source, destination;
};

Filled fill(PolicyNode& node, PolicyCluster& cluster) {
    Filled out;
    const auto add = [&](std::size_t i) {
        return must(node.add(fmt::format("local-{}", i), PolicyCluster::namespace_name(PolicyCluster::local(i).in),
                             cluster.local_labels(i)))
            .ips[0]
            .text();
    };
    out.source = add(kSource);
    out.destination = add(kDestination);
    for (std::size_t i = 0; i < PolicyCluster::kLocalPods; ++i)
        if (i != kSource && i != kDestination) add(i);
    std::vector<policy::Object> objects;
    const auto put = [&](const Json& json) { objects.push_back(must(policy::parse_object(JsonView(json)))); };
    for (std::size_t i = 0; i < PolicyCluster::kNamespaces; ++i) put(cluster.name_space(i));
    for (std::size_t i = 0; i < PolicyCluster::kLabelSets; ++i) put(cluster.pod(i));
    for (std::size_t i = 0; i < PolicyCluster::kNamespaces * PolicyCluster::kPoliciesEach; ++i) put(cluster.policy(i));
    must(node.load(objects));
    return out;
}

// What a map of (identity, protocol and port) for each endpoint and direction would hold: a row for each identity and
// run of ports that a rule decides about, one for each run that holds for all. Of the address rows both have one each.
double rows_by_identity(const policy::Image& image) {
    std::map<std::uint32_t, std::set<std::uint32_t>> identities;  // by class
    for (const auto& [ip, row] : image.addresses) identities[row.class_id].insert(row.identity);
    const auto decided = [](const policy::PortRows& rows) {
        return static_cast<double>(
            std::ranges::count_if(rows, [](const auto& row) { return row.rule && !row.by_default; }));
    };
    double out = 0;
    for (const auto& [endpoint, numbers] : image.endpoints)
        for (const auto number : numbers) {
            if (number == 0) continue;
            const auto& table = image.policies.at(number);
            out += decided(table.unnamed);
            for (const auto& [class_id, rows] : table.classes)
                out += decided(rows) * static_cast<double>(std::max<std::size_t>(1, identities[class_id].size()));
        }
    return out;
}

void report_rows(PolicyNode& node) {
    const auto rows = node.rows();
    const auto own = static_cast<double>(rows.rows_policies + rows.rows_policy_classes + rows.rows_ports);
    double others = 0;
    node.read([&](const reconcile::View& view) { others = rows_by_identity(view.image); });
    print({.name = "kernel map rows of the policies",
           .value = own,
           .unit = "rows",
           .against = fmt::format("one row per (identity, port) and endpoint: {:.0f}", others),
           .ratio = others / own,
           .at_least = 50});
    print({.name = "kernel map rows of addresses", .value = static_cast<double>(rows.rows_addresses), .unit = "rows"});
}

// Texts are made before anything is timed.
template <typename Make>
std::vector<std::string> texts_of(const Make& make) {
    std::vector<std::string> out;
    for (int i = 0; i < kChanges; ++i) out.push_back(to_line(make(static_cast<std::size_t>(i))));
    return out;
}

void bench_objects(PolicyNode& node, PolicyCluster& cluster) {
    const auto timed = [&](const std::string& name, const std::vector<std::string>& texts) {
        bench_changes(node, name, nothing, [&](int i) { return node.apply(texts[static_cast<std::size_t>(i)]); });
    };
    timed("one more policy, from JSON to enforced", texts_of([&](std::size_t i) {
              return cluster.policy(PolicyCluster::kNamespaces * PolicyCluster::kPoliciesEach + i);
          }));
    // A pod becomes one of another app of its namespace.
    timed("one changed label, from JSON to enforced", texts_of([&](std::size_t i) {
              Json pod = cluster.pod(i * 331);
              pod["metadata"]["labels"]["app"] =
                  cluster.pod(i * 331 + 10 * PolicyCluster::kNamespaces)["metadata"]["labels"]["app"];
              return pod;
          }));
    timed("one new pod elsewhere, from JSON to enforced", texts_of([&](std::size_t i) {
              Json pod = cluster.pod(i * 77);
              pod["metadata"]["name"] = fmt::format("new-{}", i);
              pod["status"]["podIPs"][0]["ip"] = must(IpAddr::parse("10.128.0.0")).plus(i).text();
              return pod;
          }));
}

void bench_local_pods(PolicyNode& node, const PolicyCluster& cluster) {
    bench_changes(
        node, "one new pod of this node, from ADD's request to enforced",
        [&](int i) { return i == 0 ? Result<void>{} : node.remove(fmt::format("added-{}", i - 1)); },
        [&](int i) -> Result<void> {
            const auto like = static_cast<std::size_t>(i) % PolicyCluster::kLocalPods;
            WEFT_CHECK(node.add(fmt::format("added-{}", i),
                                PolicyCluster::namespace_name(PolicyCluster::local(like).in),
                                cluster.local_labels(like)));
            return {};
        });
}

const char* const kPair = R"({"apiVersion":"v1","kind":"List","items":[
    {"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"pair-in","namespace":"ns-0"},
     "spec":{"podSelector":{"matchLabels":{"app":"app-2"}},"policyTypes":["Ingress"],
     "ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"app-0"}}}]}]}},
    {"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"pair-out","namespace":"ns-0"},
     "spec":{"podSelector":{"matchLabels":{"app":"app-0"}},"policyTypes":["Egress"],
     "egress":[{"to":[{"podSelector":{"matchLabels":{"app":"app-2"}}}]}]}}]})";

void bench_node() {
    PolicyCluster cluster;
    PolicyNode node("policy-bench");
    const auto pair = fill(node, cluster);
    must(node.apply(kPair));
    must(node.collect());
    report_rows(node);
    bench_first_packet(node, pair.source, pair.destination);
    bench_objects(node, cluster);
    bench_local_pods(node, cluster);
}

int run() {
    must(log_init("policy_bench", "error"));
    cpu_set_t cpu;
    CPU_ZERO(&cpu);
    CPU_SET(static_cast<std::size_t>(sched_getcpu()), &cpu);
    sched_setaffinity(0, sizeof cpu, &cpu);
    in_own_process(bench_compile);
    bench_node();
    return 0;
}

}  // namespace
}  // namespace weft::bench

int main() {
    try {
        return weft::bench::run();
    } catch (const std::exception& e) {
        std::cerr << "policy_bench: " << e.what() << "\n";
        return 1;
    }
}
