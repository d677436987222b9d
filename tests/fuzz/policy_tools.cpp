// Any bytes as a PolicyTest or a line of flows; expectations are checked, and flows made into policies and replayed.
#include "policy/compile.hpp"
#include "policy/expectation.hpp"
#include "policy/memory_numbers.hpp"
#include "policy/recommend.hpp"
#include "tests/fuzz/target.hpp"

namespace weft::fuzz {
namespace {

void run_policy_test(const Json& json) {
    const auto test = policy::parse_policy_test(JsonView(json));
    if (!test)
        return require(!test.error().path.empty() && test.error().code == ErrorCode::kInvalid,
                       "a refusal names the place");
    const auto world = policy::world_of({}, test->node);
    require(world.has_value(), "without pods there is room");
    policy::MemoryNumbers numbers;
    const auto image = policy::compile(*world, numbers);
    require(image.has_value(), "a world without policies compiles");
    for (const auto& wanted : test->expectations)
        if (const auto outcome = policy::check(*world, *image, wanted); outcome)
            require(outcome->allow, "without policies everything is allowed");
}

void run_flow(const Json& json) {
    const auto parsed = policy::parse_flow(JsonView(json));
    if (!parsed)
        return require(!parsed.error().path.empty() && parsed.error().code == ErrorCode::kInvalid,
                       "a refusal names the place");
    if (parsed->why != policy::LeftOut::kNothing) return;
    // Names and labels that no cluster has make policies that are refused, with the place.
    if (const auto made = policy::recommend({parsed->flow}, {}); made)
        require(made->denied.empty(), "what was seen is allowed");
}

void policy_tools(Bytes input) {
    const auto json = parse_json(text_of(input), {.bytes = 1U << 16, .depth = 32});
    if (!json) return;
    if (policy::is_policy_test(*json))
        run_policy_test(*json);
    else
        run_flow(*json);
}

}  // namespace
}  // namespace weft::fuzz

WEFT_FUZZ_TARGET(policy_tools, weft::fuzz::policy_tools)
