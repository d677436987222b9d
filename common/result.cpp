#include "common/result.hpp"

#include <cerrno>
#include <system_error>

namespace weft {

namespace {

ErrorCode code_of_errno(int value) {
    switch (value) {
        case ENOENT:
            return ErrorCode::kNotFound;
        case EEXIST:
            return ErrorCode::kExists;
        case EPERM:
        case EACCES:
            return ErrorCode::kPermission;
        case ENOSPC:
        case E2BIG:
        case EMFILE:
        case ENFILE:
        case ENOMEM:
            return ErrorCode::kExhausted;
        default:
            return ErrorCode::kSystem;
    }
}

}  // namespace

std::string_view to_string(ErrorCode code) {
    switch (code) {
        case ErrorCode::kInvalid:
            return "invalid";
        case ErrorCode::kNotFound:
            return "not-found";
        case ErrorCode::kExists:
            return "exists";
        case ErrorCode::kExhausted:
            return "exhausted";
        case ErrorCode::kUnavailable:
            return "unavailable";
        case ErrorCode::kPermission:
            return "permission";
        case ErrorCode::kSystem:
            return "system";
        case ErrorCode::kInternal:
            return "internal";
    }
    return "internal";
}

std::unexpected<Error> fail_errno(std::string_view doing) {
    return fail_errno(errno, doing);
}

std::unexpected<Error> fail_errno(int errno_value, std::string_view doing) {
    return std::unexpected(Error{
        code_of_errno(errno_value), fmt::format("{}: {}", doing, std::generic_category().message(errno_value)), {}});
}

std::unexpected<Error> wrap(Error error, std::string_view doing) {
    error.message = fmt::format("{}: {}", doing, error.message);
    return std::unexpected(std::move(error));
}

}  // namespace weft
