#include "daemon/endpoint/endpoint.hpp"

#include <algorithm>
#include <cctype>

#include "datapath/abi/endpoint.h"
#include "policy/names.hpp"

namespace weft::endpoint {

namespace {

constexpr std::size_t kMaxText = 4096;  // PATH_MAX; longer than any id that a runtime makes

Result<std::string> text(const JsonView& view, std::string_view name, std::string fallback = {}) {
    WEFT_TRY(found, view.find(name));
    if (!found) return fallback;
    WEFT_TRY(value, found->string());
    if (value.size() > kMaxText) return found->error(fmt::format("longer than {} bytes", kMaxText));
    if (value.find('\0') != value.npos) return found->error("holds a zero byte");
    return value;
}

Result<std::uint64_t> number(const JsonView& view, std::string_view name, std::int64_t highest) {
    WEFT_TRY(found, view.find(name));
    if (!found) return 0;
    WEFT_TRY(value, found->integer(0, highest));
    return static_cast<std::uint64_t>(value);
}

bool is_device_name(std::string_view name) {
    const auto bad = [](char c) { return c == '/' || c == ':' || std::isspace(static_cast<unsigned char>(c)) != 0; };
    return !name.empty() && name.size() <= 15 && name != "." && name != ".." && std::ranges::none_of(name, bad);
}

Result<void> parse_pod(const JsonView& view, Endpoint& out) {
    out.pod_namespace = "default";
    WEFT_TRY(pod, view.find("pod"));
    if (!pod) return {};
    WEFT_CHECK(pod->only({"namespace", "name", "uid"}));
    WEFT_TRY(space, text(*pod, "namespace", "default"));
    WEFT_TRY(name, text(*pod, "name"));
    WEFT_TRY(uid, text(*pod, "uid"));
    if (const auto problem = policy::dns_label_problem(space); !problem.empty())
        return JsonView(pod->raw(), pod->path() + ".namespace").error(problem);
    if (!name.empty())
        if (const auto problem = policy::dns_subdomain_problem(name); !problem.empty())
            return JsonView(pod->raw(), pod->path() + ".name").error(problem);
    out.pod_namespace = std::move(space);
    out.pod_name = std::move(name);
    out.pod_uid = std::move(uid);
    return {};
}

Result<std::vector<IpAddr>> parse_ips(const JsonView& view) {
    std::vector<IpAddr> out;
    WEFT_TRY(found, view.find("ips"));
    if (!found) return out;
    WEFT_TRY(items, found->array());
    if (items.size() > 2) return found->error("at most one address of each family");
    for (const auto& item : items) {
        WEFT_TRY(given, item.string());
        const auto ip =
            IpAddr::parse(std::string_view(given).substr(0, given.find('/')));  // runtimes send "10.0.0.9/24" as well
        if (!ip) return item.error(ip.error().message);
        if (!out.empty() && out.front().is_v4() == ip->is_v4()) return item.error("at most one address of each family");
        out.push_back(*ip);
    }
    std::ranges::sort(out);
    return out;
}

Result<Mac> parse_mac_member(const JsonView& view) {
    WEFT_TRY(member, view.member("mac"));
    WEFT_TRY(value, member.string());
    const auto mac = parse_mac(value);
    if (!mac) return member.error(mac.error().message);
    return *mac;
}

Result<void> parse_device(const JsonView& view, Endpoint& out) {
    WEFT_TRY(name, view.member("host_ifname"));
    WEFT_TRY(ifname, name.string());
    if (!is_device_name(ifname)) return name.error(fmt::format("'{}' is not a device name", ifname.substr(0, 32)));
    WEFT_TRY(index, view.member("host_ifindex"));
    WEFT_TRY(ifindex, index.integer(1, INT32_MAX));
    WEFT_TRY(mac, parse_mac_member(view));
    out.host_ifname = std::move(ifname);
    out.host_ifindex = static_cast<std::uint32_t>(ifindex);
    out.mac = mac;
    return {};
}

Result<void> parse_netns(const JsonView& view, Endpoint& out) {
    WEFT_TRY(path, text(view, "netns"));
    WEFT_TRY(device, number(view, "netns_dev", INT64_MAX));
    WEFT_TRY(inode, number(view, "netns_inode", INT64_MAX));
    out.netns = std::move(path);
    out.netns_dev = device;
    out.netns_inode = inode;
    return {};
}

}  // namespace

std::string Endpoint::pod_key() const {
    return pod_name.empty() ? "" : pod_namespace + "/" + pod_name;
}

std::string mac_text(const Mac& mac) {
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

Result<Mac> parse_mac(std::string_view text) {
    Mac out{};
    const auto nibble = [](char c) {
        return std::isdigit(static_cast<unsigned char>(c)) != 0 ? c - '0' : (c | 32) - 'a' + 10;
    };
    bool good = text.size() == 17;
    for (std::size_t i = 0; good && i < text.size(); ++i)
        good = i % 3 == 2 ? text[i] == ':' : std::isxdigit(static_cast<unsigned char>(text[i])) != 0;
    if (!good) return fail(ErrorCode::kInvalid, "'{}' is not a MAC address (02:00:00:00:00:01)", text.substr(0, 32));
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<std::uint8_t>(nibble(text[i * 3]) << 4 | nibble(text[i * 3 + 1]));
    if ((out[0] & 1) != 0) return fail(ErrorCode::kInvalid, "{} is a group address", text);
    return out;
}

Result<void> check_attachment(const Attachment& attachment, const std::string& path) {
    const auto& id = attachment.container_id;
    const auto plain = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
    const auto later = [&](char c) { return plain(c) || c == '_' || c == '.' || c == '-'; };
    if (id.empty() || id.size() > 1024 || !plain(id[0]) || !std::ranges::all_of(id, later))
        return std::unexpected(Error{ErrorCode::kInvalid, fmt::format("'{}' is not a container id", id.substr(0, 64)),
                                     path + ".container_id"});
    if (!is_device_name(attachment.ifname))
        return std::unexpected(Error{ErrorCode::kInvalid,
                                     fmt::format("'{}' is not a device name", attachment.ifname.substr(0, 64)),
                                     path + ".ifname"});
    return {};
}

Result<Attachment> parse_attachment(const JsonView& view) {
    WEFT_TRY(id_member, view.member("container_id"));
    WEFT_TRY(id, id_member.string());
    WEFT_TRY(name_member, view.member("ifname"));
    WEFT_TRY(ifname, name_member.string());
    Attachment out{std::move(id), std::move(ifname)};
    WEFT_CHECK(check_attachment(out, view.path()));
    return out;
}

Result<Endpoint> parse_endpoint(const JsonView& view) {
    WEFT_CHECK(view.only({"id", "container_id", "ifname", "network", "netns", "netns_dev", "netns_inode", "host_ifname",
                          "host_ifindex", "mac", "pod", "labels", "ips"}));
    Endpoint out;
    WEFT_TRY(id, number(view, "id", WEFT_NODE_ENDPOINT - 1));
    out.id = static_cast<std::uint32_t>(id);
    WEFT_TRY(attachment, parse_attachment(view));
    out.attachment = std::move(attachment);
    WEFT_TRY(network, text(view, "network"));
    out.network = std::move(network);
    WEFT_CHECK(parse_netns(view, out));
    WEFT_CHECK(parse_device(view, out));
    WEFT_CHECK(parse_pod(view, out));
    WEFT_TRY(labels, view.find("labels"));
    if (labels) {
        WEFT_TRY(parsed, policy::parse_labels(*labels));
        out.labels = std::move(parsed);
    }
    WEFT_TRY(ips, parse_ips(view));
    out.ips = std::move(ips);
    return out;
}

Json to_json(const Endpoint& endpoint) {
    Json ips = Json::array();
    for (const auto& ip : endpoint.ips) ips.push_back(ip.text());
    Json pod{{"namespace", endpoint.pod_namespace}};
    if (!endpoint.pod_name.empty()) pod["name"] = endpoint.pod_name;
    if (!endpoint.pod_uid.empty()) pod["uid"] = endpoint.pod_uid;
    Json out{{"id", endpoint.id},
             {"container_id", endpoint.attachment.container_id},
             {"ifname", endpoint.attachment.ifname},
             {"network", endpoint.network},
             {"netns", endpoint.netns},
             {"netns_dev", endpoint.netns_dev},
             {"netns_inode", endpoint.netns_inode},
             {"host_ifname", endpoint.host_ifname},
             {"host_ifindex", endpoint.host_ifindex},
             {"mac", mac_text(endpoint.mac)},
             {"pod", std::move(pod)},
             {"ips", std::move(ips)}};
    if (endpoint.labels) out["labels"] = *endpoint.labels;
    return out;
}

}  // namespace weft::endpoint
