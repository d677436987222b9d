#include "daemon/maps/names.hpp"

#include <algorithm>
#include <cstring>
#include <set>

#include "datapath/abi/names.h"

namespace weft::maps {

namespace {

// Class numbers have 16 bits, one of them is the automaton's.
constexpr std::size_t kMaxClasses = 0x8000;

AutomatonName name_of(const policy::DnsNames* names) {
    AutomatonName out;
    if (names == nullptr) return out;
    std::memcpy(out.digest.data(), &names->digest.high, 8);
    std::memcpy(out.digest.data() + 8, &names->digest.low, 8);
    out.serial = std::max(static_cast<std::uint32_t>(names->digest.low), 1U);
    return out;
}

std::uint32_t class_number(std::size_t class_index, std::uint32_t automaton) {
    return class_index == 0 ? 0 : static_cast<std::uint32_t>(class_index) << 1 | automaton;
}

std::shared_ptr<const weft_dns_automaton> automaton_row(const policy::DnsNames* names, const AutomatonName& name,
                                                        std::uint32_t index) {
    auto row = std::make_shared<weft_dns_automaton>();
    row->serial = name.serial;
    std::ranges::copy(name.digest, row->digest);
    if (names == nullptr) return row;
    const auto& automaton = names->automaton;
    row->columns = automaton.columns;
    row->start = automaton.start;
    row->dot = automaton.dot;
    std::ranges::copy(automaton.column_of, row->column_of);
    std::ranges::copy(automaton.next, row->next);
    for (std::size_t state = 0; state < automaton.class_of.size(); ++state)
        row->class_of[state] = static_cast<std::uint16_t>(class_number(automaton.class_of[state], index));
    return row;
}

weft_dns_row row_of(const policy::NameChoice& choice, std::size_t order) {
    std::uint32_t verdict = WEFT_VERDICT_ALLOW;
    if (choice.audit) verdict |= WEFT_ROW_AUDIT;
    if (choice.unlogged) verdict |= WEFT_ROW_UNLOGGED;
    return {choice.rule, verdict, static_cast<std::uint32_t>(order), 0};
}

bool same(const weft_dns_row& a, const weft_dns_row& b) {
    return a.rule == b.rule && a.verdict == b.verdict && a.order == b.order;
}

using ListRows = std::map<std::uint32_t, weft_dns_row>;  // by class

// The classes that each pattern matches.
using PatternClasses = std::map<std::string_view, std::vector<std::size_t>>;

PatternClasses classes_of(const policy::DnsNames& names) {
    PatternClasses out;
    for (std::size_t number = 1; number < names.automaton.classes.size(); ++number)
        for (const auto pattern : names.automaton.classes[number]) out[names.patterns[pattern]].push_back(number);
    return out;
}

// The rows of a list under the automaton at `index`.
ListRows rows_of(const policy::NameList& list, PatternClasses& classes, std::uint32_t index) {
    ListRows out;
    for (std::size_t order = 0; order < list.size(); ++order)
        for (const auto& pattern : list[order].patterns)
            for (const auto number : classes[pattern])
                out.try_emplace(class_number(number, index), row_of(list[order], order));
    return out;
}

// Which numbers of lists are in use, and what stands there under the automaton at an index.
class PresentLists {
  public:
    PresentLists(const KernelState& state, std::uint32_t index) {
        for (const auto& [key, row] : state.name_rows) {
            taken_.insert(key.first);
            if ((key.second & 1) == index) rows_[key.first].emplace(key.second, row);
        }
        for (const auto& [number, row] : state.port_rows) taken_.insert(row.verdict >> WEFT_ROW_NAMES_SHIFT);
    }
    // A list that says exactly this and that nobody has taken yet, else nothing.
    std::optional<std::uint32_t> find(const ListRows& wanted, const std::set<std::uint32_t>& used) const {
        for (const auto& [number, rows] : rows_)
            if (!used.contains(number) && std::ranges::equal(rows, wanted, [](const auto& a, const auto& b) {
                    return a.first == b.first && same(a.second, b.second);
                }))
                return number;
        return std::nullopt;
    }
    std::uint32_t fresh() {
        while (taken_.contains(next_)) ++next_;
        return next_++;
    }

  private:
    std::set<std::uint32_t> taken_{0};
    std::map<std::uint32_t, ListRows> rows_;
    std::uint32_t next_ = 1;
};

// The kernel's numbers: those of before for what says the same, else that of a list that stands there already, else
// new.
PortSets::Lists number_lists(const KernelState& state, const policy::Image& image, const PortSets::Lists& before,
                             std::uint32_t index, PatternClasses& classes) {
    PortSets::Lists out;
    std::set<std::uint32_t> used;
    for (const auto& [number, list] : image.name_lists) {
        const auto known = before.find(number);
        if (known == before.end() || known->second.first != list) continue;
        out.emplace(number, known->second);
        used.insert(known->second.second);
    }
    if (out.size() == image.name_lists.size()) return out;
    PresentLists present(state, index);
    for (const auto& [number, list] : image.name_lists) {
        if (out.contains(number)) continue;
        const auto there = present.find(rows_of(list, classes, index), used);
        const auto kernel = there ? *there : present.fresh();
        used.insert(kernel);
        out.emplace(number, std::pair(list, kernel));
    }
    return out;
}

}  // namespace

Result<NamePlan> plan_names(const KernelState& state, const policy::Image& image, const PortSets::Lists& before) {
    NamePlan plan;
    const auto* names = image.dns.names.get();
    auto name = name_of(names);
    const auto now = state.automaton_in_force();
    const auto& present = state.automata[now];
    plan.flips = name.digest != present.digest || (name.serial == 0) != (present.serial == 0);
    const auto index = plan.flips ? now ^ 1 : now;
    if (plan.flips) {
        if (names != nullptr && names->automaton.classes.size() > kMaxClasses)
            return fail(ErrorCode::kExhausted, "the DNS names of the policies make {} classes, more than {}",
                        names->automaton.classes.size() - 1, kMaxClasses - 1);
        if (name.serial == present.serial) ++name.serial;
        plan.writes.emplace_back(PutAutomaton{index, automaton_row(names, name, index)});
    }
    auto classes = names == nullptr ? PatternClasses{} : classes_of(*names);
    plan.lists = number_lists(state, image, before, index, classes);
    std::size_t rows = state.name_rows.size();
    if (plan.flips)  // of an automaton that was there once: its classes were others
        for (const auto& [key, row] : state.name_rows)
            if ((key.second & 1) == index) plan.writes.emplace_back(PutNameRow{key, std::nullopt});
    for (const auto& [number, list] : plan.lists)
        for (const auto& [class_id, row] : rows_of(list.first, classes, index)) {
            const NameRow key{list.second, class_id};
            const auto there = state.name_rows.find(key);
            if (!plan.flips && there != state.name_rows.end() && same(there->second, row)) continue;
            plan.writes.emplace_back(PutNameRow{key, row});
            rows += there == state.name_rows.end() ? 1 : 0;
        }
    if (rows > state.capacity.name_rows)
        return fail(ErrorCode::kExhausted, "{} rows are needed in map {}, it has {}", rows, WEFT_MAP_DNS_ROWS,
                    state.capacity.name_rows);
    return plan;
}

std::vector<Write> unreachable_names(const KernelState& state) {
    std::vector<Write> writes;
    if (state.name_rows.empty()) return writes;
    std::set<std::uint32_t> lists;
    for (const auto& [index, row] : state.port_rows)
        if (const auto list = row.verdict >> WEFT_ROW_NAMES_SHIFT; list != 0) lists.insert(list);
    for (const auto& [key, row] : state.name_rows)
        if (!lists.contains(key.first) || (key.second & 1) != state.automaton_in_force())
            writes.emplace_back(PutNameRow{key, std::nullopt});
    return writes;
}

}  // namespace weft::maps
