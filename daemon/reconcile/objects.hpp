// Objects by source: files of the objects directory, and the API. An object has one source; what a source gives is
// taken whole or not at all, and is remembered in the store, so that it is in force again after a restart before any
// source is read.
#pragma once

#include "daemon/reconcile/reconciler.hpp"

namespace weft::reconcile {

inline constexpr std::string_view kApiSource = "api";

struct AppliedObject {
    ObjectName name;
    std::string_view action;  // "created", "updated", "unchanged"
};

struct Applied {
    std::vector<AppliedObject> objects;
    std::uint64_t revision = 0;
};

// Parses a document: an object or a List. Errors: kInvalid with the JSON path, or for an object that stands there
// twice.
Result<std::vector<policy::Object>> parse_document(const JsonView& view);
Result<void> check_unique(const std::vector<policy::Object>& objects);

class Objects {
  public:
    Objects(Reconciler& reconciler, store::Store& store) : reconciler_(reconciler), store_(store) {}

    // Adds or replaces these objects of `source`; the others of that source stay. Errors: kExists when one of them
    // belongs to another source; what the compiler or the tables refuse.
    Result<Applied> apply(const std::vector<policy::Object>& objects, const std::string& source);
    // These are all objects of `source`: what it gave before and does not give now is removed.
    Result<Applied> replace(const std::vector<policy::Object>& objects, const std::string& source);
    // Errors: kNotFound; kInvalid when it belongs to another source.
    Result<std::uint64_t> erase(const ObjectName& name, const std::string& source);
    // Whether the sources could define them so: each object as what defines it now, a new one as the API. Changes
    // nothing.
    Result<void> validate(const std::vector<policy::Object>& objects);

    // Part of the daemon's first change: what was in force when the daemon ended.
    Result<void> restore(State& state, Rollback& undo);
    // Within a change: as replace, and the removal of all that a source gave. An error of replace_in leaves the state
    // as it was.
    Result<void> replace_in(State& state, Rollback& undo, const std::vector<policy::Object>& objects,
                            const std::string& source);
    Result<void> erase_source(State& state, Rollback& undo, const std::string& source) {
        return erase_others(state, undo, {}, source);
    }

  private:
    Result<void> put_all(State& state, Rollback& undo, const std::vector<policy::Object>& objects,
                         const std::string& source, std::vector<AppliedObject>& out);
    Result<void> erase_others(State& state, Rollback& undo, const std::vector<policy::Object>& keep,
                              const std::string& source);

    Reconciler& reconciler_;
    store::Store& store_;
};

std::string text_of(const ObjectName& name);  // "NetworkPolicy default/web"

}  // namespace weft::reconcile
