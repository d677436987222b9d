// How long a compile takes at scale: policy_scale [policies] [label sets] [local pods] [world]. Two worlds of that
// size:
//   cluster  500 namespaces, the local pods spread over them: most policies select no local pod
//   dense    every policy selects a local pod (100 namespaces, all local pods in them)
// Prints JSON lines; no bar is checked here (tests/bench does).
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <random>

#include "policy/compile.hpp"
#include "policy/memory_numbers.hpp"
#include "policy/parse.hpp"

namespace weft::policy {
namespace {

struct Size {
    std::size_t policies, label_sets, local_pods, namespaces;
    bool dense;
};

Json policy_object(const Size& size, std::size_t i, std::mt19937& random) {
    const auto app = [&] { return "app-" + std::to_string(random() % 2000); };
    const auto n = i % size.local_pods;
    const std::string home = "ns-" + std::to_string(size.dense ? n % size.namespaces : i % size.namespaces);
    Json from =
        Json::array({{{"podSelector", {{"matchLabels", {{"app", app()}}}}}},
                     {{"namespaceSelector", {{"matchLabels", {{"team", "team-" + std::to_string(random() % 50)}}}}},
                      {"podSelector", {{"matchLabels", {{"app", app()}, {"tier", "front"}}}}}}});
    if (i % 10 == 0)
        from.push_back(
            {{"ipBlock",
              {{"cidr", "192.168.0.0/16"}, {"except", Json::array({fmt::format("192.168.{}.8/29", i % 256)})}}}});
    Json to = Json::array(
        {{{"namespaceSelector",
           {{"matchExpressions", Json::array({{{"key", "env"}, {"operator", "NotIn"}, {"values", {"dev"}}}})}}},
          {"podSelector", {{"matchLabels", {{"app", app()}}}}}}});
    Json subject{{"matchLabels", {{"app", "app-" + std::to_string(size.dense ? n : random() % 2000)}}}};
    if (!size.dense && i % 20 == 0) subject = Json::object();
    Json spec{{"podSelector", subject},
              {"policyTypes", {"Ingress", "Egress"}},
              {"ingress",
               Json::array(
                   {{{"from", from}, {"ports", Json::array({{{"port", 80}}, {{"port", 8000}, {"endPort", 8100}}})}}})},
              {"egress", Json::array({{{"to", to}, {"ports", Json::array({{{"port", "web"}}})}},
                                      {{"ports", Json::array({{{"port", 53}, {"protocol", "UDP"}}})}}})}};
    return {{"apiVersion", "networking.k8s.io/v1"},
            {"kind", "NetworkPolicy"},
            {"metadata", {{"name", "policy-" + std::to_string(i)}, {"namespace", home}}},
            {"spec", spec}};
}

World make(const Size& size) {
    World out;
    std::mt19937 random(7);
    const std::string environments[] = {"dev", "test", "prod"};
    for (std::size_t i = 0; i < size.namespaces; ++i) {
        const auto name = "ns-" + std::to_string(i);
        out.put(Namespace{name,
                          {{std::string(kNamespaceNameLabel), name},
                           {"team", "team-" + std::to_string(i % 50)},
                           {"env", environments[i % 3]}}});
    }
    for (std::size_t i = 0; i < size.label_sets; ++i) {
        Pod pod;
        pod.namespace_ = "ns-" + std::to_string(i % size.namespaces);
        pod.name = "pod-" + std::to_string(i);
        pod.labels = {{"app", "app-" + std::to_string(i < size.local_pods ? i : random() % 2000)},
                      {"tier", i % 2 == 0 ? "front" : "back"},
                      {"version", "v" + std::to_string(i % 7)},
                      {"pod-template-hash", std::to_string(i)}};
        pod.addresses = {IpAddr::parse("10.0.0.0").value().plus(i)};
        pod.ports = {{"web", kTcp, 8080}};
        if (i < size.local_pods) pod.endpoint = static_cast<std::uint32_t>(i + 1);
        out.put(std::move(pod));
    }
    for (std::size_t i = 0; i < size.policies; ++i) {
        const Json object = policy_object(size, i, random);
        auto policy = parse_network_policy(JsonView(object));
        if (!policy) std::cerr << policy.error().text() << "\n";
        if (policy) out.put(std::move(*policy));
    }
    return out;
}

double milliseconds(auto&& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

int measure(std::string_view name, const Size& size) {
    const World world = make(size);
    MemoryNumbers numbers;
    Image image;
    for (const std::string_view round : {"first", "again", "again"}) {
        Result<Image> compiled = fail(ErrorCode::kInternal, "not run");
        const auto cpu = std::clock();
        const double ms = milliseconds([&] { compiled = compile(world, numbers); });
        const double cpu_ms = 1000.0 * static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC;
        if (!compiled) {
            std::cerr << compiled.error().text() << "\n";
            return 1;
        }
        std::size_t class_rows = 0;
        for (const auto& [number, table] : compiled->policies) class_rows += table.classes.size();
        std::cout << Json{{"world", name},
                          {"round", round},
                          {"ms", ms},
                          {"cpu_ms", cpu_ms},
                          {"policies", size.policies},
                          {"label_sets", size.label_sets},
                          {"local_pods", size.local_pods},
                          {"rules", compiled->rules.size()},
                          {"tables", compiled->policies.size()},
                          {"class_rows", class_rows},
                          {"addresses", compiled->addresses.size()}}
                         .dump()
                  << std::endl;
        numbers.forget_unused();
    }
    return 0;
}

}  // namespace
}  // namespace weft::policy

int main(int argc, char** argv) {
    const auto argument = [&](int at, std::size_t fallback) {
        return argc > at ? static_cast<std::size_t>(std::strtoull(argv[at], nullptr, 10)) : fallback;
    };
    const auto policies = argument(1, 10'000), label_sets = argument(2, 100'000), local = argument(3, 110);
    const std::string_view only = argc > 4 ? argv[4] : "";
    int failures = 0;
    if (only.empty() || only == "cluster")
        failures += weft::policy::measure("cluster", {policies, label_sets, local, 500, false});
    if (only.empty() || only == "dense")
        failures += weft::policy::measure("dense", {policies, label_sets, local, 100, true});
    return failures;
}
