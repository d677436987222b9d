// The datapath's own reading of DNS over TCP: any bytes as a resolver's stream, cut in any way. What is entered is what
// a plain reader finds in the stream's messages.
#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "policy/dns_automaton.hpp"
#include "tests/fuzz/dns_reader.hpp"
#include "tests/fuzz/kernel/dns.h"
#include "tests/fuzz/target.hpp"

namespace weft::fuzz {
namespace {

constexpr std::uint8_t kSyn = 2, kAck = 16;
constexpr std::uint16_t kAddress = 1, kAddress6 = 28;
constexpr std::string_view kName = "\3www\7example\3com";

// One that every name which is asked for belongs to.
void put_automaton() {
    const auto made = policy::build_dns_automaton(std::vector<std::string>{"www.example.com"}).value();
    weft_dns_automaton& row = *kernel_dns_automaton();
    row.serial = 1;
    row.columns = made.columns;
    row.start = made.start;
    row.dot = made.dot;
    std::ranges::copy(made.column_of, row.column_of);
    std::ranges::copy(made.next, row.next);
    for (std::size_t state = 0; state < made.class_of.size(); ++state)
        row.class_of[state] = static_cast<std::uint16_t>(made.class_of[state]);
}

class Wire {
  public:
    void send(bool reply, std::uint8_t flags, std::uint32_t number, Bytes payload) const {
        std::vector<std::uint8_t> frame(14 + 20 + 20);
        const auto length = static_cast<std::uint16_t>(40 + payload.size());
        frame[14] = 0x45;
        put(frame, 16, length);
        put(frame, 28, reply ? 2 : 1);  // the last bytes of the addresses
        put(frame, 32, reply ? 1 : 2);
        put(frame, 34, reply ? 53 : 40000);
        put(frame, 36, reply ? 40000 : 53);
        put(frame, 38, static_cast<std::uint16_t>(number >> 16));
        put(frame, 40, static_cast<std::uint16_t>(number));
        frame[46] = 0x50;
        frame.insert(frame.end(), payload.begin(), payload.end());
        kernel_dns_packet(frame.data(), static_cast<std::uint32_t>(frame.size()), reply, flags);
    }

  private:
    static void put(std::vector<std::uint8_t>& frame, std::size_t at, std::uint16_t value) {
        frame[at] = static_cast<std::uint8_t>(value >> 8);
        frame[at + 1] = static_cast<std::uint8_t>(value);
    }
};

std::vector<std::uint8_t> question(const DnsAsked& asked) {
    std::vector<std::uint8_t> out{0, 0, 0, static_cast<std::uint8_t>(asked.id), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    out.insert(out.end(), kName.begin(), kName.end());
    out.insert(out.end(), {0, 0, static_cast<std::uint8_t>(asked.type), 0, 1});
    out[1] = static_cast<std::uint8_t>(out.size() - 2);
    return out;
}

// How the stream is cut: behind a byte that says how many, three each (size, flags), then the stream itself.
struct Cuts {
    struct Cut {
        std::size_t size = 0;
        bool swapped = false;   // with the one that follows
        std::size_t again = 0;  // bytes before it that are sent again with it
    };
    std::vector<Cut> cuts;
    Bytes stream;
    bool in_order = true;

    explicit Cuts(Bytes input) {
        std::size_t count = input.empty() ? 0 : input[0] % 32;
        count = std::min(count, input.size() / 3);
        for (std::size_t i = 0; i < count; ++i) {
            const auto* at = &input[1 + 3 * i];
            if (1 + 3 * i + 3 > input.size()) break;
            cuts.push_back({1 + (at[0] << 8 | at[1]) % 1500U, (at[2] & 1) != 0, at[2] / 2U});
            in_order = in_order && (at[2] & 1) == 0;
        }
        stream = input.subspan(std::min(input.size(), 1 + 3 * cuts.size()));
    }
};

void send_cut(const Cuts& input, const Wire& wire) {
    constexpr std::uint32_t kFirst = 0xfffffff0;  // the numbers begin again behind 16 bytes
    const auto part = [&](std::size_t from, std::size_t to) {
        if (from < to)
            wire.send(true, kAck, kFirst + static_cast<std::uint32_t>(from), input.stream.subspan(from, to - from));
    };
    const std::size_t end = input.stream.size();
    std::size_t at = 0;
    for (std::size_t i = 0; i < input.cuts.size() && at < end; ++i) {
        const std::size_t next = std::min(at + input.cuts[i].size, end);
        std::size_t last = next;
        if (input.cuts[i].swapped && i + 1 < input.cuts.size()) {
            last = std::min(next + input.cuts[i + 1].size, end);
            part(next, last);
        }
        part(at - std::min(at, input.cuts[i].again), next);
        at = last;
    }
    for (; at < end; at = std::min(at + 1448, end)) part(at, std::min(at + 1448, end));
}

void read_stream(Bytes input) {
    static const bool ready = (put_automaton(), true);
    require(ready, "there is an automaton");
    kernel_dns_reset();
    const Cuts cut(input);
    const Wire wire;
    std::vector<DnsAsked> asked{{7, kAddress, std::string(kName)}, {8, kAddress6, std::string(kName)}};
    std::uint32_t number = 100;
    wire.send(false, kSyn, number++, {});
    wire.send(true, kSyn | kAck, 0xffffffef, {});
    for (const auto& one : asked) {
        const auto bytes = question(one);
        wire.send(false, kAck, number, bytes);
        number += static_cast<std::uint32_t>(bytes.size());
    }
    require(kernel_dns_count(WEFT_DNS_QUERIES) == asked.size(), "questions are read");
    send_cut(cut, wire);
    std::set<IpAddr> expected, entered;
    std::size_t messages = 0;
    for (std::size_t at = 0; at + 2 <= cut.stream.size(); ++messages) {
        const std::size_t size = static_cast<std::size_t>(cut.stream[at] << 8 | cut.stream[at + 1]);
        if (at + 2 + size > cut.stream.size()) break;
        if (size <= WEFT_DNS_MESSAGE) expected.merge(read_dns_answer(cut.stream.subspan(at + 2, size), asked));
        at += 2 + size;
    }
    std::vector<weft_ip> rows(256);
    rows.resize(std::min<std::size_t>(kernel_dns_addresses(rows.data(), 256), 256));
    for (const auto& row : rows) entered.insert(IpAddr::from_bytes(row.b));
    require(std::ranges::includes(expected, entered), "nothing else is entered");
    // What is kept for a gap ends with the message that may be the longest; a packet has its most messages.
    if (messages >= WEFT_DNS_SEGMENT_MESSAGES || (!cut.in_order && cut.stream.size() > WEFT_DNS_STREAM_BYTES)) return;
    require(expected == entered, "all of it is entered");
}

}  // namespace
}  // namespace weft::fuzz

WEFT_FUZZ_TARGET(dns_stream, weft::fuzz::read_stream)
