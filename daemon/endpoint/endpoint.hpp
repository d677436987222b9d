// A pod's interface as the daemon knows it: what weft-cni said when it was added, and what it was given.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/ip_addr.hpp"
#include "common/json.hpp"
#include "policy/selector.hpp"

namespace weft::endpoint {

using Mac = std::array<std::uint8_t, 6>;

// One interface of one container: what CNI calls an attachment.
struct Attachment {
    std::string container_id;
    std::string ifname;
    friend auto operator<=>(const Attachment&, const Attachment&) = default;
};

struct Endpoint {
    std::uint32_t id = 0;  // number: 1 .. WEFT_NODE_ENDPOINT - 1
    Attachment attachment;
    std::string network;
    std::string netns;
    std::uint64_t netns_dev = 0;
    std::uint64_t netns_inode = 0;
    std::string host_ifname;
    std::uint32_t host_ifindex = 0;
    Mac mac{};
    std::string pod_namespace;  // "default" when the runtime named none
    std::string pod_name;       // empty when the runtime named none
    std::string pod_uid;
    std::optional<policy::Labels> labels;  // of its own; else those of the Pod object of that name
    std::vector<IpAddr> ips;               // asked for, then given; IPv4 before IPv6

    // "namespace/name" of its Pod object; empty when the runtime named no pod.
    std::string pod_key() const;
    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// The body of an add request, and the record in the database (which has `id` too). Errors: kInvalid with the JSON path.
Result<Endpoint> parse_endpoint(const JsonView& view);
Json to_json(const Endpoint& endpoint);

Result<Attachment> parse_attachment(const JsonView& view);
// CNI's rules: a container id of [A-Za-z0-9][A-Za-z0-9_.-]*, a device name of 1 to 15 characters.
Result<void> check_attachment(const Attachment& attachment, const std::string& path);

std::string mac_text(const Mac& mac);
Result<Mac> parse_mac(std::string_view text);

}  // namespace weft::endpoint
