// Any bytes from the ring buffer: refused, or a line of valid JSON.
#include <cstdlib>

#include "common/json.hpp"
#include "hubble-lite/decode.hpp"
#include "hubble-lite/flow_json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weft;
    const auto decoded = hubble::decode({reinterpret_cast<const std::byte*>(data), size});
    if (decoded.error) return 0;
    hubble::Record record;
    record.event = decoded.event;
    record.time_ns = static_cast<std::int64_t>(decoded.event.time_ns % 4'000'000'000'000'000'000U);
    // What follows the event stands for names that weftd has sent.
    const std::string text(reinterpret_cast<const char*>(data) + sizeof(weft_event), size - sizeof(weft_event));
    record.source = std::make_shared<hubble::Peer>(hubble::Peer{text, text, text, {text}});
    std::string line;
    hubble::append_line(line, record, text);
    if (!parse_json(line)) std::abort();
    return 0;
}
