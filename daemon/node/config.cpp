#include "daemon/node/config.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <climits>

namespace weft::node {

namespace {

// What the options give as text, before it is understood.
struct Texts {
    std::string cidr4 = "10.244.0.0/24";
    std::string cidr6 = "fd00:10:244::/64";
    std::string ports = "10240-29999";
    std::string masquerade = "on";
    std::vector<std::string> reserved, no_masquerade, kube_apiservers;
    std::uint32_t mtu = 0;
};

void add_node_options(CLI::App& app, Config& config, Texts& texts) {
    app.add_option("--run-dir", config.run_dir, "Folder of the socket, the database and the delete queue")
        ->capture_default_str();
    app.add_option("--bpf-dir", config.bpf_dir, "Folder on bpffs of the pinned programs and maps")
        ->capture_default_str();
    app.add_option("--objects", config.objects_dir, "Directory of Kubernetes objects (JSON, YAML) to follow");
    app.add_option("--node-name", config.node_name, "Name of this node (default: the host's)");
    app.add_option("--pod-cidr4", texts.cidr4, "IPv4 range of this node's pods, or 'none'")->capture_default_str();
    app.add_option("--pod-cidr6", texts.cidr6, "IPv6 range of this node's pods, or 'none'")->capture_default_str();
    app.add_option("--reserved-cidr", texts.reserved, "Part of the ranges that is never given to a pod (repeatable)");
    app.add_option("--address-cooldown", config.ipam.cooldown, "Seconds before a freed address is given again")
        ->check(CLI::Range(0, 86400))
        ->capture_default_str();
    app.add_option("--uplink", config.uplink, "Device to the outside: a name, 'auto' (the default route's) or 'none'")
        ->capture_default_str();
    app.add_option("--kube-apiserver", texts.kube_apiservers,
                   "Address that policies mean by the entity kube-apiserver (repeatable)");
    app.add_option("--mtu", texts.mtu, "MTU of the pods (default: the uplink's, else 1500)")
        ->check(CLI::Range(1280, 65535));
    app.add_option("--log-level", config.log_level, "trace, debug, info, warn or error")->capture_default_str();
    app.add_flag("--uninstall", config.uninstall,
                 "Remove everything of weft from this node and show that nothing is left");
}

void add_datapath_options(CLI::App& app, Config& config, Texts& texts) {
    app.add_option("--masquerade", texts.masquerade, "Give pods' traffic to the outside the uplink's address")
        ->check(CLI::IsMember({"on", "off"}))
        ->capture_default_str();
    app.add_option("--no-masquerade-cidr", texts.no_masquerade,
                   "Destinations to which pods keep their address (repeatable)");
    app.add_option("--masquerade-ports", texts.ports, "Source ports of masqueraded connections: FIRST-LAST")
        ->capture_default_str();
    app.add_option("--flows4", config.sizes.flows4, "Entries of the IPv4 flow table (a connection owns two)")
        ->capture_default_str();
    app.add_option("--flows6", config.sizes.flows6, "Entries of the IPv6 flow table")->capture_default_str();
    app.add_option("--half-open4", config.sizes.half_open4, "Entries of the IPv4 half-open table")
        ->capture_default_str();
    app.add_option("--half-open6", config.sizes.half_open6, "Entries of the IPv6 half-open table")
        ->capture_default_str();
    app.add_option("--ring-bytes", config.sizes.ring_bytes, "Size of the event ring")->capture_default_str();
    app.add_option("--addresses", config.sizes.addresses, "Rows for addresses, each family")->capture_default_str();
    app.add_option("--cidrs", config.sizes.cidrs, "Rows for prefixes, each family")->capture_default_str();
    auto& s = config.settings;
    const auto seconds = CLI::Range(1, 7 * 86400);
    app.add_option("--timeout-tcp", s.timeout_tcp, "Seconds an idle established TCP connection is kept")
        ->check(seconds)
        ->capture_default_str();
    app.add_option("--timeout-closing", s.timeout_closing, "Seconds a closed one is kept")
        ->check(seconds)
        ->capture_default_str();
    app.add_option("--timeout-udp", s.timeout_udp, "Seconds an answered UDP flow is kept")
        ->check(seconds)
        ->capture_default_str();
    app.add_option("--timeout-other", s.timeout_other, "Seconds other protocols' flows are kept")
        ->check(seconds)
        ->capture_default_str();
    app.add_option("--timeout-half-open", s.timeout_half_open, "Seconds an unanswered flow is kept")
        ->check(seconds)
        ->capture_default_str();
    app.add_option("--drop-interval-ms", s.drop_interval_ms, "One drop event for each kind in this time")
        ->check(CLI::Range(1, 60000))
        ->capture_default_str();
    app.add_option("--age-interval", config.age_interval, "Seconds between ageing passes")
        ->check(CLI::Range(1, 3600))
        ->capture_default_str();
}

Result<std::optional<Cidr>> range_of(const std::string& text, bool v4, std::string_view option) {
    if (text.empty() || text == "none") return std::nullopt;
    auto cidr = Cidr::parse(text, true);
    if (!cidr) return wrap(cidr.error(), option);
    if (cidr->address.is_v4() != v4) return fail(ErrorCode::kInvalid, "{}: {} is of the other family", option, text);
    return *cidr;
}

Result<std::vector<Cidr>> cidrs_of(const std::vector<std::string>& texts, std::string_view option) {
    std::vector<Cidr> out;
    for (const auto& text : texts) {
        auto cidr = Cidr::parse(text);
        if (!cidr) return wrap(cidr.error(), option);
        out.push_back(*cidr);
    }
    return out;
}

Result<void> read_ports(const std::string& text, maps::NodeSettings& out) {
    const char* end = text.data() + text.size();
    const auto first = std::from_chars(text.data(), end, out.masquerade_port_first);
    const bool dash = first.ec == std::errc{} && first.ptr != end && *first.ptr == '-';
    const auto last = dash ? std::from_chars(first.ptr + 1, end, out.masquerade_port_last) : first;
    if (!dash || last.ec != std::errc{} || last.ptr != end || out.masquerade_port_first == 0 ||
        out.masquerade_port_first > out.masquerade_port_last)
        return fail(ErrorCode::kInvalid, "--masquerade-ports: '{}' is not FIRST-LAST, such as 10240-29999", text);
    return {};
}

std::string host_name() {
    char name[HOST_NAME_MAX + 1] = {};
    return gethostname(name, sizeof name - 1) == 0 ? name : "localhost";
}

Result<void> understand(const Texts& texts, Config& config) {
    WEFT_TRY(range4, range_of(texts.cidr4, true, "--pod-cidr4"));
    WEFT_TRY(range6, range_of(texts.cidr6, false, "--pod-cidr6"));
    WEFT_TRY(reserved, cidrs_of(texts.reserved, "--reserved-cidr"));
    WEFT_TRY(kept, cidrs_of(texts.no_masquerade, "--no-masquerade-cidr"));
    for (const auto& text : texts.kube_apiservers) {
        auto address = IpAddr::parse(text);
        if (!address) return wrap(address.error(), "--kube-apiserver");
        config.kube_apiservers.push_back(*address);
    }
    WEFT_CHECK(read_ports(texts.ports, config.settings));
    config.ipam.range4 = range4;
    config.ipam.range6 = range6;
    config.ipam.reserved = std::move(reserved);
    config.no_masquerade = std::move(kept);
    config.masquerade = texts.masquerade == "on";
    if (texts.mtu != 0) config.mtu = texts.mtu;
    if (config.node_name.empty()) config.node_name = host_name();
    return {};
}

}  // namespace

Parsed parse_command_line(int argc, char** argv) {
    Parsed out;
    Texts texts;
    CLI::App app{"weftd: the node daemon of weft", "weftd"};
    app.set_version_flag("--version", std::string("weftd ") + WEFT_VERSION);
    app.set_config("--config", "", "Configuration file (the options' names as keys, TOML)");
    add_node_options(app, out.config, texts);
    add_datapath_options(app, out.config, texts);
    auto* uninstall = app.add_subcommand("uninstall", "As --uninstall");
    uninstall->fallthrough();
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        out.exit_code = app.exit(error);
        return out;
    }
    if (uninstall->parsed()) out.config.uninstall = true;
    if (const auto understood = understand(texts, out.config); !understood) {
        fmt::print(stderr, "weftd: {}\n", understood.error().text());
        out.exit_code = 2;
    }
    return out;
}

}  // namespace weft::node
