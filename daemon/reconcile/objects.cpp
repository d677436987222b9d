#include "daemon/reconcile/objects.hpp"

#include <algorithm>

#include "common/log.hpp"

namespace weft::reconcile {

std::string text_of(const ObjectName& name) {
    return name.text();
}

Result<void> check_unique(const std::vector<policy::Object>& objects) {
    std::set<ObjectName> seen;
    for (const auto& object : objects)
        if (const auto name = name_of(object); !seen.insert(name).second)
            return fail(ErrorCode::kInvalid, "{} stands there twice", text_of(name));
    return {};
}

Result<std::vector<policy::Object>> parse_document(const JsonView& view) {
    WEFT_TRY(objects, policy::parse_objects(view));
    WEFT_CHECK(check_unique(objects));
    return objects;
}

Result<void> Objects::put_all(State& state, Rollback& undo, const std::vector<policy::Object>& objects,
                              const std::string& source, std::vector<AppliedObject>& out) {
    for (const auto& object : objects) {
        const auto name = name_of(object);
        const auto known = state.sources().find(name);
        const bool exists = known != state.sources().end();
        if (exists && known->second != source)
            return fail(ErrorCode::kExists, "{} is defined by {} already", text_of(name), known->second);
        if (exists && state.holds(object)) {
            out.push_back({name, "unchanged"});
            continue;
        }
        out.push_back({name, exists ? "updated" : "created"});
        WEFT_CHECK(store_.put_object({name, source, to_line(object_json(object))}));
        state.put(object, source, undo);
    }
    return {};
}

Result<void> Objects::erase_others(State& state, Rollback& undo, const std::vector<policy::Object>& keep,
                                   const std::string& source) {
    std::set<ObjectName> kept;
    for (const auto& object : keep) kept.insert(name_of(object));
    std::vector<ObjectName> gone;
    for (const auto& [name, owner] : state.sources())
        if (owner == source && !kept.contains(name)) gone.push_back(name);
    for (const auto& name : gone) {
        WEFT_CHECK(store_.erase_object(name));
        state.erase(name, undo);
    }
    return {};
}

Result<Applied> Objects::apply(const std::vector<policy::Object>& objects, const std::string& source) {
    Applied out;
    WEFT_TRY(revision, reconciler_.submit([&](State& state, Rollback& undo) {
        out.objects.clear();
        return put_all(state, undo, objects, source, out.objects);
    }));
    out.revision = revision;
    return out;
}

Result<Applied> Objects::replace(const std::vector<policy::Object>& objects, const std::string& source) {
    Applied out;
    WEFT_TRY(revision, reconciler_.submit([&](State& state, Rollback& undo) -> Result<void> {
        out.objects.clear();
        WEFT_CHECK(erase_others(state, undo, objects, source));
        return put_all(state, undo, objects, source, out.objects);
    }));
    out.revision = revision;
    return out;
}

Result<std::uint64_t> Objects::erase(const ObjectName& name, const std::string& source) {
    return reconciler_.submit([&](State& state, Rollback& undo) -> Result<void> {
        const auto known = state.sources().find(name);
        if (known == state.sources().end()) return fail(ErrorCode::kNotFound, "there is no {}", text_of(name));
        if (known->second != source)
            return fail(ErrorCode::kInvalid, "{} comes from {}: remove it there", text_of(name), known->second);
        WEFT_CHECK(store_.erase_object(name));
        state.erase(name, undo);
        return {};
    });
}

Result<void> Objects::validate(const std::vector<policy::Object>& objects) {
    return reconciler_.rehearse([&](State& state, Rollback& undo) -> Result<void> {
        std::vector<AppliedObject> out;
        for (const auto& object : objects) {
            const auto known = state.sources().find(name_of(object));
            const auto source = known == state.sources().end() ? std::string(kApiSource) : known->second;
            WEFT_CHECK(put_all(state, undo, {object}, source, out));
        }
        return {};
    });
}

Result<void> Objects::restore(State& state, Rollback& undo) {
    WEFT_TRY(rows, store_.objects());
    for (const auto& row : rows) {
        auto json = parse_json(row.text);
        if (!json) return wrap(json.error(), fmt::format("read {} from the database", text_of(row.name)));
        auto object = policy::parse_object(JsonView(*json));
        if (!object) return wrap(object.error(), fmt::format("read {} from the database", text_of(row.name)));
        state.put(*object, row.source, undo);
    }
    return {};
}

Result<void> Objects::replace_in(State& state, Rollback& undo, const std::vector<policy::Object>& objects,
                                 const std::string& source) {
    Rollback own;
    std::vector<AppliedObject> out;
    auto done = store_.transaction([&]() -> Result<void> {
        WEFT_CHECK(erase_others(state, own, objects, source));
        return put_all(state, own, objects, source, out);
    });
    if (done) own.move_to(undo);
    return done;
}

}  // namespace weft::reconcile
