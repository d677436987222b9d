// Any parameters "name=value&name=value": refused with the parameter's name, or a filter that can be asked.
#include "hubble-lite/query.hpp"
#include "tests/fuzz/target.hpp"

namespace weft::fuzz {
namespace {

void read_query(Bytes input) {
    using namespace hubble;
    std::string_view rest = text_of(input);
    QueryParameters parameters;
    while (!rest.empty()) {
        const auto end = std::min(rest.find('&'), rest.size());
        const auto one = rest.substr(0, end);
        const auto equals = std::min(one.find('='), one.size());
        parameters.emplace_back(one.substr(0, equals), one.substr(std::min(equals + 1, one.size())));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    const auto query = parse_query(parameters, 1'767'323'045'000'000'000);
    if (!query) return require(!query.error().message.empty(), "a refusal says what is wrong");
    Record record;
    record.source = std::make_shared<Peer>(Peer{"shop", "web-1", "c", {"k8s:app=web", "reserved:host"}});
    static_cast<void>(query->filter.matches(record) && query->in_time(record));
}

}  // namespace
}  // namespace weft::fuzz

WEFT_FUZZ_TARGET(hubble_query, weft::fuzz::read_query)
