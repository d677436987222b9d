#include "policy/memory_numbers.hpp"

#include <string_view>

namespace weft::policy {

namespace {

constexpr std::array<std::string_view, 4> kNames = {"rule", "class", "identity", "compiled policy"};

std::uint32_t lowest(NumberKind kind) {
    return kind == NumberKind::kIdentity ? 256 : 1;
}

}  // namespace

MemoryNumbers::Table& MemoryNumbers::table(NumberKind kind) {
    Table& out = tables_[static_cast<std::size_t>(kind)];
    if (out.next == 0) out.next = lowest(kind);
    return out;
}

Result<std::uint32_t> MemoryNumbers::number(NumberKind kind, const std::string& key) {
    Table& numbers = table(kind);
    const auto [at, is_new] = numbers.given.try_emplace(key, Given{0, round_});
    at->second.round = round_;
    if (!is_new) return at->second.number;
    const auto limit = limits_[static_cast<std::size_t>(kind)];
    const bool fresh = kind == NumberKind::kRule && numbers.next <= limit;
    if (!fresh && !numbers.free.empty() && *numbers.free.begin() <= limit) {
        at->second.number = *numbers.free.begin();
        numbers.free.erase(numbers.free.begin());
    } else if (numbers.next <= limit) {
        at->second.number = numbers.next++;
    } else {
        numbers.given.erase(at);
        return fail(ErrorCode::kExhausted, "no {} number is left: all up to {} are in use",
                    kNames[static_cast<std::size_t>(kind)], limit);
    }
    given(kind, key, at->second.number);
    return at->second.number;
}

void MemoryNumbers::forget_unused() {
    for (std::size_t kind = 0; kind < tables_.size(); ++kind) {
        Table& numbers = tables_[kind];
        std::erase_if(numbers.given, [&](const auto& entry) {
            const bool unused = entry.second.round != round_;
            if (unused) {
                numbers.free.insert(entry.second.number);
                freed(static_cast<NumberKind>(kind), entry.first);
            }
            return unused;
        });
    }
    ++round_;
}

Result<void> MemoryNumbers::restore(NumberKind kind, const std::string& key, std::uint32_t number) {
    Table& numbers = table(kind);
    const auto limit = limits_[static_cast<std::size_t>(kind)];
    if (number < lowest(kind) || number > limit) return fail(ErrorCode::kInvalid, "number {} is out of range", number);
    const bool taken = number < numbers.next && !numbers.free.contains(number);
    if (taken || numbers.given.contains(key))
        return fail(ErrorCode::kExists, "key '{}' or number {} is taken", key, number);
    numbers.free.erase(number);
    while (numbers.next < number) numbers.free.insert(numbers.next++);
    if (numbers.next == number) ++numbers.next;
    numbers.given.emplace(key, Given{number, round_});
    return {};
}

}  // namespace weft::policy
