#include "cni/daemon.hpp"

namespace weft::cni {

namespace {

using std::chrono::milliseconds;

// ADD may wait for its turn behind a hundred others; DEL has the queue to fall back on.
constexpr UnixHttpOptions kAddOptions{milliseconds(30'000), 1U << 20};
constexpr UnixHttpOptions kRemoveOptions{milliseconds(5'000), 1U << 20};
constexpr UnixHttpOptions kGcOptions{milliseconds(60'000), 16U << 20};
constexpr UnixHttpOptions kHealthOptions{milliseconds(2'000), 1U << 20};
constexpr JsonLimits kAnswerLimits{16U << 20, 16};

struct Asked {
    const Config& config;
    std::string_view method;
    std::string target;
    std::string body;
    UnixHttpOptions options;
    int expected_status;
};

std::string endpoint_path(const Attachment& attachment) {
    return fmt::format("/v1/endpoints/{}/{}", escape_segment(attachment.container_id),
                       escape_segment(attachment.ifname));
}

// weftd's error object as ours.
std::unexpected<CniError> refused(const UnixHttpAnswer& answer) {
    std::string code = "internal";
    std::string details = fmt::format("HTTP {}", answer.status);
    if (const auto body = parse_json(answer.body, kAnswerLimits); body && body->is_object()) {
        const JsonView view(*body);
        if (const auto error = view.find("error"); error && *error && (*error)->raw().is_object()) {
            code = (*error)->string_or("code", "internal").value_or("internal");
            details = (*error)->string_or("message", "").value_or("");
            const auto path = (*error)->string_or("path", "").value_or("");
            if (!path.empty()) details = path + ": " + details;
        }
    }
    if (code == "unavailable") return refuse(Code::kTryAgainLater, "weftd is not ready; try again later", details);
    if (code == "exists")
        return refuse(Code::kExists, "weftd knows this container's interface, or its address, already; call DEL first",
                      details);
    if (code == "exhausted")
        return refuse(Code::kNoAddress, "no address is free; enlarge the pool or remove pods", details);
    if (code == "invalid") return refuse(Code::kInvalidConfig, "weftd does not accept the configuration", details);
    if (code == "not-found")
        return refuse(Code::kUnknownContainer, "weftd does not know this container's interface; call DEL, then ADD",
                      details);
    return refuse(Code::kDaemon, fmt::format("weftd refused the request ({})", code), details);
}

std::unexpected<CniError> unreachable(const std::string& socket, const Error& error) {
    return refuse(Code::kTryAgainLater, fmt::format("weftd does not answer at {}; start it or try again later", socket),
                  error.text());
}

Outcome<Json> judge(const Result<UnixHttpAnswer>& answer, const std::string& socket, int expected_status,
                    Reached* reached) {
    if (reached != nullptr) *reached = Reached::kYes;
    if (!answer) {
        const bool sent = answer.error().code != ErrorCode::kUnavailable;
        if (reached != nullptr) *reached = sent ? Reached::kMaybe : Reached::kNo;
        return unreachable(socket, answer.error());
    }
    if (answer->status != expected_status) return refused(*answer);
    if (expected_status == 204) return Json();
    return coded(Code::kDaemon, "weftd's answer is not JSON; are weft-cni and weftd of one version?",
                 parse_json(answer->body, kAnswerLimits));
}

Outcome<Json> ask(const Asked& asked, Reached* reached) {
    const auto socket = asked.config.socket();
    return judge(unix_http(socket, asked.method, asked.target, asked.body, asked.options), socket,
                 asked.expected_status, reached);
}

Result<GivenAddress> given_address(const JsonView& view) {
    GivenAddress out;
    WEFT_TRY(address, view.member("address"));
    WEFT_TRY(text, address.string());
    WEFT_TRY(prefix, Cidr::parse(text, true));
    if (prefix.length != prefix.address.bits()) return address.error("the length is not the family's full one");
    WEFT_TRY(gateway, view.member("gateway"));
    WEFT_TRY(gateway_text, gateway.string());
    WEFT_TRY(gateway_ip, IpAddr::parse(gateway_text));
    if (gateway_ip.is_v4() != prefix.address.is_v4()) return gateway.error("the gateway is of the other family");
    out.ip = prefix.address;
    out.gateway = gateway_ip;
    return out;
}

Result<Endpoint> parse_added(const JsonView& view) {
    Endpoint out;
    WEFT_TRY(ips, view.member("ips"));
    WEFT_TRY(entries, ips.array());
    if (entries.empty()) return ips.error("no address was given");
    for (const auto& entry : entries) {
        WEFT_TRY(address, given_address(entry));
        out.ips.push_back(address);
    }
    WEFT_TRY(mtu_view, view.member("mtu"));
    WEFT_TRY(mtu, mtu_view.integer(68, 65535));
    WEFT_TRY(mac_view, view.member("gateway_mac"));
    WEFT_TRY(mac, mac_view.string());
    WEFT_TRY(bpf_view, view.member("bpf_dir"));
    WEFT_TRY(bpf_dir, bpf_view.string());
    out.mtu = static_cast<unsigned>(mtu);
    out.gateway_mac = std::move(mac);
    out.bpf_dir = std::move(bpf_dir);
    return out;
}

Result<std::vector<std::string>> parse_differences(const JsonView& view) {
    WEFT_TRY(member, view.member("differences"));
    WEFT_TRY(entries, member.array());
    std::vector<std::string> out;
    for (const auto& entry : entries)
        out.push_back(entry.raw().is_string() ? entry.raw().get<std::string>() : to_line(entry.raw()));
    return out;
}

Result<std::vector<Removed>> parse_removed(const JsonView& view) {
    WEFT_TRY(member, view.member("removed"));
    WEFT_TRY(entries, member.array());
    std::vector<Removed> out;
    for (const auto& entry : entries) {
        Removed removed;
        WEFT_TRY(id, entry.string_or("container_id", ""));
        WEFT_TRY(ifname, entry.string_or("ifname", ""));
        WEFT_TRY(host, entry.string_or("host_ifname", ""));
        out.push_back({{std::move(id), std::move(ifname)}, std::move(host)});
    }
    return out;
}

constexpr const char* kStrangeAnswer = "weftd's answer is not as expected; are weft-cni and weftd of one version?";

}  // namespace

Json to_json(const EndpointRequest& request) {
    Json out = {{"container_id", request.attachment.container_id},
                {"ifname", request.attachment.ifname},
                {"network", request.network},
                {"netns", request.netns},
                {"netns_dev", request.netns_device},
                {"netns_inode", request.netns_inode},
                {"host_ifname", request.host_ifname},
                {"host_ifindex", request.host_ifindex},
                {"mac", request.mac}};
    if (!request.pod_name.empty())
        out["pod"] = {{"namespace", request.pod_namespace}, {"name", request.pod_name}, {"uid", request.pod_uid}};
    if (request.labels) out["labels"] = *request.labels;
    if (!request.ips.empty()) out["ips"] = request.ips;
    return out;
}

AddQuestion::AddQuestion(const Config& config, const EndpointRequest& request)
    : socket_(config.socket()),
      exchange_(UnixHttpExchange::begin(socket_, "POST", "/v1/endpoints", to_line(to_json(request)), kAddOptions)) {}

Outcome<Endpoint> AddQuestion::answer(Reached& reached) {
    const Result<UnixHttpAnswer> got =
        exchange_ ? exchange_->answer() : Result<UnixHttpAnswer>(std::unexpected(exchange_.error()));
    WEFT_TRY(answer, judge(got, socket_, 201, &reached));
    return coded(Code::kDaemon, kStrangeAnswer, parse_added(JsonView(answer)));
}

Outcome<void> remove_endpoint(const Config& config, const Attachment& attachment, Reached* reached) {
    WEFT_CHECK(ask({config, "DELETE", endpoint_path(attachment), {}, kRemoveOptions, 204}, reached));
    return {};
}

Outcome<std::vector<std::string>> check_endpoint(const Config& config, const EndpointRequest& request) {
    WEFT_TRY(answer, ask({config, "POST", endpoint_path(request.attachment) + "/check", to_line(to_json(request)),
                          kAddOptions, 200},
                         nullptr));
    return coded(Code::kDaemon, kStrangeAnswer, parse_differences(JsonView(answer)));
}

Outcome<std::vector<Removed>> collect_garbage(const Config& config, const std::vector<Attachment>& valid) {
    Json body = {{"network", config.network}, {"attachments", Json::array()}};
    for (const auto& attachment : valid)
        body["attachments"].push_back({{"container_id", attachment.container_id}, {"ifname", attachment.ifname}});
    WEFT_TRY(answer, ask({config, "POST", "/v1/gc", to_line(body), kGcOptions, 200}, nullptr));
    return coded(Code::kDaemon, kStrangeAnswer, parse_removed(JsonView(answer)));
}

Outcome<void> ask_health(const Config& config) {
    const auto answer = unix_http(config.socket(), "GET", "/v1/healthz", {}, kHealthOptions);
    if (!answer)
        return refuse(Code::kNotAvailable, fmt::format("weftd does not answer at {}; start it", config.socket()),
                      answer.error().text());
    if (answer->status == 200) return {};
    auto error = refused(*answer).error();
    return refuse(Code::kLimitedConnectivity, "weftd is not well; see `weft status`", error.details);
}

}  // namespace weft::cni
