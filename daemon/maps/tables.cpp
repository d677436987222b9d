#include "daemon/maps/tables.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace weft::maps {

namespace {

using SetId = PortSets::Id;

// What a table gives to each group of addresses, as far as it differs from what it gives to unnamed classes.
struct View {
    SetId unnamed = 0;
    std::vector<std::pair<std::size_t, SetId>> groups;  // ascending by group
    friend auto operator<=>(const View&, const View&) = default;
};

using ClassRows = std::map<PolicyClass, PortRun>;

std::pair<ClassRows::const_iterator, ClassRows::const_iterator> rows_of(const KernelState& state,
                                                                        std::uint32_t policy) {
    return {state.policy_classes.lower_bound({policy, 0}), state.policy_classes.lower_bound({policy + 1, 0})};
}

class TablePlanner {
  public:
    TablePlanner(const KernelState& state, const policy::Image& image, ClassPlan& classes, PortSets& sets,
                 const std::optional<Known>& known)
        : state_(state),
          image_(image),
          class_plan_(classes),
          groups_(classes.groups()),
          sets_(sets),
          known_(known),
          in_force_(tables_in_force(state)) {
        sets_.begin();
        known ? find_relevant() : index_parents();
        for (const auto number : known ? concerned() : in_force_)
            if (state.policies.contains(number)) views_.emplace(number, view_of_kernel(number));
        if (!known)
            for (const auto& [number, view] : views_) by_view_[view].insert(number);
    }

    Result<TablePlan> plan(const std::set<std::uint32_t>& wanted,
                           const std::map<std::uint32_t, std::set<std::uint32_t>>& prefer);

  private:
    // A policy's view, split: `old` is of groups that a table in force can be compared by, `added` of the others.
    struct Wanted {
        View old, added;
    };

    void find_relevant();
    std::set<std::uint32_t> concerned() const;
    void index_parents();
    View view_of_kernel(std::uint32_t number) const;
    Result<Wanted> view_of_image(const policy::PolicyTable& table);
    Result<Wanted> relevant_view(const policy::PolicyTable& table, SetId unnamed);
    Result<std::uint32_t> follow(std::uint32_t policy);
    void see(Wanted& view, std::size_t group, SetId set) const;
    std::optional<std::uint32_t> keep(const Wanted& view, const std::set<std::uint32_t>& candidates);
    Result<std::uint32_t> make(std::uint32_t preferred, const Wanted& view);
    Result<void> put_class(std::uint32_t policy, std::uint32_t class_id, SetId set, std::vector<Write>& out);
    Result<void> extend_in_force();
    Result<void> check_room() const;

    const KernelState& state_;
    const policy::Image& image_;
    ClassPlan& class_plan_;
    const std::vector<ClassGroup>& groups_;
    PortSets& sets_;
    const std::optional<Known>& known_;
    std::set<std::uint32_t> in_force_;
    std::vector<std::size_t> relevant_;  // groups by which tables are compared when the rest is known
    std::unordered_map<std::uint32_t, std::vector<std::size_t>> by_parent_;  // kernel class -> groups
    std::map<std::uint32_t, View> views_;                                    // of tables in force that are looked at
    std::map<View, std::set<std::uint32_t>> by_view_;
    std::map<std::uint32_t, View> kept_;  // table in force -> what it is to give to newcomers
    std::map<std::pair<View, View>, std::uint32_t> made_;
    std::uint32_t next_free_ = 1;
    std::set<std::uint32_t> taken_;
    std::vector<Write> tables_, classes_;
};

// Groups that are not what they were, and those of classes whose rows some table changed.
void TablePlanner::find_relevant() {
    std::set<std::uint32_t> changed;
    for (const auto& [number, derived] : known_->delta.policies)
        changed.insert(derived.classes.begin(), derived.classes.end());
    for (std::size_t i = 0; i < groups_.size(); ++i)
        if (groups_[i].moved) relevant_.push_back(i);
    for (const auto class_id : changed) {
        const auto& groups = class_plan_.of_target(class_id);
        relevant_.insert(relevant_.end(), groups.begin(), groups.end());
    }
    std::ranges::sort(relevant_);
    const auto rest = std::ranges::unique(relevant_);
    relevant_.erase(rest.begin(), rest.end());
}

// Tables in force that may give a relevant group something else than the image says: those that the compiler replaces,
// and those with rows for a class that some address leaves or joins. The others give such an address before and after
// what they give to every class without rows.
std::set<std::uint32_t> TablePlanner::concerned() const {
    std::set<std::uint32_t> out;
    const auto add_tables_of = [&](std::uint32_t kernel_class) {
        const auto at = state_.classes.find(kernel_class);
        if (at == state_.classes.end()) return;
        for (const auto table : at->second.tables)
            if (in_force_.contains(table)) out.insert(table);
    };
    for (const auto group : relevant_) {
        if (!groups_[group].moved) continue;
        if (groups_[group].parent) add_tables_of(*groups_[group].parent);
        for (const auto number : known_->classes.kernels_of(groups_[group].target)) add_tables_of(number);
    }
    for (const auto& [number, derived] : known_->delta.policies)
        if (const auto before = known_->kernel_policy.find(derived.from);
            before != known_->kernel_policy.end() && in_force_.contains(before->second))
            out.insert(before->second);
    return out;
}

void TablePlanner::index_parents() {
    for (std::size_t i = 0; i < groups_.size(); ++i)
        if (groups_[i].parent) by_parent_[*groups_[i].parent].push_back(i);
}

View TablePlanner::view_of_kernel(std::uint32_t number) const {
    View view{sets_.id_of(state_.policies.at(number)), {}};
    if (known_) {
        for (const auto group : relevant_) {
            if (!groups_[group].parent) continue;
            const auto row = state_.policy_classes.find({number, *groups_[group].parent});
            if (row == state_.policy_classes.end()) continue;
            if (const auto set = sets_.id_of(row->second); set != view.unnamed) view.groups.emplace_back(group, set);
        }
        return view;
    }
    const auto [first, last] = rows_of(state_, number);
    for (auto row = first; row != last; ++row) {
        const auto set = sets_.id_of(row->second);
        if (set == view.unnamed) continue;
        if (const auto groups = by_parent_.find(row->first.second); groups != by_parent_.end())
            for (const auto group : groups->second) view.groups.emplace_back(group, set);
    }
    std::ranges::sort(view.groups);
    return view;
}

void TablePlanner::see(Wanted& view, std::size_t group, SetId set) const {
    if (groups_[group].parent)
        view.old.groups.emplace_back(group, set);
    else if (groups_[group].fresh)
        view.added.groups.emplace_back(group, set);
}

Result<TablePlanner::Wanted> TablePlanner::view_of_image(const policy::PolicyTable& table) {
    WEFT_TRY(unnamed, sets_.id_of(table.unnamed));
    Wanted view{{unnamed, {}}, {unnamed, {}}};
    for (const auto& [class_id, rows] : table.classes) {
        if (class_id == WEFT_CLASS_UNKNOWN) return fail(ErrorCode::kInternal, "a compiled policy names class 0");
        WEFT_TRY(set, sets_.id_of(rows));
        if (set == unnamed) continue;
        for (const auto group : class_plan_.of_target(class_id)) see(view, group, set);
    }
    std::ranges::sort(view.old.groups);
    std::ranges::sort(view.added.groups);
    return view;
}

Result<TablePlanner::Wanted> TablePlanner::relevant_view(const policy::PolicyTable& table, SetId unnamed) {
    Wanted view{{unnamed, {}}, {unnamed, {}}};
    for (const auto group : relevant_) {
        const auto rows = table.classes.find(groups_[group].target);
        if (rows == table.classes.end()) continue;
        WEFT_TRY(set, sets_.id_of(rows->second));
        if (set != unnamed) see(view, group, set);
    }
    return view;
}

// The table that stood for the policy, or for the one that it was made of, if it can stay; else a new one.
Result<std::uint32_t> TablePlanner::follow(std::uint32_t policy) {
    const auto& table = image_.policies.at(policy);
    const auto derived = known_->delta.policies.find(policy);
    const bool replaced = derived != known_->delta.policies.end();
    const auto before = known_->kernel_policy.find(replaced ? derived->second.from : policy);
    const auto present = before == known_->kernel_policy.end() ? views_.end() : views_.find(before->second);
    if (present == views_.end() && !replaced && before != known_->kernel_policy.end() &&
        in_force_.contains(before->second))
        return before->second;      // not concerned
    if (present != views_.end()) {  // what unnamed classes get is the same
        WEFT_TRY(view, relevant_view(table, present->second.unnamed));
        if (const auto kept = keep(view, {before->second})) return *kept;
    }
    WEFT_TRY(view, view_of_image(table));
    return make(policy, view);
}

// A table in force that can stay.
std::optional<std::uint32_t> TablePlanner::keep(const Wanted& view, const std::set<std::uint32_t>& candidates) {
    const auto found = std::ranges::find_if(candidates, [&](std::uint32_t number) {
        const auto present = views_.find(number);
        if (present == views_.end() || present->second != view.old) return false;
        const auto kept = kept_.find(number);
        return kept == kept_.end() || kept->second == view.added;
    });
    if (found == candidates.end()) return std::nullopt;
    kept_.emplace(*found, view.added);
    return *found;
}

Result<void> TablePlanner::put_class(std::uint32_t policy, std::uint32_t class_id, SetId set, std::vector<Write>& out) {
    WEFT_TRY(run, sets_.place(set));
    out.emplace_back(PutPolicyClass{{policy, class_id}, run});
    return {};
}

Result<std::uint32_t> TablePlanner::make(std::uint32_t preferred, const Wanted& view) {
    if (const auto made = made_.find({view.old, view.added}); made != made_.end()) return made->second;
    const auto is_free = [&](std::uint32_t number) {
        return number != 0 && number < std::min(kBarredPolicy, state_.capacity.policies) &&
               !state_.policies.contains(number) && !in_force_.contains(number) && !taken_.contains(number);
    };
    auto number = preferred;
    if (!is_free(number)) {
        while (next_free_ < kBarredPolicy && !is_free(next_free_)) ++next_free_;
        number = next_free_;
    }
    if (!is_free(number))
        return fail(ErrorCode::kExhausted, "the policies need more compiled tables than the {} of map policies",
                    kBarredPolicy - 1);
    taken_.insert(number);
    // Rows that an interrupted transaction left under this number would be taken for its own.
    const auto [first, last] = rows_of(state_, number);
    for (auto row = first; row != last; ++row) tables_.emplace_back(PutPolicyClass{row->first, std::nullopt});
    std::set<std::uint32_t> written;
    for (const auto* part : {&view.old, &view.added})
        for (const auto& [group, set] : part->groups)
            if (written.insert(groups_[group].number).second)
                WEFT_CHECK(put_class(number, groups_[group].number, set, tables_));
    WEFT_TRY(run, sets_.place(view.old.unnamed));
    tables_.emplace_back(PutPolicy{number, run});
    made_.emplace(std::pair{view.old, view.added}, number);
    return number;
}

// Rows for fresh classes in the tables in force: a class that splits off gives what its parent gives, a newcomer's what
// the policy says that keeps the table.
Result<void> TablePlanner::extend_in_force() {
    for (const auto& [number, view] : views_) {
        for (const auto& [group, set] : view.groups)
            if (groups_[group].fresh) WEFT_CHECK(put_class(number, groups_[group].number, set, classes_));
        if (const auto kept = kept_.find(number); kept != kept_.end())
            for (const auto& [group, set] : kept->second.groups)
                WEFT_CHECK(put_class(number, groups_[group].number, set, classes_));
    }
    return {};
}

Result<void> TablePlanner::check_room() const {
    std::size_t rows = state_.policy_classes.size();
    for (const auto* list : {&tables_, &classes_})
        for (const auto& write : *list)
            if (const auto* row = std::get_if<PutPolicyClass>(&write);
                row && row->run && !state_.policy_classes.contains(row->key))
                ++rows;
    if (rows > state_.capacity.policy_classes)
        return fail(ErrorCode::kExhausted, "the policies need {} rows of map policy_classes, it has {}", rows,
                    state_.capacity.policy_classes);
    return {};
}

Result<TablePlan> TablePlanner::plan(const std::set<std::uint32_t>& wanted,
                                     const std::map<std::uint32_t, std::set<std::uint32_t>>& prefer) {
    TablePlan plan;
    plan.number[0] = 0;
    std::map<std::uint32_t, Wanted> open;
    for (const auto policy : wanted) {
        if (policy == 0) continue;
        const auto table = image_.policies.find(policy);
        if (table == image_.policies.end())
            return fail(ErrorCode::kInternal, "an endpoint names policy {}, which was not compiled", policy);
        if (known_) {
            WEFT_TRY(number, follow(policy));
            plan.number[policy] = number;
            continue;
        }
        WEFT_TRY(view, view_of_image(table->second));
        open.emplace(policy, std::move(view));
    }
    // First every policy whose endpoints can keep their table, so that no other takes it.
    for (const auto& [policy, view] : open)
        if (const auto present = prefer.find(policy); present != prefer.end())
            if (const auto kept = keep(view, present->second)) plan.number[policy] = *kept;
    for (const auto& [policy, view] : open) {
        if (plan.number.contains(policy)) continue;
        const auto equal = by_view_.find(view.old);
        if (const auto kept = equal == by_view_.end() ? std::nullopt : keep(view, equal->second)) {
            plan.number[policy] = *kept;
            continue;
        }
        WEFT_TRY(number, make(policy, view));
        plan.number[policy] = number;
    }
    WEFT_CHECK(extend_in_force());
    WEFT_CHECK(check_room());
    plan.writes = sets_.writes();
    plan.writes.insert(plan.writes.end(), tables_.begin(), tables_.end());
    plan.writes.insert(plan.writes.end(), classes_.begin(), classes_.end());
    return plan;
}

}  // namespace

std::set<std::uint32_t> tables_in_force(const KernelState& state) {
    std::set<std::uint32_t> numbers;
    for (const auto& [number, row] : state.endpoints)
        for (int kind = 0; kind < WEFT_POLICY_KINDS; ++kind) numbers.insert(state.policy_in_force(row, kind));
    numbers.erase(0);
    return numbers;
}

Result<TablePlan> plan_tables(const KernelState& state, const policy::Image& image,
                              const std::set<std::uint32_t>& wanted,
                              const std::map<std::uint32_t, std::set<std::uint32_t>>& prefer, ClassPlan& classes,
                              PortSets& sets, const std::optional<Known>& known) {
    return TablePlanner(state, image, classes, sets, known).plan(wanted, prefer);
}

}  // namespace weft::maps
