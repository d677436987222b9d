#include "cni/config.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "datapath/abi/names.h"

namespace weft::cni {

namespace {

constexpr std::string_view kOwnKeys[] = {"run_dir", "bpf_dir", "mtu", "labels", "attach"};
// Named by the specification (1.1.0 and before) for every plugin or for the runtime.
constexpr std::string_view kStandardKeys[] = {
    "cniVersion", "cniVersions",  "name",          "type",       "args",         "ipMasq",    "ipam",
    "dns",        "capabilities", "runtimeConfig", "prevResult", "disableCheck", "disableGC", "loadOnlyInlinedPlugins"};
constexpr int kLowestMtu = 68;  // IPv4 (RFC 791); weftd's own value bounds it from above
constexpr int kHighestMtu = 65535;
constexpr std::size_t kMostLabels = 256;
constexpr std::size_t kMostIps = 16;
constexpr std::size_t kMostAttachments = 65536;

// What to say about a key that is not ours: which of ours comes nearest.
std::string nearest_own_key(std::string_view key) {
    Json candidate = Json::object();
    candidate[std::string(key)] = nullptr;
    const auto refused = JsonView(candidate).only({kOwnKeys[0], kOwnKeys[1], kOwnKeys[2], kOwnKeys[3], kOwnKeys[4]});
    return refused ? std::string() : refused.error().message;
}

Outcome<void> check_keys(const JsonView& view) {
    for (const auto& [key, value] : view.raw().items()) {
        if (std::ranges::count(kOwnKeys, key) + std::ranges::count(kStandardKeys, key) > 0) continue;
        if (key.starts_with("cni.dev/")) continue;
        const auto shown = to_line(value);
        return refuse(Code::kUnsupportedField,
                      fmt::format("the network configuration's key '{}' (value {}) is not supported", key.substr(0, 80),
                                  shown.size() > 120 ? shown.substr(0, 120) + "..." : shown),
                      nearest_own_key(key));
    }
    return {};
}

// Network names appear in paths and in the queue's files.
Result<std::string> network_name(const JsonView& view) {
    WEFT_TRY(member, view.member("name"));
    WEFT_TRY(name, member.string());
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
               c == '-';
    };
    if (name.empty() || name.size() > 256 || !std::ranges::all_of(name, allowed) || name[0] == '_' || name[0] == '.' ||
        name[0] == '-')
        return member.error("a network's name starts with a letter or digit and consists of letters, digits and _.-");
    return name;
}

Result<std::string> directory(const JsonView& view, std::string_view key, std::string fallback) {
    WEFT_TRY(found, view.find(key));
    if (!found) return fallback;
    WEFT_TRY(path, found->string());
    // weftd.sock must fit in sockaddr_un's 108 bytes.
    if (!path.starts_with('/') || path.size() > 96 || path.find('\0') != std::string::npos)
        return found->error("expected an absolute path of at most 96 bytes");
    return path;
}

// Adds one label. A label that stands twice keeps the last value.
Result<void> add_label(std::map<std::string, std::string>& labels, const JsonView& at, std::string key,
                       std::string value) {
    if (key.empty() || key.size() > 317 || value.size() > 63)  // Kubernetes: prefix 253, '/', name 63; value 63
        return at.error("a label's key is 1 to 317 bytes long, its value at most 63");
    labels[std::move(key)] = std::move(value);
    if (labels.size() > kMostLabels) return at.error(fmt::format("more than {} labels", kMostLabels));
    return {};
}

Result<void> labels_of_object(const JsonView& view, std::map<std::string, std::string>& labels) {
    WEFT_TRY(members, view.object());
    for (const auto& [key, member] : members) {
        WEFT_TRY(value, member.string());
        WEFT_CHECK(add_label(labels, member, key, value));
    }
    return {};
}

Result<void> labels_of_list(const JsonView& view, std::map<std::string, std::string>& labels) {
    WEFT_TRY(entries, view.array());
    for (const auto& entry : entries) {
        WEFT_TRY(key_view, entry.member("key"));
        WEFT_TRY(key, key_view.string());
        WEFT_TRY(value, entry.string_or("value", ""));
        WEFT_CHECK(add_label(labels, entry, key, value));
    }
    return {};
}

Result<std::vector<std::string>> addresses(const JsonView& view) {
    WEFT_TRY(entries, view.array());
    std::vector<std::string> out;
    if (entries.size() > kMostIps) return view.error(fmt::format("more than {} addresses", kMostIps));
    for (const auto& entry : entries) {
        WEFT_TRY(text, entry.string());
        const auto parsed = Cidr::parse(text);  // "10.0.0.5" and "10.0.0.5/24" alike: the length is weft's affair
        if (!parsed) return entry.error(parsed.error().message);
        out.push_back(text.substr(0, text.find('/')));
    }
    return out;
}

// "ips" and "mac" of runtimeConfig or of args.cni, where the one read first wins.
Result<void> wishes(const JsonView& view, Config& config) {
    WEFT_TRY(ips, view.find("ips"));
    if (ips && config.ips.empty()) {
        WEFT_TRY(list, addresses(*ips));
        config.ips = std::move(list);
    }
    WEFT_TRY(mac, view.string_or("mac", ""));
    if (config.mac.empty()) config.mac = std::move(mac);
    return {};
}

Result<void> read_runtime_config(const JsonView& view, Config& config) {
    WEFT_TRY(runtime, view.find("runtimeConfig"));
    if (!runtime) return {};
    WEFT_CHECK(wishes(*runtime, config));
    WEFT_TRY(bandwidth, runtime->find("bandwidth"));
    config.bandwidth = bandwidth.has_value();
    return {};
}

Result<void> read_args_and_labels(const JsonView& view, Config& config) {
    std::map<std::string, std::string> labels;
    WEFT_TRY(own, view.find("labels"));
    if (own) WEFT_CHECK(labels_of_object(*own, labels));
    bool given = own.has_value();
    WEFT_TRY(args, view.find("args"));
    if (args) {
        WEFT_TRY(cni, args->find("cni"));
        if (cni) {
            WEFT_CHECK(wishes(*cni, config));
            WEFT_TRY(list, cni->find("labels"));
            if (list) WEFT_CHECK(labels_of_list(*list, labels));
            given = given || list.has_value();
        }
    }
    if (given) config.labels = std::move(labels);
    return {};
}

Result<AttachChoice> attach_choice(const JsonView& view) {
    WEFT_TRY(text, view.string_or("attach", "auto"));
    if (text == "auto") return AttachChoice::kAuto;
    if (text == "tcx") return AttachChoice::kTcx;
    if (text == "clsact") return AttachChoice::kClsact;
    return std::unexpected(
        Error{ErrorCode::kInvalid, fmt::format("'{}' is none of auto, tcx, clsact", text), "$.attach"});
}

Result<std::vector<Attachment>> attachments(const JsonView& view) {
    WEFT_TRY(entries, view.array());
    std::vector<Attachment> out;
    if (entries.size() > kMostAttachments) return view.error(fmt::format("more than {} attachments", kMostAttachments));
    for (const auto& entry : entries) {
        WEFT_TRY(id_view, entry.member("containerID"));
        WEFT_TRY(id, id_view.string());
        WEFT_TRY(ifname_view, entry.member("ifname"));
        WEFT_TRY(ifname, ifname_view.string());
        out.push_back({std::move(id), std::move(ifname)});
    }
    return out;
}

Result<void> read_standard_members(const JsonView& view, Config& config) {
    WEFT_TRY(dns, view.find("dns"));
    if (dns) {
        WEFT_CHECK(dns->object());
        config.dns = dns->raw();
    }
    WEFT_TRY(previous, view.find("prevResult"));
    if (previous) {
        WEFT_CHECK(previous->object());
        config.previous = previous->raw();
    }
    // Older runtimes write it with the organisation's prefix of that day; the specification's form is cni.dev/.
    WEFT_TRY(valid, view.find("cni.dev/valid-attachments"));
    if (valid) {
        WEFT_TRY(list, attachments(*valid));
        config.valid_attachments = std::move(list);
    }
    return {};
}

Result<Config> read_members(const JsonView& view) {
    Config out;
    WEFT_TRY(network, network_name(view));
    WEFT_TRY(run_dir, directory(view, "run_dir", WEFT_DEFAULT_RUN_DIR));
    WEFT_TRY(bpf_dir, directory(view, "bpf_dir", ""));
    WEFT_TRY(attach, attach_choice(view));
    WEFT_TRY(mtu, view.find("mtu"));
    if (mtu) {
        WEFT_TRY(bytes, mtu->integer(kLowestMtu, kHighestMtu));
        out.mtu = static_cast<unsigned>(bytes);
    }
    out.network = std::move(network);
    out.run_dir = std::move(run_dir);
    out.bpf_dir = std::move(bpf_dir);
    out.attach = attach;
    WEFT_CHECK(read_runtime_config(view, out));
    WEFT_CHECK(read_args_and_labels(view, out));
    WEFT_CHECK(read_standard_members(view, out));
    return out;
}

}  // namespace

std::string Config::socket() const {
    return run_dir + "/" WEFT_SOCKET_NAME;
}

Outcome<Json> decode(std::string_view input) {
    if (input.size() > kMaxConfigBytes)
        return refuse(Code::kDecode, fmt::format("the network configuration is longer than {} bytes", kMaxConfigBytes));
    WEFT_TRY(document, coded(Code::kDecode, "the network configuration on standard input is not valid JSON",
                             parse_json(input, {kMaxConfigBytes, 64})));
    if (!document.is_object())
        return refuse(Code::kDecode, "the network configuration on standard input is not a JSON object");
    return document;
}

Outcome<Version> config_version(const Json& document) {
    // Without one the specification assumes 0.1.0 (conventions of 2015), which weft-cni does not speak.
    const auto text = JsonView(document).string_or("cniVersion", "0.1.0");
    if (!text) return refuse(Code::kInvalidConfig, "cniVersion must be a string", text.error().text());
    const auto version = version_of(*text);
    if (!version)
        return refuse(Code::kIncompatibleVersion, fmt::format("CNI version '{}' is not supported", text->substr(0, 40)),
                      fmt::format("set cniVersion to one of {}", fmt::join(kVersionTexts, ", ")));
    return *version;
}

Outcome<Config> read_config(const Json& document) {
    const JsonView view(document);
    WEFT_TRY(version, config_version(document));
    WEFT_CHECK(check_keys(view));
    WEFT_TRY(config, coded(Code::kInvalidConfig, "the network configuration is not valid", read_members(view)));
    config.version = version;
    return config;
}

}  // namespace weft::cni
