// Events and records for the tests of hubble-lite.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "hubble-lite/flow.hpp"
#include "hubble-lite/source.hpp"

namespace weft::hubble::test {

struct Ends {
    std::string source = "10.244.0.9", destination = "10.244.0.17";
    std::uint16_t source_port = 40000, destination_port = 80;
    std::uint8_t protocol = 6;
};

// A first packet that was allowed: SYN for TCP; endpoints 17 and 18, identities 260 and 261, rules 3 (egress) and 4
// (ingress).
weft_event sample_event(const Ends& ends = {});
weft_event dropped_event(std::uint8_t reason, std::uint8_t direction = WEFT_INGRESS, const Ends& ends = {});
std::vector<std::byte> bytes_of(const weft_event& event);
// The event with names: pods shop/web-1 (app=web) and shop/db-0 (app=db), rules of the policies shop/web-out and
// shop/db-in.
Record named(const weft_event& event, std::int64_t time_ns = 1'700'000'000'123'000'000);

// A source that hands out what was put into it.
class FakeSource : public EventSource {
  public:
    Result<std::size_t> consume(const Visit& visit) override;
    Result<KernelCounters> counters() override;

    bool open = true;
    std::deque<std::vector<std::byte>> waiting;
    KernelCounters counts;
};

}  // namespace weft::hubble::test
