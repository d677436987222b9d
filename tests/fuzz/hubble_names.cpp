// Any lines of a metadata stream: each is taken or refused whole, and names can be asked for at any time.
#include "hubble-lite/names.hpp"
#include "tests/fuzz/target.hpp"

namespace weft::fuzz {
namespace {

void read_names(Bytes input) {
    std::string_view rest = text_of(input);
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
}

}  // namespace
}  // namespace weft::fuzz

WEFT_FUZZ_TARGET(hubble_names, weft::fuzz::read_names)
