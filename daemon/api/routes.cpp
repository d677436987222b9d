#include "daemon/api/routes.hpp"

#include <charconv>

#include "daemon/api/handlers.hpp"

namespace weft::api {

namespace {

constexpr Route kRoutes[] = {
    {"POST", "/v1/endpoints", add_endpoint},
    {"GET", "/v1/endpoints", list_endpoints},
    {"GET", "/v1/endpoints/{id}", get_endpoint},
    {"DELETE", "/v1/endpoints/{container_id}/{ifname}", delete_endpoint},
    {"POST", "/v1/endpoints/{container_id}/{ifname}/check", check_endpoint},
    {"PATCH", "/v1/endpoints/{id}/labels", patch_labels},
    {"POST", "/v1/gc", collect_garbage},
    {"POST", "/v1/policies", apply_policies},
    {"GET", "/v1/policies", list_policies},
    {"POST", "/v1/policies/validate", validate_policies},
    {"GET", "/v1/policies/status", policy_status},
    {"GET", "/v1/policies/{kind}/{namespace}/{name}", get_policy},
    {"DELETE", "/v1/policies/{kind}/{namespace}/{name}", delete_policy},
    {"GET", "/v1/identities", list_identities},
    {"GET", "/v1/rules", list_rules},
    {"POST", "/v1/explain", explain},
    {"GET", "/v1/maps", list_maps},
    {"GET", "/v1/maps/{name}", dump_map},
    {"GET", "/v1/metadata", stream_metadata},
    {"GET", "/v1/status", get_status},
    {"GET", "/v1/healthz", get_health},
};

std::vector<std::string_view> segments(std::string_view path) {
    std::vector<std::string_view> out;
    while (!path.empty()) {
        path.remove_prefix(1);  // the slash
        const auto end = std::min(path.find('/'), path.size());
        out.push_back(path.substr(0, end));
        path.remove_prefix(end);
    }
    return out;
}

bool matches(std::string_view pattern, const std::vector<std::string_view>& path, Call& call) {
    const auto wanted = segments(pattern);
    if (wanted.size() != path.size()) return false;
    call.path.clear();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (wanted[i].starts_with('{'))
            call.path[std::string(wanted[i].substr(1, wanted[i].size() - 2))] = path[i];
        else if (wanted[i] != path[i])
            return false;
    }
    return true;
}

}  // namespace

std::span<const Route> routes() {
    return kRoutes;
}

int http_status(ErrorCode code) {
    switch (code) {
        case ErrorCode::kInvalid:
            return 400;
        case ErrorCode::kPermission:
            return 403;
        case ErrorCode::kNotFound:
            return 404;
        case ErrorCode::kExists:
            return 409;
        case ErrorCode::kExhausted:
            return 507;
        case ErrorCode::kUnavailable:
            return 503;
        case ErrorCode::kSystem:
        case ErrorCode::kInternal:
            return 500;
    }
    return 500;
}

Reply json_reply(const Json& value, int status) {
    return {status, to_line(value) + "\n"};
}

Reply error_reply(const Error& error) {
    return json_reply({{"error", {{"code", to_string(error.code)}, {"message", error.message}, {"path", error.path}}}},
                      http_status(error.code));
}

Reply dispatch(Context& context, std::string_view method, std::string_view path, Call call) {
    if (!path.starts_with('/')) return error_reply({ErrorCode::kInvalid, "not a path", {}});
    const auto parts = segments(path);
    std::string others;
    for (const auto& route : routes()) {
        if (!matches(route.pattern, parts, call)) continue;
        if (route.method == method) {
            auto reply = route.handler(context, call);
            return reply ? std::move(*reply) : error_reply(reply.error());
        }
        others += fmt::format("{}{}", others.empty() ? "" : ", ", route.method);
    }
    const Error error{ErrorCode::kNotFound,
                      others.empty() ? fmt::format("there is no {}", path.substr(0, 256))
                                     : fmt::format("{} is for {} only", path.substr(0, 256), others),
                      {}};
    Reply reply = error_reply(error);
    if (!others.empty()) reply.status = 405;
    return reply;
}

Result<std::uint32_t> number_parameter(const Call& call, std::string_view name) {
    const std::string& text = call.path.find(name)->second;
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size())
        return fail(ErrorCode::kInvalid, "'{}' is not an endpoint's number", text.substr(0, 64));
    return number;
}

}  // namespace weft::api
