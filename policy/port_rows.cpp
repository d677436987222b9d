#include "policy/port_rows.hpp"

#include <algorithm>
#include <map>

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
        std::uint64_t at = range.first;
        auto next = cells_.upper_bound(range.first);
        if (next != cells_.begin()) at = std::max<std::uint64_t>(at, std::uint64_t{std::prev(next)->second.last} + 1);
        while (at <= range.last) {
            const std::uint32_t until = next == cells_.end() ? range.last : std::min(range.last, next->first - 1);
            if (at <= until) cells_.emplace_hint(next, static_cast<std::uint32_t>(at), Cell{until, verdict, passed});
            if (next == cells_.end()) break;
            at = std::max<std::uint64_t>(at, std::uint64_t{next->second.last} + 1);
            ++next;
        }
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
    std::map<std::uint32_t, Cell> cells_;  // by first
};

}  // namespace

PortRows decide_rows(std::span<const RankedRule> rules, const PortRow& otherwise) {
    Canvas canvas;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        if (i > 0 && rules[i].tier != rules[i - 1].tier) canvas.next_tier();
        const bool allow = rules[i].action == Action::kAllow;
        const PortRow verdict{
            .rule = rules[i].number, .allow = allow, .audit = rules[i].audit, .unlogged = allow && rules[i].unlogged};
        for (const auto& range : rules[i].ranges) canvas.paint(range, verdict, rules[i].action == Action::kPass);
    }
    canvas.next_tier();
    canvas.paint({}, otherwise, false);
    return canvas.rows();
}

const PortRow& row_at(const PortRows& rows, std::uint32_t number) {
    return *std::prev(std::ranges::upper_bound(rows, number, {}, &PortRow::first));
}

}  // namespace weft::policy
