#include "daemon/maps/port_sets.hpp"

#include <algorithm>
#include <cstring>
#include <set>

namespace weft::maps {

namespace {

weft_port_row row_of(const policy::PortRow& row) {
    const auto verdict =
        (row.allow ? WEFT_VERDICT_ALLOW : WEFT_VERDICT_DENY) | (row.by_default ? WEFT_ROW_DEFAULT_DENY : 0);
    return {row.first, row.last, row.rule, static_cast<std::uint32_t>(verdict)};
}

Result<void> check(const policy::PortRows& rows, std::uint32_t rules) {
    std::uint64_t next = 0;
    for (const auto& row : rows) {
        if (row.first != next || row.last < row.first)
            return fail(ErrorCode::kInternal, "compiled port rows have a gap or overlap at {:#x}", row.first);
        if (row.rule >= rules)
            return fail(ErrorCode::kExhausted, "rule number {} is over the limit of {}", row.rule, rules - 1);
        next = std::uint64_t{row.last} + 1;
    }
    if (next != std::uint64_t{WEFT_PORT_NUMBER_MAX} + 1)
        return fail(ErrorCode::kInternal, "compiled port rows end at {:#x} and not at {:#x}", next,
                    WEFT_PORT_NUMBER_MAX);
    return {};
}

std::string bytes_of(const policy::PortRows& rows) {
    std::string bytes;
    bytes.reserve(rows.size() * sizeof(weft_port_row));
    for (const auto& row : rows) {
        const auto kernel = row_of(row);
        bytes.append(reinterpret_cast<const char*>(&kernel), sizeof kernel);
    }
    return bytes;
}

std::string bytes_of(const KernelState& state, const PortRun& run) {
    std::string bytes;
    auto row = state.port_rows.lower_bound(run.start);
    for (std::uint32_t i = 0; i < run.count; ++i) {
        weft_port_row value{};
        if (row != state.port_rows.end() && row->first == run.start + i) value = (row++)->second;
        bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    return bytes;
}

std::vector<PortRun> gaps(const std::set<PortRun>& used, std::uint32_t size) {
    std::vector<PortRun> result;
    std::uint32_t next = 0;
    for (const auto& run : used) {
        if (run.start > next) result.push_back({next, run.start - next});
        next = std::max(next, run.start + run.count);
    }
    if (next < size) result.push_back({next, size - next});
    return result;
}

}  // namespace

PortSets::PortSets(const KernelState& state) : state_(state) {
    const auto used = state.runs();
    for (const auto& run : used) {
        const auto id = intern(bytes_of(state, run));
        ids_.emplace(run, id);
        if (sets_[id].run.count == 0) sets_[id].run = run;
    }
    free_ = gaps(used, state.capacity.port_rows);
}

PortSets::Id PortSets::intern(std::string rows) {
    const auto [place, added] = by_rows_.emplace(std::move(rows), static_cast<Id>(sets_.size()));
    if (added) sets_.push_back({place->first, {}});
    return place->second;
}

Result<PortSets::Id> PortSets::id_of(const policy::PortRows& rows) {
    if (const auto known = by_address_.find(&rows); known != by_address_.end()) return known->second;
    WEFT_CHECK(check(rows, state_.capacity.rules));
    const auto id = intern(bytes_of(rows));
    by_address_.emplace(&rows, id);
    return id;
}

Result<PortRun> PortSets::place(Id id) {
    auto& set = sets_[id];
    if (set.run.count != 0) return set.run;
    const auto count = static_cast<std::uint32_t>(set.rows.size() / sizeof(weft_port_row));
    const auto room = std::ranges::find_if(free_, [&](const PortRun& gap) { return gap.count >= count; });
    if (room == free_.end())
        return fail(ErrorCode::kExhausted, "the policies need more port rows than the {} of map port_rows",
                    state_.capacity.port_rows);
    set.run = {room->start, count};
    room->start += count;
    room->count -= count;
    if (room->count == 0) free_.erase(room);
    for (std::uint32_t i = 0; i < count; ++i) {
        weft_port_row row{};
        std::memcpy(&row, set.rows.data() + i * sizeof row, sizeof row);
        writes_.emplace_back(PutPortRow{set.run.start + i, row});
    }
    return set.run;
}

}  // namespace weft::maps
