#include "policy/tables.hpp"

#include <algorithm>

#include "policy/compile.hpp"

namespace weft::policy {

namespace {

std::size_t slot(Direction direction) {
    return static_cast<std::size_t>(direction);
}

void append_rows(const PortRows& rows, std::string& out) {
    for (const auto& row : rows) {
        const std::uint32_t words[4] = {row.first, row.last, row.rule,
                                        (row.allow ? 1U : 0U) | (row.by_default ? 2U : 0U) | (row.audit ? 4U : 0U) |
                                            (row.unlogged ? 8U : 0U) | row.names << 4};
        out.append(reinterpret_cast<const char*>(words), sizeof words);
    }
}

Digest digest_of(std::uint32_t class_number, const PortRows& rows) {
    std::string bytes(reinterpret_cast<const char*>(&class_number), sizeof class_number);
    append_rows(rows, bytes);
    return Digest::of(bytes);
}

// A table's number follows from its content: a changed table has another number, so that it can be written beside the
// old. `sum`: of the digests of its classes' rows.
std::string content_key(Direction direction, const PortRows& unnamed, Digest sum) {
    std::string bytes;
    append_rows(unnamed, bytes);
    sum.add(Digest::of(bytes));
    return fmt::format("{}/{}", to_string(direction), sum.hex());
}

void add_named(const Rule& rule, const Pod& pod, std::vector<NamedPort>& out) {
    for (const auto& port : rule.ports) {
        if (port.name.empty()) continue;
        for (const auto& known : pod.ports)
            if (known.name == port.name && known.protocol == port.protocol) out.push_back(known);
    }
}

}  // namespace

void Tables::put(std::uint32_t number, const std::optional<Subject>& subject) {
    const auto known = subjects_.find(number);
    if (known != subjects_.end()) {
        const auto endpoint = known->second.subject.pod->endpoint;
        if (!subject || subject->pod->endpoint != endpoint) image_.set_endpoint(endpoint, std::nullopt);
    }
    if (subject) {
        subjects_[number].subject = *subject;
        wanting_.insert(number);
    } else if (known != subjects_.end()) {
        for (auto* state : known->second.tables) release(state);
        subjects_.erase(known);
        wanting_.erase(number);
    }
}

const Tables::Subject* Tables::find(std::uint32_t number) const {
    const auto at = subjects_.find(number);
    return at == subjects_.end() ? nullptr : &at->second.subject;
}

// `auditing`: with the policies in audit mode; without specs if there are none of them.
TableKey Tables::key_of(const Subject& subject, Direction direction, bool auditing) const {
    TableKey key{direction, {}, {}};
    bool audited = false;
    for (const auto number : specs_.of_local(subject.set)) {
        if (!auditing && audits(number)) continue;
        const auto& spec = specs_[number].spec();
        bool concerns = spec.isolates[slot(direction)];
        for (const auto& rule : spec.rules) {
            if (rule.direction != direction) continue;
            concerns = true;
            if (direction == Direction::kIngress) add_named(rule, *subject.pod, key.ports);
        }
        if (!concerns) continue;
        key.specs.push_back(number);
        audited |= audits(number);
    }
    if (auditing && !audited) return TableKey{direction, {}, {}};
    std::ranges::sort(key.ports);
    const auto rest = std::ranges::unique(key.ports);
    key.ports.erase(rest.begin(), rest.end());
    return key;
}

Result<void> Tables::update() {
    if (!specs_.changed().empty())
        for (const auto& [number, held] : subjects_)
            if (specs_.changed().contains(held.subject.set)) wanting_.insert(number);
    for (const auto number : wanting_) rekey(subjects_.at(number));
    WEFT_CHECK(follow_classes());
    for (const auto number : wanting_) {
        auto& held = subjects_.at(number);
        for (std::size_t kind = 0; kind < kKinds; ++kind) {
            if (held.tables[kind] != nullptr || held.keys[kind].specs.empty()) continue;
            WEFT_TRY(acquired, acquire(held.keys[kind]));
            held.tables[kind] = acquired;
        }
    }
    for (const auto& [number, held] : subjects_) name_tables(held);
    wanting_.clear();
    WEFT_CHECK(settle_names());
    return check_room();
}

// Which policies have lists of names; those that no row has any more go.
Result<void> Tables::settle_names() {
    WEFT_CHECK(lists_.error());
    auto& named = image_.tables().named_policies;
    named.clear();
    if (lists_.empty()) return {};
    std::set<std::uint32_t> used;
    for (const auto& [key, state] : states_) {
        if (!state.table->has_names()) continue;
        bool any = false;
        const auto look = [&](const PortRows& rows) {
            for (const auto& row : rows) {
                if (row.names == 0) continue;
                used.insert(row.names);
                any = true;
            }
        };
        const auto& table = image_.image().policies.at(state.number);
        look(table.unnamed);
        for (const auto& [number, rows] : table.classes) look(rows);
        if (any) named.insert(state.number);
    }
    lists_.keep(used);
    return {};
}

// A table that changed has another number.
void Tables::name_tables(const Held& held) {
    const auto endpoint = held.subject.pod->endpoint;
    const auto number = [&](std::size_t kind) { return held.tables[kind] == nullptr ? 0 : held.tables[kind]->number; };
    const std::array<std::uint32_t, 2> enforced = {number(0), number(1)}, audited = {number(2), number(3)};
    const auto& image = image_.image();
    if (const auto at = image.endpoints.find(endpoint); at == image.endpoints.end() || at->second != enforced)
        image_.set_endpoint(endpoint, enforced);
    const bool some = audited[0] != 0 || audited[1] != 0;
    const auto at = image.audits.find(endpoint);
    if (some ? at == image.audits.end() || at->second != audited : at != image.audits.end())
        image_.set_audits(endpoint, some ? std::optional(audited) : std::nullopt);
}

// Lets go of the tables that the pod does not want any more.
void Tables::rekey(Held& held) {
    for (std::size_t kind = 0; kind < kKinds; ++kind) {
        auto& state = held.tables[kind];
        auto& key = held.keys[kind];
        key = key_of(held.subject, static_cast<Direction>(kind % 2), kind >= 2);
        if (state == nullptr || state->key == key) continue;
        release(state);
        state = nullptr;
    }
}

// What happens to packets that no rule decides.
Result<PortRow> Tables::otherwise(const TableKey& key, std::uint32_t& default_rule) {
    std::vector<PolicyName> isolating;
    std::string text;
    bool audit = false;
    for (const auto number : key.specs) {
        const auto& in_force = specs_[number];
        if (!in_force.spec().isolates[slot(key.direction)]) continue;
        if (!isolating.empty() && isolating.back() == in_force.policy->name) continue;
        isolating.push_back(in_force.policy->name);
        audit |= in_force.policy->audit;
        text += (in_force.policy->audit ? "audit " : "") + in_force.policy->key() + "\n";
    }
    if (isolating.empty()) return PortRow{.allow = true};
    const RuleInfo info{
        .direction = key.direction, .by_default = true, .policies = std::move(isolating), .audit = audit};
    WEFT_TRY(number,
             specs_.take_rule(fmt::format("default/{}/{}", to_string(key.direction), Digest::of(text).hex()), info, 0));
    default_rule = number;
    return PortRow{.rule = number, .by_default = true, .audit = audit};
}

Result<Tables::State*> Tables::acquire(const TableKey& key) {
    const auto [at, is_new] = states_.try_emplace(key);
    State& state = at->second;
    ++state.holders;
    if (!is_new) return &state;
    state.key = key;
    WEFT_TRY(fallback, otherwise(key, state.default_rule));
    state.table = std::make_unique<Table>(atoms_, classes_, specs_, lists_, key, fallback);
    WEFT_CHECK(build(state));
    for (const auto& [atom, ranks] : state.table->atoms()) by_atom_[atom].push_back(&state);
    return &state;
}

Result<void> Tables::build(State& state) {
    PolicyTable made{
        .direction = state.key.direction, .unnamed = state.table->unnamed(), .classes = state.table->all_rows()};
    for (const auto& [number, rows] : made.classes) state.sum.add(digest_of(number, rows));
    ++built_;
    WEFT_TRY(number, numbers_.number(NumberKind::kPolicy, content_key(made.direction, made.unnamed, state.sum)));
    if (!image_.image().policies.contains(number)) image_.derive(number, 0, {});
    return give(state, number, std::move(made));
}

// The state's content is this table. Contents with one number are one.
Result<void> Tables::give(State& state, std::uint32_t number, PolicyTable table) {
    auto& policies = image_.tables().policies;
    const auto known = policies.find(number);
    if (known == policies.end()) {
        class_rows_ += table.classes.size();
        policies.emplace(number, std::move(table));
    } else if (known->second != table) {
        return fail(ErrorCode::kInternal, "two compiled policies have one number ({})", number);
    }
    ++users_[number];
    state.number = number;
    return check_room();
}

void Tables::let_go(std::uint32_t number) {
    if (--users_.at(number) > 0) return;
    users_.erase(number);
    auto& policies = image_.tables().policies;
    const auto at = policies.find(number);
    class_rows_ -= at->second.classes.size();
    policies.erase(at);
    numbers_.unused(NumberKind::kPolicy, number);
}

void Tables::release(State* state) {
    if (state == nullptr || --state->holders > 0) return;
    for (const auto& [atom, ranks] : state->table->atoms()) {
        auto& list = by_atom_.at(atom);
        std::erase(list, state);
        if (list.empty()) by_atom_.erase(atom);
    }
    let_go(state->number);
    if (state->default_rule != 0) specs_.drop_rule(state->default_rule);
    states_.erase(states_.find(state->key));
}

// The rows of classes that are new or nobody's any more, in the tables that tell them apart.
Result<void> Tables::follow_classes() {
    std::map<State*, Edits> edits;
    const auto each_table = [&](std::uint32_t index, const auto& visit) {
        std::set<State*> seen;
        classes_.each_atom(classes_[index], [&](Classes::Kind kind, std::uint32_t atom) {
            const auto at = by_atom_.find(Table::atom_key(kind, atom));
            if (at == by_atom_.end()) return;
            for (auto* state : at->second)
                if (seen.insert(state).second) visit(*state);
        });
    };
    for (const auto index : classes_.dying())
        each_table(index, [&](State& state) { edits[&state][classes_[index].number] = std::nullopt; });
    for (const auto index : classes_.born()) {
        if (classes_[index].holders == 0) continue;
        each_table(index, [&](State& state) {
            ++rows_decided_;
            edits[&state][classes_[index].number] = state.table->rows_of(index);
        });
    }
    for (auto& [state, rows] : edits) WEFT_CHECK(edit(*state, std::move(rows)));
    return {};
}

Result<void> Tables::edit(State& state, Edits edits) {
    auto& policies = image_.tables().policies;
    const auto before = policies.find(state.number);
    auto& present = before->second.classes;
    std::set<std::uint32_t> changed;
    for (auto& [number, rows] : edits) {
        const auto row = present.find(number);
        const bool same = row == present.end() ? !rows : rows && *rows == row->second;
        if (same) continue;
        changed.insert(number);
        if (row != present.end()) state.sum.subtract(digest_of(number, row->second));
        if (rows) state.sum.add(digest_of(number, *rows));
    }
    if (changed.empty()) return {};
    WEFT_TRY(number,
             numbers_.number(NumberKind::kPolicy, content_key(state.key.direction, before->second.unnamed, state.sum)));
    if (number == state.number) return fail(ErrorCode::kInternal, "two compiled policies have one number ({})", number);
    const auto old = state.number;
    const bool own = users_.at(old) == 1;
    PolicyTable table = own ? std::move(before->second) : before->second;
    if (own) {  // its place is kept for let_go
        class_rows_ -= table.classes.size();
        before->second = {};
    }
    for (const auto class_number : changed) {
        if (auto& rows = edits[class_number]; rows)
            table.classes.insert_or_assign(class_number, std::move(*rows));
        else
            table.classes.erase(class_number);
    }
    image_.derive(number, old, std::move(changed));
    WEFT_CHECK(give(state, number, std::move(table)));
    let_go(old);
    return {};
}

Result<void> Tables::check_room() const {
    if (class_rows_ <= kMaxPolicyClasses) return {};
    return fail(ErrorCode::kExhausted, "the compiled policies have {} rows for classes in all, more than {}",
                class_rows_, kMaxPolicyClasses);
}

void Tables::release_all() {
    lists_.release_all();
    for (const auto& [number, users] : users_) numbers_.unused(NumberKind::kPolicy, number);
}

}  // namespace weft::policy
