// Any bytes from the ring buffer: refused, or a line of valid JSON.
#include "common/json.hpp"
#include "hubble-lite/decode.hpp"
#include "hubble-lite/flow_json.hpp"
#include "tests/fuzz/target.hpp"

namespace weft::fuzz {
namespace {

void decode_event(Bytes input) {
    const auto decoded = hubble::decode(std::as_bytes(input));
    if (decoded.error) return;
    hubble::Record record;
    record.event = decoded.event;
    record.dns = decoded.dns;
    record.time_ns = static_cast<std::int64_t>(decoded.event.time_ns % 4'000'000'000'000'000'000U);
    // What follows the event stands for names that weftd has sent.
    const std::string text(text_of(input.subspan(sizeof(weft_event))));
    record.source = std::make_shared<hubble::Peer>(hubble::Peer{text, text, text, {text}});
    std::string line;
    hubble::append_line(line, record, text);
    require(parse_json(line).has_value(), "a flow's line is valid JSON");
}

}  // namespace
}  // namespace weft::fuzz

WEFT_FUZZ_TARGET(hubble_decode, weft::fuzz::decode_event)
