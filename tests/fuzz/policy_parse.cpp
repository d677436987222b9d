// Any bytes as an object or List of objects; what parses is compiled and asked.
#include "policy/compile.hpp"
#include "policy/explain.hpp"
#include "policy/lint.hpp"
#include "policy/memory_numbers.hpp"
#include "policy/parse.hpp"
#include "tests/fuzz/target.hpp"

namespace weft::fuzz {
namespace {

using namespace weft::policy;

World world_of(std::vector<Object> objects) {
    World out;
    std::uint32_t endpoint = 0;
    for (auto& object : objects) {
        if (auto* pod = std::get_if<Pod>(&object)) {
            pod->endpoint = ++endpoint;
            out.put(std::move(*pod));
        } else {
            std::visit([&](auto& what) { out.put(std::move(what)); }, object);
        }
    }
    // A pod in each policy's namespace, so that policies without pods are compiled too.
    for (const auto& [name, policy] : World(out).policies) {
        Pod pod;
        pod.namespace_ = name.namespace_;
        pod.name = "fuzz-" + std::to_string(++endpoint);
        pod.addresses = {IpAddr::from_v4(endpoint << 24 | 10)};
        pod.endpoint = endpoint;
        out.put(std::move(pod));
    }
    return out;
}

void ask(const Image& image) {
    for (const auto& [from, source] : image.addresses) {
        for (const auto& [to, destination] : image.addresses) {
            if (from.is_v4() != to.is_v4()) continue;
            const auto answer = explain(image, from, to, kTcp, 80);
            require(answer.has_value(), "what was compiled can be explained");
            require(!answer->ingress || answer->ingress->rule == 0 || image.rules.contains(answer->ingress->rule),
                    "the rule that decides is known");
        }
    }
}

void parse_policies(Bytes input) {
    const auto json = parse_json(text_of(input), {.bytes = 1U << 16, .depth = 32});
    if (!json) return;
    auto objects = parse_objects(JsonView(*json));
    if (!objects)
        return require(!objects.error().path.empty() && objects.error().code == ErrorCode::kInvalid,
                       "a refusal names the place");
    const World world = world_of(std::move(*objects));
    MemoryNumbers numbers;
    const auto image = compile(world, numbers);
    require(image.has_value(), "what the parser accepts compiles: nothing this small exhausts anything");
    if (image->addresses.size() < 16) ask(*image);
    for (const auto& [name, policy] : world.policies) lint(*policy, world);
}

}  // namespace
}  // namespace weft::fuzz

WEFT_FUZZ_TARGET(policy_parse, weft::fuzz::parse_policies)
