#include "cli/hubble_client.hpp"

#include <httplib.h>

namespace weft::cli {

namespace {

constexpr std::size_t kMaxLine = 1U << 20;  // a flow is some kilobytes

std::string reason_of(int status, const std::string& body) {
    const auto json = parse_json(body);
    if (json && json->is_object() && json->contains("error")) {
        const auto& error = (*json)["error"];
        if (error.is_object() && error.contains("message") && error["message"].is_string()) {
            const auto path = error.value("path", Json(""));
            const auto place =
                path.is_string() && !path.get_ref<const std::string&>().empty() ? path.get<std::string>() + ": " : "";
            return place + error["message"].get<std::string>();
        }
    }
    return fmt::format("hubble-lite answered with status {}", status);
}

// Cuts what comes into lines.
class Lines {
  public:
    explicit Lines(const std::function<bool(std::string_view)>& visit) : visit_(visit) {}
    bool add(std::string_view data) {
        rest_.append(data);
        std::size_t begin = 0;
        for (auto end = rest_.find('\n'); end != rest_.npos; begin = end + 1, end = rest_.find('\n', begin))
            if (end > begin && !visit_(std::string_view(rest_).substr(begin, end - begin))) return false;
        rest_.erase(0, begin);
        too_long = rest_.size() > kMaxLine;
        return !too_long;
    }
    bool too_long = false;

  private:
    const std::function<bool(std::string_view)>& visit_;
    std::string rest_;
};

}  // namespace

Result<void> stream_lines(Context& context, const std::string& target, bool follow,
                          const std::function<bool(std::string_view)>& visit) {
    httplib::Client client(context.hubble);
    if (!client.is_valid())
        return fail(ErrorCode::kInvalid, "'{}' is no address of hubble-lite: write http://HOST:PORT", context.hubble);
    client.set_connection_timeout(5);
    client.set_read_timeout(follow ? std::chrono::hours(24 * 365) : std::chrono::hours(0) + std::chrono::seconds(60));
    Lines lines(visit);
    int status = 0;
    bool stopped = false;
    std::string refusal;
    const auto result = client.Get(
        target,
        [&](const httplib::Response& response) {
            status = response.status;
            return true;
        },
        [&](const char* data, std::size_t size) {
            if (status == 200) {
                stopped = !lines.add({data, size});
                return !stopped;
            }
            refusal.append(data, std::min(size, kMaxLine - std::min(kMaxLine, refusal.size())));
            return true;
        });
    if (lines.too_long) return fail(ErrorCode::kInvalid, "hubble-lite sent a line of more than {} bytes", kMaxLine);
    if (stopped) return {};
    if (!result) {
        context.unreachable = true;
        return fail(ErrorCode::kUnavailable,
                    "hubble-lite does not answer at {}: {}\nIs it running? Another address is named by --hubble or "
                    "WEFT_HUBBLE.",
                    context.hubble, httplib::to_string(result.error()));
    }
    if (status != 200) return fail(ErrorCode::kInvalid, "{}", reason_of(status, refusal));
    return {};
}

}  // namespace weft::cli
