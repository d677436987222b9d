// Any lines of a metadata stream: each is taken or refused whole, and names can be asked for at any time.
#include <string_view>

#include "hubble-lite/names.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weft;
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    hubble::Names names;
    names.begin();
    while (!rest.empty()) {
        const auto end = std::min(rest.find('\n'), rest.size());
        static_cast<void>(names.apply(rest.substr(0, end)));
        rest.remove_prefix(std::min(end + 1, rest.size()));
        static_cast<void>(names.peer(IpAddr::from_v4(0x0900000a), 260));
        static_cast<void>(names.rule(3));
    }
    names.purge(hubble::Names::Clock::now() + std::chrono::hours(1));
    return 0;
}
