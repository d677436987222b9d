#include "common/unix_http.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

namespace weft {

namespace {

using Clock = std::chrono::steady_clock;

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Value of a header in the head's lines, without the blanks around it.
std::optional<std::string_view> header(std::string_view head, std::string_view name) {
    std::size_t at = head.find("\r\n");
    while (at != std::string_view::npos) {
        const std::size_t start = at + 2;
        at = head.find("\r\n", start);
        auto line = head.substr(start, at == std::string_view::npos ? at : at - start);
        if (line.size() <= name.size() || line[name.size()] != ':') continue;
        if (!std::ranges::equal(line.substr(0, name.size()), name, {}, lower, lower)) continue;
        line.remove_prefix(name.size() + 1);
        const auto first = line.find_first_not_of(" \t");
        if (first == std::string_view::npos) return std::string_view{};
        return line.substr(first, line.find_last_not_of(" \t") - first + 1);
    }
    return std::nullopt;
}

template <typename Number>
bool to_number(std::string_view text, Number& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size();
}

Result<int> status_of(std::string_view head) {
    int status = 0;
    const bool http = head.starts_with("HTTP/1.") && head.size() >= 12 && head[8] == ' ';
    if (!http || !to_number(head.substr(9, 3), status) || status < 100)
        return fail(ErrorCode::kInvalid, "the answer is not HTTP/1: '{}'",
                    head.substr(0, std::min<std::size_t>(head.find("\r\n"), 40)));
    return status;
}

}  // namespace

UnixHttpExchange::UnixHttpExchange(const std::string& path, const UnixHttpOptions& options)
    : path_(path), options_(options), deadline_(Clock::now() + options.timeout) {}

// Once the request may have been read, a failure no longer means that nothing was done.
std::unexpected<Error> UnixHttpExchange::broken(std::string_view doing, int error) const {
    const auto code = connected_ ? ErrorCode::kSystem : ErrorCode::kUnavailable;
    return fail(code, "{} {}: {}", doing, path_, std::strerror(error));
}

Result<void> UnixHttpExchange::wait(short events) {
    pollfd entry{socket_.get(), events, 0};
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
        if (left <= 0) return broken("wait for", ETIMEDOUT);
        const int ready = ::poll(&entry, 1, static_cast<int>(left));
        if (ready > 0) return {};
        if (ready < 0 && errno != EINTR) return broken("wait for", errno);
    }
}

Result<void> UnixHttpExchange::connect() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path)
        return fail(ErrorCode::kInvalid, "the socket's path {} is longer than {} bytes", path_,
                    sizeof address.sun_path - 1);
    std::memcpy(address.sun_path, path_.data(), path_.size());
    socket_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket_) return fail_errno("make a socket");
    // EAGAIN: the listener's backlog is full. There is no event to wait for, so ask again at a steady pace.
    while (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        if (errno != EAGAIN && errno != EINTR) return broken("connect to", errno);
        if (Clock::now() >= deadline_) return broken("connect to", ETIMEDOUT);
        ::poll(nullptr, 0, 1);
    }
    connected_ = true;
    return {};
}

Result<void> UnixHttpExchange::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        } else if (errno == EAGAIN) {
            WEFT_CHECK(wait(POLLOUT));
        } else if (errno == EPIPE) {
            return {};  // the server has answered and closed before it read all; its answer says why
        } else if (errno != EINTR) {
            return broken("send to", errno);
        }
    }
    return {};
}

// Appends what has arrived; false at the end of the stream.
Result<bool> UnixHttpExchange::receive() {
    char buffer[16384];
    for (;;) {
        const auto got = ::recv(socket_.get(), buffer, sizeof buffer, 0);
        if (got == 0) return false;
        if (got > 0) {
            if (received_.size() + static_cast<std::size_t>(got) > options_.answer_bytes)
                return fail(ErrorCode::kInvalid, "the answer of {} is longer than {} bytes", path_,
                            options_.answer_bytes);
            received_.append(buffer, static_cast<std::size_t>(got));
            return true;
        }
        if (errno == EAGAIN) {
            WEFT_CHECK(wait(POLLIN));
        } else if (errno != EINTR) {
            return broken("read from", errno);
        }
    }
}

Result<UnixHttpAnswer> UnixHttpExchange::answer() {
    std::size_t head_end = std::string::npos;
    while ((head_end = received_.find("\r\n\r\n")) == std::string::npos) {
        WEFT_TRY(more, receive());
        if (!more) return broken("the connection broke before an answer came from", ECONNRESET);
    }
    const auto head = std::string_view(received_).substr(0, head_end);
    UnixHttpAnswer out;
    WEFT_TRY(status, status_of(head));
    out.status = status;
    if (header(head, "transfer-encoding")) return fail(ErrorCode::kInvalid, "the answer of {} is chunked", path_);
    const auto length_text = header(head, "content-length");
    std::size_t length = 0;
    if (length_text && !to_number(*length_text, length))
        return fail(ErrorCode::kInvalid, "the answer of {} has a wrong Content-Length", path_);
    const std::size_t start = head_end + 4;
    const bool until_close = !length_text && status != 204;
    while (until_close || received_.size() - start < length) {
        WEFT_TRY(more, receive());
        if (more) continue;
        if (until_close) break;
        return broken("the connection broke within the answer of", ECONNRESET);
    }
    out.body = received_.substr(start, until_close ? std::string::npos : length);
    return out;
}

Result<UnixHttpExchange> UnixHttpExchange::begin(const std::string& socket_path, std::string_view method,
                                                 std::string_view target, std::string_view body,
                                                 const UnixHttpOptions& options) {
    std::string request = fmt::format("{} {} HTTP/1.1\r\nHost: weft\r\nConnection: close\r\n", method, target);
    if (!body.empty() || method == "POST" || method == "PATCH" || method == "PUT")
        request += fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", body.size());
    request += "\r\n";
    request += body;
    UnixHttpExchange out(socket_path, options);
    WEFT_CHECK(out.connect());
    WEFT_CHECK(out.send(request));
    return out;
}

Result<UnixHttpAnswer> unix_http(const std::string& socket_path, std::string_view method, std::string_view target,
                                 std::string_view body, const UnixHttpOptions& options) {
    WEFT_TRY(exchange, UnixHttpExchange::begin(socket_path, method, target, body, options));
    return exchange.answer();
}

std::string escape_segment(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                           c == '.' || c == '_' || c == '~';
        if (plain)
            out += c;
        else
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

}  // namespace weft
