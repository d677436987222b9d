// Errors as CNI reports them: a code of the specification, a message that says what to do, details with the cause.
#pragma once

#include <expected>
#include <string>

#include "common/result.hpp"

namespace weft::cni {

// Codes below 100 are the specification's; the others are weft's own (docs/cni.md).
enum class Code : unsigned {
    kIncompatibleVersion = 1,
    kUnsupportedField = 2,
    kUnknownContainer = 3,
    kInvalidEnvironment = 4,
    kIo = 5,
    kDecode = 6,
    kInvalidConfig = 7,
    kTryAgainLater = 11,
    kNotAvailable = 50,         // STATUS: cannot serve ADD
    kLimitedConnectivity = 51,  // STATUS: as above, and existing containers may suffer
    kExists = 100,              // the interface is there already
    kNetwork = 101,             // the kernel refused a step of the wiring
    kDaemon = 102,              // weftd refused the request
    kCheckFailed = 103,         // CHECK found differences
    kNoAddress = 104,           // the address pool is used up, or the address asked for is taken
};

struct CniError {
    Code code;
    std::string message;
    std::string details;  // may be empty
};

template <typename T>
using Outcome = std::expected<T, CniError>;

inline std::unexpected<CniError> refuse(Code code, std::string message, std::string details = {}) {
    return std::unexpected(CniError{code, std::move(message), std::move(details)});
}

// A Result as an Outcome: `message` is what people should do or know, the error is the detail.
template <typename T>
Outcome<T> coded(Code code, std::string message, Result<T> result) {
    if (!result) return refuse(code, std::move(message), result.error().text());
    if constexpr (std::is_void_v<T>)
        return {};
    else
        return std::move(*result);
}

}  // namespace weft::cni
