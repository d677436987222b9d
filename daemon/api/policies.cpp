#include <algorithm>

#include "daemon/api/handlers.hpp"
#include "policy/lint.hpp"

namespace weft::api {

namespace {

Result<std::vector<policy::Object>> objects_of(const Json& body) {
    const JsonView view(body);
    if (!view.raw().is_array()) return reconcile::parse_document(view);
    std::vector<policy::Object> out;
    WEFT_TRY(items, view.array());
    for (const auto& item : items) {
        WEFT_TRY(objects, policy::parse_objects(item));
        std::ranges::move(objects, std::back_inserter(out));
    }
    WEFT_CHECK(reconcile::check_unique(out));
    return out;
}

Json name_json(const reconcile::ObjectName& name) {
    return {{"kind", name.kind}, {"namespace", name.namespace_}, {"name", name.name}};
}

Json object_entry(const reconcile::View& view, const reconcile::ObjectName& name, const std::string& source) {
    Json out = name_json(name);
    out["source"] = source;
    const auto& world = view.state.world();
    if (name.kind == "Pod") {
        if (const auto* pod = view.state.pod_object(name.namespace_ + "/" + name.name); pod != nullptr)
            out["object"] = reconcile::object_json(*pod);
    } else if (name.kind == "Namespace") {
        out["object"] = reconcile::object_json(*world.namespaces.at(name.name));
    } else if (name.kind == "Node") {
        out["object"] = reconcile::object_json(*world.nodes.at(name.name));
    } else if (name.kind == "CiliumCIDRGroup") {
        out["object"] = reconcile::object_json(*world.cidr_groups.at(name.name));
    } else {
        const auto& policy = *world.policies.at(name);
        out["object"] = reconcile::object_json(policy);
        out["mode"] = policy.audit ? "audit" : "enforce";
    }
    return out;
}

// "-" stands for "no namespace" in a path.
reconcile::ObjectName name_of(const Call& call) {
    const auto& space = call.path.at("namespace");
    return {call.path.at("kind"), space == "-" ? "" : space, call.path.at("name")};
}

}  // namespace

Result<Reply> apply_policies(Context& context, const Call& call) {
    WEFT_TRY(body, parse_json(call.body));
    WEFT_TRY(objects, objects_of(body));
    WEFT_TRY(applied, context.objects.apply(objects, std::string(reconcile::kApiSource)));
    Json out = Json::array();
    for (const auto& object : applied.objects) {
        out.push_back(name_json(object.name));
        out.back()["action"] = object.action;
    }
    return json_reply({{"applied", std::move(out)}, {"revision", applied.revision}});
}

Result<Reply> validate_policies(Context& context, const Call& call) {
    WEFT_TRY(body, parse_json(call.body));
    WEFT_TRY(objects, objects_of(body));
    WEFT_CHECK(context.objects.validate(objects));
    policy::World world;  // pointers: nothing waits while the warnings are made
    context.reconciler.read([&](const reconcile::View& view) { world = view.state.world(); });
    return json_reply({{"valid", true}, {"warnings", policy::warnings_json(objects, std::move(world))}});
}

Result<Reply> list_policies(Context& context, const Call& call) {
    const auto asked = call.query.find("kind");
    const auto wanted = [&](const std::string& kind) {
        if (asked == call.query.end())
            return kind != "Pod" && kind != "Namespace" && kind != "Node" && kind != "CiliumCIDRGroup";
        return asked->second == "all" || asked->second == kind;
    };
    Json out = Json::array();
    context.reconciler.read([&](const reconcile::View& view) {
        for (const auto& [name, source] : view.state.sources())
            if (wanted(name.kind)) out.push_back(object_entry(view, name, source));
    });
    return json_reply(out);
}

Result<Reply> get_policy(Context& context, const Call& call) {
    const auto name = name_of(call);
    Json out;
    context.reconciler.read([&](const reconcile::View& view) {
        if (const auto at = view.state.sources().find(name); at != view.state.sources().end())
            out = object_entry(view, name, at->second);
    });
    if (out.is_null()) return fail(ErrorCode::kNotFound, "there is no {}", reconcile::text_of(name));
    return json_reply(out);
}

Result<Reply> delete_policy(Context& context, const Call& call) {
    WEFT_TRY(revision, context.objects.erase(name_of(call), std::string(reconcile::kApiSource)));
    return json_reply({{"revision", revision}});
}

}  // namespace weft::api
