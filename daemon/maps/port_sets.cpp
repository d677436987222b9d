#include "daemon/maps/port_sets.hpp"

#include <algorithm>
#include <cstring>

namespace weft::maps {

namespace {

weft_port_row row_of(const policy::PortRow& row, const PortSets::Lists& lists) {
    std::uint32_t verdict = row.allow ? WEFT_VERDICT_ALLOW : WEFT_VERDICT_DENY;
    if (row.by_default) verdict |= WEFT_ROW_DEFAULT_DENY;
    if (row.audit) verdict |= WEFT_ROW_AUDIT;
    if (row.unlogged) verdict |= WEFT_ROW_UNLOGGED;
    if (row.names != 0) verdict |= lists.at(row.names).second << WEFT_ROW_NAMES_SHIFT;
    return {row.first, row.last, row.rule, verdict};
}

Result<void> check(const policy::PortRows& rows, std::uint32_t rules, const PortSets::Lists& lists) {
    std::uint64_t next = 0;
    for (const auto& row : rows) {
        if (row.first != next || row.last < row.first)
            return fail(ErrorCode::kInternal, "compiled port rows have a gap or overlap at {:#x}", row.first);
        if (row.rule >= rules)
            return fail(ErrorCode::kExhausted, "rule number {} is over the limit of {}", row.rule, rules - 1);
        if (row.names != 0 && !lists.contains(row.names))
            return fail(ErrorCode::kInternal, "compiled port rows name list {} of names, which is not there",
                        row.names);
        next = std::uint64_t{row.last} + 1;
    }
    if (next != std::uint64_t{WEFT_PORT_NUMBER_MAX} + 1)
        return fail(ErrorCode::kInternal, "compiled port rows end at {:#x} and not at {:#x}", next,
                    WEFT_PORT_NUMBER_MAX);
    return {};
}

void append(std::string& bytes, const weft_port_row& row) {
    bytes.append(reinterpret_cast<const char*>(&row), sizeof row);
}

void set_bytes(std::string& bytes, const policy::PortRows& rows, const PortSets::Lists& lists) {
    bytes.clear();
    for (const auto& row : rows) append(bytes, row_of(row, lists));
}

void set_bytes(std::string& bytes, const KernelState& state, const PortRun& run) {
    bytes.clear();
    auto row = state.port_rows.lower_bound(run.start);
    for (std::uint32_t i = 0; i < run.count; ++i) {
        const bool there = row != state.port_rows.end() && row->first == run.start + i;
        append(bytes, there ? (row++)->second : weft_port_row{});
    }
}

std::vector<PortRun> gaps(const std::map<PortRun, std::size_t>& used, std::uint32_t size) {
    std::vector<PortRun> result;
    std::uint32_t next = 0;
    for (const auto& [run, holders] : used) {
        if (run.start > next) result.push_back({next, run.start - next});
        next = std::max(next, run.start + run.count);
    }
    if (next < size) result.push_back({next, size - next});
    return result;
}

}  // namespace

PortSets::PortSets(const KernelState& state) : rules_(state.capacity.rules), port_rows_(state.capacity.port_rows) {
    for (const auto& [run, holders] : state.run_holders) {
        set_bytes(buffer_, state, run);
        const auto id = intern(buffer_);
        ids_.emplace(key(run), id);
        if (sets_[id].run.count == 0) sets_[id].run = run;
    }
    free_ = free_before_ = gaps(state.run_holders, state.capacity.port_rows);
}

void PortSets::begin() {
    for (const auto id : placed_) sets_[id].run = {};
    placed_.clear();
    writes_.clear();
    free_ = free_before_;
}

void PortSets::commit() {
    for (const auto id : placed_) ids_.emplace(key(sets_[id].run), id);
    placed_.clear();
    writes_.clear();
    lists_ = planned_lists_;
    free_before_ = free_;
}

void PortSets::free(const PortRun& run) {
    const auto known = ids_.find(key(run));
    if (known == ids_.end()) return;
    if (sets_[known->second].run == run) sets_[known->second].run = {};
    ids_.erase(known);
    auto next = std::ranges::lower_bound(free_before_, run);
    if (next != free_before_.begin() && std::prev(next)->start + std::prev(next)->count == run.start) {
        --next;
        next->count += run.count;
    } else {
        next = free_before_.insert(next, run);
    }
    if (const auto after = std::next(next); after != free_before_.end() && next->start + next->count == after->start) {
        next->count += after->count;
        free_before_.erase(after);
    }
}

PortSets::Id PortSets::intern(std::string_view rows) {
    if (const auto known = by_rows_.find(rows); known != by_rows_.end()) return known->second;
    const auto id = static_cast<Id>(sets_.size());
    const auto place = by_rows_.emplace(std::string(rows), id).first;
    sets_.push_back({place->first, {}});  // nodes of an unordered_map stay where they are
    return id;
}

Result<PortSets::Id> PortSets::id_of(const policy::PortRows& rows) {
    WEFT_CHECK(check(rows, rules_, planned_lists_));
    set_bytes(buffer_, rows, planned_lists_);
    return intern(buffer_);
}

Result<PortRun> PortSets::place(Id id) {
    auto& set = sets_[id];
    if (set.run.count != 0) return set.run;
    const auto count = static_cast<std::uint32_t>(set.rows.size() / sizeof(weft_port_row));
    const auto room = std::ranges::find_if(free_, [&](const PortRun& gap) { return gap.count >= count; });
    if (room == free_.end())
        return fail(ErrorCode::kExhausted, "the policies need more port rows than the {} of map port_rows", port_rows_);
    set.run = {room->start, count};
    room->start += count;
    room->count -= count;
    if (room->count == 0) free_.erase(room);
    placed_.push_back(id);
    for (std::uint32_t i = 0; i < count; ++i) {
        weft_port_row row{};
        std::memcpy(&row, set.rows.data() + i * sizeof row, sizeof row);
        writes_.emplace_back(PutPortRow{set.run.start + i, row});
    }
    return set.run;
}

}  // namespace weft::maps
