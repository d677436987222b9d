// Any bytes on weft-cni's standard input: a configuration, or an error with one of the specification's codes. A result
// in it is read and written in every version.
#include "cni/config.hpp"
#include "cni/result.hpp"
#include "tests/fuzz/target.hpp"

namespace weft::fuzz {
namespace {

void convert_result(const Json& previous) {
    const auto result = cni::parse_result(JsonView(previous, "$.prevResult"));
    if (!result) return require(!result.error().path.empty(), "a refused result names the place");
    for (const auto version :
         {cni::Version::k0_3_1, cni::Version::k0_4_0, cni::Version::k1_0_0, cni::Version::k1_1_0}) {
        const auto again = cni::parse_result(JsonView(cni::to_json(*result, version)));
        require(again && again->ips.size() == result->ips.size() && again->routes.size() == result->routes.size(),
                "a result that was written is read again");
    }
}

void read_configuration(Bytes input) {
    const auto document = cni::decode(text_of(input));
    if (!document) return require(document.error().code == cni::Code::kDecode, "what is no JSON object has code 6");
    const auto config = cni::read_config(*document);
    if (!config) {
        require(!config.error().message.empty(), "a refusal says what is wrong");
        return require(config.error().code == cni::Code::kIncompatibleVersion ||
                           config.error().code == cni::Code::kUnsupportedField ||
                           config.error().code == cni::Code::kInvalidConfig,
                       "a refusal has a code of the specification");
    }
    for (const auto& ip : config->ips)
        require(IpAddr::parse(ip).has_value(), "addresses that are asked for are addresses");
    require(config->run_dir.starts_with('/'), "folders are absolute paths");
    if (config->previous) convert_result(*config->previous);
}

}  // namespace
}  // namespace weft::fuzz

WEFT_FUZZ_TARGET(cni_config, weft::fuzz::read_configuration)
