// What weft-cni asks weftd (docs/architecture.md has the routes). Every call is one request with a time limit.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cni/config.hpp"
#include "cni/error.hpp"
#include "common/ip_addr.hpp"
#include "common/json.hpp"
#include "common/unix_http.hpp"

namespace weft::cni {

// What weft-cni tells about a pod's interface, for ADD and CHECK.
struct EndpointRequest {
    Attachment attachment;
    std::string network, netns;
    std::uint64_t netns_device = 0, netns_inode = 0;
    std::string host_ifname;
    int host_ifindex = 0;
    std::string mac;
    std::string pod_namespace, pod_name, pod_uid;  // pod_name empty: no pod is named
    std::optional<std::map<std::string, std::string>> labels;
    std::vector<std::string> ips;
};
Json to_json(const EndpointRequest& request);

struct GivenAddress {
    IpAddr ip, gateway;
};

struct Endpoint {
    std::vector<GivenAddress> ips;
    unsigned mtu = 0;
    std::string gateway_mac, bpf_dir;
};

struct Removed {
    Attachment attachment;
    std::string host_ifname;
};

enum class Reached { kYes, kMaybe, kNo };  // kMaybe: the request went out, no answer came

// Error code 11 if weftd cannot be asked; 104 when no address can be given; 7 for a value that it refuses; else 102.
// `reached`, when given, says whether a failed request may have been carried out.
class AddQuestion {
  public:
    // Asks, so that the pod can be wired while weftd works.
    AddQuestion(const Config& config, const EndpointRequest& request);
    bool is_sent() const { return exchange_.has_value(); }
    Outcome<Endpoint> answer(Reached& reached);  // waits for it; once

  private:
    std::string socket_;
    Result<UnixHttpExchange> exchange_;
};
Outcome<void> remove_endpoint(const Config& config, const Attachment& attachment, Reached* reached = nullptr);
// The differences that weftd sees between what was found and what it knows.
Outcome<std::vector<std::string>> check_endpoint(const Config& config, const EndpointRequest& request);
Outcome<std::vector<Removed>> collect_garbage(const Config& config, const std::vector<Attachment>& valid);
// Error code 50 if weftd does not answer, 51 if it answers that it is not well.
Outcome<void> ask_health(const Config& config);

}  // namespace weft::cni
