#include "cli/stream.hpp"

#include <httplib.h>
#include <sys/socket.h>

#include "cli/client.hpp"

namespace weft::cli {

namespace {

constexpr std::size_t kMaxLine = 1U << 20;  // a flow is some kilobytes

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

struct Outcome {
    httplib::Error error = httplib::Error::Success;
    int status = 0;
    std::string refusal;
    bool stopped = false, too_long = false;
};

Outcome read_lines(httplib::Client& client, const std::string& target, const VisitLine& visit) {
    Lines lines(visit);
    Outcome outcome;
    const auto result = client.Get(
        target,
        [&](const httplib::Response& response) {
            outcome.status = response.status;
            return true;
        },
        [&](const char* data, std::size_t size) {
            if (outcome.status == 200) {
                outcome.stopped = !lines.add({data, size});
                return !outcome.stopped;
            }
            outcome.refusal.append(data, std::min(size, kMaxLine - std::min(kMaxLine, outcome.refusal.size())));
            return true;
        });
    outcome.error = result.error();
    outcome.too_long = lines.too_long;
    return outcome;
}

// `who` answered, or not: `hint` says what to do then.
Result<void> judge(Context& context, const Outcome& outcome, std::string_view who, std::string_view where,
                   std::string_view hint) {
    if (outcome.too_long) return fail(ErrorCode::kInvalid, "{} sent a line of more than {} bytes", who, kMaxLine);
    if (outcome.stopped) return {};
    if (outcome.error != httplib::Error::Success) {
        context.unreachable = true;
        return fail(ErrorCode::kUnavailable, "{} does not answer at {}: {}\n{}", who, where,
                    httplib::to_string(outcome.error), hint);
    }
    if (outcome.status != 200) return std::unexpected(refusal(outcome.status, outcome.refusal));
    return {};
}

}  // namespace

Result<void> stream_flows(Context& context, const std::string& target, bool follow, const VisitLine& visit) {
    const bool is_url = context.hubble.starts_with("http://") || context.hubble.starts_with("https://");
    httplib::Client client(is_url ? context.hubble : "");
    if (!is_url || !client.is_valid())
        return fail(ErrorCode::kInvalid, "'{}' is no address of hubble-lite: write http://HOST:PORT", context.hubble);
    client.set_connection_timeout(5);
    client.set_read_timeout(follow ? 86400 * 365 : 60);
    return judge(context, read_lines(client, target, visit), "hubble-lite", context.hubble,
                 "Is it running? Another address is named by --hubble or WEFT_HUBBLE.");
}

Result<void> stream_daemon(Context& context, const std::string& target, const VisitLine& visit) {
    httplib::Client client(context.socket, 80);
    client.set_address_family(AF_UNIX);
    client.set_read_timeout(60);
    return judge(context, read_lines(client, target, visit), "weftd", context.socket, kDaemonHint);
}

}  // namespace weft::cli
