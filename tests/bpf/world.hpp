// A node for packet-in/packet-out tests: the real object, loaded and pinned under the test's name in a network
// namespace of its own, with veth devices that stand for pods and the uplink. Nothing is attached: packets go in by
// BPF_PROG_TEST_RUN.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "datapath/abi/control.h"
#include "datapath/abi/dns.h"
#include "datapath/abi/endpoint.h"
#include "datapath/abi/event.h"
#include "datapath/abi/flow.h"
#include "datapath/abi/policy.h"
#include "datapath/loader/datapath.hpp"
#include "datapath/loader/map.hpp"
#include "datapath/loader/ring.hpp"
#include "tests/bpf/packet.hpp"

namespace weft::test {

// TC verdicts as the kernel numbers them.
constexpr int kPass = 0, kShot = 2, kRedirect = 7;

struct Out {
    int verdict = -1;
    Bytes frame;
};

class World {
  public:
    // Enters a new network namespace (this thread) and loads. Aborts the test with the reason if it cannot.
    explicit World(const std::string& name, const datapath::Sizes& sizes = small());
    ~World();
    // Back to the state after construction, but for the pods and the uplink, which stay. Loading and verifying the
    // programs takes most of a second: a test suite shares one world.
    void reset();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    static datapath::Sizes small();

    struct Pod {
        std::uint32_t number = 0, ifindex = 0, identity = 0, class_id = 0;
        std::string v4, v6;
    };
    // The pods' gateway is 10.1.0.254, fd00::fe. Endpoint `number` with addresses 10.1.0.<number>, fd00::<number>,
    // class and identity 1000 + number, MAC 0a:00:00:00:00:<number>.
    Pod add_pod(std::uint32_t number);
    // Device number for the uplink; masquerades to 192.0.2.1 and 2001:db8::1; a default route goes out of it.
    std::uint32_t add_uplink();
    // The node itself, for set_policies(). Behind the uplink's addresses, whose class is 2.
    static Pod node();
    // The pod was made again behind another device.
    void set_device(const Pod& pod, std::uint32_t ifindex);
    void set_address(const std::string& address, const weft_addr& row);
    void set_cidr(const std::string& cidr, const weft_addr& row);

    // A compiled policy for one direction of a pod: rows per class (0: the rest).
    using Rows = std::vector<weft_port_row>;
    std::uint32_t add_policy(const std::map<std::uint32_t, Rows>& classes);
    // The last two: with the policies in audit mode.
    void set_policies(const Pod& pod, std::uint32_t egress, std::uint32_t ingress, std::uint32_t audit_egress = 0,
                      std::uint32_t audit_ingress = 0);
    static Rows allow_all(std::uint32_t rule);
    static Rows deny_all(std::uint32_t rule);
    static Rows allow_port(std::uint8_t protocol, std::uint16_t port, std::uint32_t rule, std::uint32_t deny_rule);

    weft_control control();
    void set_control(const weft_control& control);
    void raise_generation();

    Out run(const char* program, std::uint32_t ifindex, const Bytes& frame);
    std::vector<weft_event> events();  // all since the last call, but for those of DNS messages, which wait:
    std::vector<weft_dns_event> dns_events();
    // The pods' answers are read (WEFT_ENDPOINT_DNS), or not.
    void read_dns(const Pod& pod, bool read);
    std::uint64_t dns_count(std::uint32_t what);  // enum weft_dns_count
    std::uint64_t metric(std::uint32_t reason, std::uint32_t hook);
    weft_rule_counter rule(std::uint32_t number);
    // Entries in a table (WEFT_MAP_FLOW4_TAGS and so on).
    std::size_t entries(const char* tags);
    const datapath::Pins& pins() const { return pins_; }

  private:
    void set_defaults();
    std::uint32_t add_veth(const std::string& name);

    datapath::Pins pins_;
    std::map<std::string, Fd> programs_;
    datapath::EventRing ring_;
    std::vector<Pod> pods_;
    std::vector<weft_dns_event> dns_events_;
    std::vector<std::string> cidrs_;
    std::uint32_t next_row_ = 0, next_policy_ = 1;
};

}  // namespace weft::test
