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
    const auto [at, is_new] = numbers.given.try_emplace(key);
    at->second.unused_since = 0;
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
    numbers.keys[at->second.number] = &at->first;
    given(kind, key, at->second.number);
    return at->second.number;
}

void MemoryNumbers::unused(NumberKind kind, std::uint32_t number) {
    Table& numbers = table(kind);
    const auto key = numbers.keys.find(number);
    if (key == numbers.keys.end()) return;
    Given& known = numbers.given.at(*key->second);
    if (known.unused_since == 0) numbers.unused.push_back(number);
    known.unused_since = round_;
}

// Whether the number is settled: free now, or in use again.
bool MemoryNumbers::forget(NumberKind kind, std::uint32_t number) {
    Table& numbers = table(kind);
    const auto key = numbers.keys.find(number);
    if (key == numbers.keys.end()) return true;
    const auto at = numbers.given.find(*key->second);
    if (at->second.unused_since == 0) return true;
    if (at->second.unused_since == round_) return false;
    numbers.free.insert(number);
    freed(kind, at->first);
    numbers.keys.erase(key);
    numbers.given.erase(at);
    return true;
}

void MemoryNumbers::forget_unused() {
    for (std::size_t kind = 0; kind < tables_.size(); ++kind)
        std::erase_if(tables_[kind].unused,
                      [&](std::uint32_t number) { return forget(static_cast<NumberKind>(kind), number); });
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
    const auto at = numbers.given.emplace(key, Given{number, round_}).first;
    numbers.keys[number] = &at->first;
    numbers.unused.push_back(number);
    return {};
}

}  // namespace weft::policy
