// Result<T> and Error: how every function that can fail reports it.
//
// An Error is a code for programs and a chain of phrases for people, outermost first:
//   "add endpoint eth0: open netns /run/netns/x: No such file or directory".
// Thread-safe as any value type. No function of ours throws; a library's exception is caught in the file that calls it.
#pragma once

#include <fmt/format.h>

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace weft {

enum class ErrorCode {
    kInvalid,      // the input is wrong; `path` says where
    kNotFound,     // what was named does not exist
    kExists,       // what was to be made exists already
    kExhausted,    // a limit or a pool is used up
    kUnavailable,  // a peer (daemon, API server, kernel facility) does not answer; trying again may help
    kPermission,   // the caller or this process may not do it
    kSystem,       // a system call or the kernel refused
    kInternal,     // a broken invariant of ours
};

std::string_view to_string(ErrorCode code);

struct Error {
    ErrorCode code = ErrorCode::kInternal;
    std::string message;  // outermost context first, joined by ": "
    std::string path;     // where in the input (JSON path such as "$.spec.ingress[0]"), empty if not from input

    // The message with the place in front when there is one.
    std::string text() const { return path.empty() ? message : path + ": " + message; }
};

template <typename T>
using Result = std::expected<T, Error>;

template <typename... Args>
std::unexpected<Error> fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
    return std::unexpected(Error{code, fmt::format(format, std::forward<Args>(args)...), {}});
}

// The current errno as an error: "<doing>: <strerror>". Codes: ENOENT kNotFound, EEXIST kExists, EPERM/EACCES
// kPermission, ENOSPC/E2BIG/EMFILE/ENFILE/ENOMEM kExhausted, everything else kSystem.
std::unexpected<Error> fail_errno(std::string_view doing);
std::unexpected<Error> fail_errno(int errno_value, std::string_view doing);

// The same error with one more phrase of context in front.
std::unexpected<Error> wrap(Error error, std::string_view doing);

// Returns early with the error, wrapped. `WEFT_TRY(x, f())` binds the value; `WEFT_CHECK(f())` is for Result<void>.
#define WEFT_CONCAT_(a, b) a##b
#define WEFT_CONCAT(a, b) WEFT_CONCAT_(a, b)
#define WEFT_TRY(name, expression) WEFT_TRY_(WEFT_CONCAT(weft_try_, __LINE__), name, expression)
#define WEFT_TRY_(temporary, name, expression)                            \
    auto temporary = (expression);                                        \
    if (!temporary) return std::unexpected(std::move(temporary).error()); \
    auto name = std::move(*temporary)
#define WEFT_CHECK(expression)                                                                                  \
    do {                                                                                                        \
        if (auto weft_check = (expression); !weft_check) return std::unexpected(std::move(weft_check).error()); \
    } while (false)

}  // namespace weft
