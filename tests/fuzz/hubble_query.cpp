// Any parameters "name=value&name=value": refused with the parameter's name, or a filter that can be asked.
#include <cstdlib>
#include <string_view>

#include "hubble-lite/query.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weft::hubble;
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    QueryParameters parameters;
    while (!rest.empty()) {
        const auto end = std::min(rest.find('&'), rest.size());
        const auto one = rest.substr(0, end);
        const auto equals = std::min(one.find('='), one.size());
        parameters.emplace_back(one.substr(0, equals), one.substr(std::min(equals + 1, one.size())));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    const auto query = parse_query(parameters, 1'767'323'045'000'000'000);
    if (!query) {
        if (query.error().message.empty()) std::abort();
        return 0;
    }
    Record record;
    record.source = std::make_shared<Peer>(Peer{"shop", "web-1", "c", {"k8s:app=web", "reserved:host"}});
    static_cast<void>(query->filter.matches(record) && query->in_time(record));
    return 0;
}
