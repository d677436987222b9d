#include "policy/port_rows.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace weft::policy {

namespace {

// Intervals painted so far. Painting fills only what is still free.
class Canvas {
  public:
    struct Cell {
        std::uint32_t last = 0;
        PortRow verdict;
        bool passed = false;  // free again for the next tier
    };

    void paint(const PortRange& range, const PortRow& verdict, bool passed) {
        each_free(range, [&](auto next, std::uint32_t first, std::uint32_t last) {
            cells_.emplace_hint(next, first, Cell{last, verdict, passed});
        });
    }
    // What is still free of the range.
    std::vector<PortRange> free(const PortRange& range) {
        std::vector<PortRange> out;
        each_free(range, [&](auto, std::uint32_t first, std::uint32_t last) { out.push_back({first, last}); });
        return out;
    }

    void next_tier() {
        std::erase_if(cells_, [](const auto& cell) { return cell.second.passed; });
    }

    PortRows rows() const {
        PortRows out;
        for (const auto& [first, cell] : cells_) {
            PortRow row = cell.verdict;
            row.first = first;
            row.last = cell.last;
            if (!out.empty() && out.back().rule == row.rule && out.back().allow == row.allow &&
                out.back().by_default == row.by_default)
                out.back().last = row.last;
            else
                out.push_back(row);
        }
        return out;
    }

  private:
    template <typename Visit>  // visit(the cell behind, first, last)
    void each_free(const PortRange& range, const Visit& visit) {
        std::uint64_t at = range.first;
        auto next = cells_.upper_bound(range.first);
        if (next != cells_.begin()) at = std::max<std::uint64_t>(at, std::uint64_t{std::prev(next)->second.last} + 1);
        while (at <= range.last) {
            const std::uint32_t until = next == cells_.end() ? range.last : std::min(range.last, next->first - 1);
            if (at <= until) visit(next, static_cast<std::uint32_t>(at), until);
            if (next == cells_.end()) break;
            at = std::max<std::uint64_t>(at, std::uint64_t{next->second.last} + 1);
            ++next;
        }
    }

    std::map<std::uint32_t, Cell> cells_;  // by first
};

// Where a rule by name would have decided.
struct NamedRange {
    PortRange range;
    std::uint32_t rule = 0;
};

// The rows, cut where the lists of names differ.
PortRows with_names(const PortRows& rows, const std::vector<NamedRange>& named, const NumberOfNames& number_of) {
    std::set<std::uint32_t> begins;
    for (const auto& row : rows) begins.insert(row.first);
    for (const auto& [range, rule] : named) {
        begins.insert(range.first);
        if (range.last < kPortNumberMax) begins.insert(range.last + 1);
    }
    PortRows out;
    for (auto begin = begins.begin(); begin != begins.end(); ++begin) {
        PortRow row = row_at(rows, *begin);
        row.first = *begin;
        row.last = std::next(begin) == begins.end() ? kPortNumberMax : *std::next(begin) - 1;
        std::vector<std::uint32_t> rules;
        for (const auto& [range, rule] : named)
            if (range.first <= row.first && row.last <= range.last && (rules.empty() || rules.back() != rule))
                rules.push_back(rule);
        row.names = rules.empty() ? 0 : number_of(rules);
        if (!out.empty() && out.back().names == row.names && row_at(rows, out.back().first) == row_at(rows, row.first))
            out.back().last = row.last;
        else
            out.push_back(row);
    }
    return out;
}

}  // namespace

PortRows decide_rows(std::span<const RankedRule> rules, const PortRow& otherwise, const NumberOfNames& number_of) {
    Canvas canvas;
    std::vector<NamedRange> named;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        if (i > 0 && rules[i].tier != rules[i - 1].tier) canvas.next_tier();
        if (rules[i].by_name) {
            for (const auto& range : rules[i].ranges)
                for (const auto& free : canvas.free(range)) named.push_back({free, static_cast<std::uint32_t>(i)});
            continue;
        }
        const bool allow = rules[i].action == Action::kAllow;
        const PortRow verdict{
            .rule = rules[i].number, .allow = allow, .audit = rules[i].audit, .unlogged = allow && rules[i].unlogged};
        for (const auto& range : rules[i].ranges) canvas.paint(range, verdict, rules[i].action == Action::kPass);
    }
    canvas.next_tier();
    canvas.paint({}, otherwise, false);
    return named.empty() ? canvas.rows() : with_names(canvas.rows(), named, number_of);
}

const PortRow& row_at(const PortRows& rows, std::uint32_t number) {
    return *std::prev(std::ranges::upper_bound(rows, number, {}, &PortRow::first));
}

}  // namespace weft::policy
