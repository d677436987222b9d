// The API as a table: method, path and handler, one row a route. docs/openapi.yaml describes the same routes (a test
// compares).
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "daemon/api/context.hpp"

namespace weft::api {

struct Call {
    std::map<std::string, std::string, std::less<>> path;  // by the names in the pattern
    std::map<std::string, std::string, std::less<>> query;
    std::string body;
};

// Puts the next piece of a streamed answer into `piece`; false ends it. Called until the client is gone.
using Producer = std::function<bool(std::string& piece)>;

struct Reply {
    int status = 200;
    std::string body;      // JSON; empty with 204
    Producer stream = {};  // when set: NDJSON instead of `body`
};

Reply json_reply(const Json& value, int status = 200);
Reply error_reply(const Error& error);
int http_status(ErrorCode code);

struct Route {
    std::string_view method;
    std::string_view pattern;  // "/v1/endpoints/{id}"
    Result<Reply> (*handler)(Context&, const Call&);
};

std::span<const Route> routes();

// Finds the route and calls it: unknown paths are 404, known paths with another method 405.
Reply dispatch(Context& context, std::string_view method, std::string_view path, Call call);

// Of a path parameter that must be an endpoint's number.
Result<std::uint32_t> number_parameter(const Call& call, std::string_view name);

}  // namespace weft::api
