#include "cli/client.hpp"

#include "common/unix_http.hpp"

namespace weft::cli {

namespace {

constexpr UnixHttpOptions kOptions{.timeout = std::chrono::milliseconds(60'000), .answer_bytes = 256U << 20};

ErrorCode code_of(const std::string& text) {
    for (const auto code : {ErrorCode::kInvalid, ErrorCode::kNotFound, ErrorCode::kExists, ErrorCode::kExhausted,
                            ErrorCode::kUnavailable, ErrorCode::kPermission, ErrorCode::kSystem, ErrorCode::kInternal})
        if (to_string(code) == text) return code;
    return ErrorCode::kInternal;
}

}  // namespace

Error refusal(int status, const std::string& text) {
    const auto body = parse_json(text);
    if (body && body->is_object() && body->contains("error") && (*body)["error"].is_object()) {
        const JsonView error((*body)["error"]);
        return {code_of(error.string_or("code", "").value_or("")),
                error.string_or("message", "").value_or("no message"), error.string_or("path", "").value_or("")};
    }
    return {ErrorCode::kInternal, fmt::format("the daemon answered with status {} and no reason", status), {}};
}

namespace {

Result<std::string> ask(Context& context, std::string_view method, std::string_view target, std::string_view body) {
    auto answer = unix_http(context.socket, method, target, body, kOptions);
    if (!answer) {
        context.unreachable = answer.error().code != ErrorCode::kPermission;
        return fail(answer.error().code, "weftd does not answer at {}: {}\n{}", context.socket, answer.error().message,
                    context.unreachable ? kDaemonHint : "The socket is root's: try with sudo.");
    }
    if (answer->status >= 300) return std::unexpected(refusal(answer->status, answer->body));
    return std::move(answer->body);
}

Result<Json> ask_json(Context& context, std::string_view method, std::string_view target, std::string_view body) {
    WEFT_TRY(text, ask(context, method, target, body));
    if (text.empty()) return Json(nullptr);
    auto json = parse_json(text, {.bytes = kOptions.answer_bytes});
    if (!json) return wrap(json.error(), "read weftd's answer");
    return json;
}

}  // namespace

Result<Json> get(Context& context, std::string_view target) {
    return ask_json(context, "GET", target, {});
}

Result<Json> post(Context& context, std::string_view target, const Json& body) {
    return ask_json(context, "POST", target, to_line(body));
}

Result<Json> erase(Context& context, std::string_view target) {
    return ask_json(context, "DELETE", target, {});
}

}  // namespace weft::cli
