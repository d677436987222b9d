#include "tests/fuzz/dns_reader.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace weft::fuzz {

namespace {

constexpr std::size_t kHeader = 12, kMostRecords = 96, kMostSteps = 140;
constexpr std::uint16_t kIn = 1, kTypeA = 1, kTypeCname = 5, kTypeAaaa = 28;

class Reader {
  public:
    explicit Reader(std::span<const std::uint8_t> message) : message_(message) {}

    bool has(std::size_t at, std::size_t size) const { return at + size <= message_.size(); }
    std::uint8_t byte(std::size_t at) const { return message_[at]; }
    std::uint16_t number(std::size_t at) const {
        return static_cast<std::uint16_t>(message_[at] << 8 | message_[at + 1]);
    }
    std::span<const std::uint8_t> bytes(std::size_t at, std::size_t size) const { return message_.subspan(at, size); }

    // The name at `at`, which is then behind it.
    std::optional<std::string> name(std::size_t& at) const {
        std::string out;
        std::size_t place = at, limit = at;
        bool jumped = false;
        for (std::size_t step = 0; step < kMostSteps && place < message_.size(); ++step) {
            const std::size_t size = message_[place];
            if (size >= 0xc0) {
                if (!has(place, 2)) return std::nullopt;
                const std::size_t target = number(place) & 0x3fffU;
                if (target >= limit || target < kHeader) return std::nullopt;
                if (!jumped) at = place + 2;
                jumped = true;
                limit = place = target;
                continue;
            }
            if (size >= 64 || !has(place + 1, size) || out.size() + 1 + size >= 256) return std::nullopt;
            if (size == 0) {
                if (!jumped) at = place + 1;
                return out;
            }
            for (std::size_t i = 0; i <= size; ++i) {
                const auto c = message_[place + i];
                out += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
            }
            place += 1 + size;
        }
        return std::nullopt;
    }

  private:
    std::span<const std::uint8_t> message_;
};

IpAddr address_of(std::span<const std::uint8_t> bytes) {
    std::array<std::uint8_t, 16> out{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    std::ranges::copy(bytes, out.begin() + (bytes.size() == 4 ? 12 : 0));
    return IpAddr::from_bytes(out);
}

// The addresses of `wanted` or of what it stands for; nothing if a record is malformed.
std::optional<std::set<IpAddr>> read_records(const Reader& in, std::size_t at, std::size_t count, std::string wanted) {
    std::set<IpAddr> out;
    for (; count > 0; --count) {
        const auto owner = in.name(at);
        if (!owner || !in.has(at, 10)) return std::nullopt;
        const auto type = in.number(at), size = in.number(at + 8);
        const bool counts = *owner == wanted && in.number(at + 2) == kIn;
        std::size_t data = at + 10;
        if (!in.has(data, size)) return std::nullopt;
        at = data + size;
        if (!counts) continue;
        if (type == kTypeA || type == kTypeAaaa) {
            if (size != (type == kTypeA ? 4 : 16)) return std::nullopt;
            out.insert(address_of(in.bytes(data, size)));
        } else if (type == kTypeCname) {
            auto alias = in.name(data);
            if (!alias || data != at) return std::nullopt;
            wanted = std::move(*alias);
        }
    }
    return out;
}

}  // namespace

std::set<IpAddr> read_dns_answer(std::span<const std::uint8_t> message, std::vector<DnsAsked>& questions) {
    const Reader in(message);
    std::size_t at = kHeader;
    if (!in.has(0, kHeader + 5) || in.number(4) != 1 || (in.byte(2) & 0xf8) != 0x80) return {};
    const auto name = in.name(at);
    if (!name || !in.has(at, 4) || in.number(at + 2) != kIn) return {};
    const auto asked = std::ranges::find_if(questions, [&](const DnsAsked& one) {
        return !one.answered && one.id == in.number(0) && one.type == in.number(at) && one.name == *name;
    });
    if (asked == questions.end()) return {};
    asked->answered = true;
    if ((in.byte(2) & 2) != 0 || in.number(6) > kMostRecords) return {};
    auto found = read_records(in, at + 4, in.number(6), *name);
    return found && (in.byte(3) & 15) == 0 ? *found : std::set<IpAddr>{};
}

}  // namespace weft::fuzz
