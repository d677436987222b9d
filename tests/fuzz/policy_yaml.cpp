// Any text as a file of the objects directory: YAML documents are values that JSON can carry, and objects or an error
// that says what is wrong.
#include "common/yaml.hpp"
#include "daemon/watch/object_file.hpp"
#include "tests/fuzz/target.hpp"

namespace weft::fuzz {
namespace {

void read_yaml(Bytes input) {
    const auto text = text_of(input);
    const auto documents = parse_yaml(text, {.bytes = 1U << 16, .nodes = 10'000, .depth = 32});
    if (!documents) return require(!documents.error().message.empty(), "a refusal says what is wrong");
    for (const Json& document : *documents)
        require(parse_json(to_line(document)).has_value(), "a document can be written as JSON and read again");
    const auto objects = watch::parse_object_file("objects.yaml", text);
    if (!objects) require(!objects.error().message.empty(), "a refusal says what is wrong");
}

}  // namespace
}  // namespace weft::fuzz

WEFT_FUZZ_TARGET(policy_yaml, weft::fuzz::read_yaml)
