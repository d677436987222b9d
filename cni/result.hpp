// CNI's result of ADD, kept in one form and written in the version asked for.
#pragma once

#include <string>
#include <vector>

#include "cni/version.hpp"
#include "common/ip_addr.hpp"
#include "common/json.hpp"

namespace weft::cni {

struct Interface {
    std::string name;
    std::string mac;
    std::string sandbox;  // path of the network namespace; empty for the host's
    unsigned mtu = 0;     // written from 1.1.0 on; 0: not known
};

// An address with its length as written: unlike in a Cidr the host bits are kept.
struct InterfaceAddress {
    IpAddr ip;
    int length = 0;
    static Result<InterfaceAddress> parse(std::string_view text);
    std::string text() const { return fmt::format("{}/{}", ip.text(), length); }
    friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
};

struct Ip {
    InterfaceAddress address;
    IpAddr gateway;
    std::size_t interface = 0;  // index in interfaces
};

struct Route {
    Cidr destination;
    IpAddr gateway;
};

struct AddResult {
    std::vector<Interface> interfaces;
    std::vector<Ip> ips;
    std::vector<Route> routes;
    Json dns;  // as in the configuration; null: none
};

// The shapes of 0.3.1 and 0.4.0 (each address says its family), 1.0.0, 1.1.0 (interfaces say their MTU).
Json to_json(const AddResult& result, Version version);

// Reads any version's form, as far as CHECK needs it: unknown members are passed over, since other plugins of the chain
// add theirs. Errors: kInvalid with the JSON path below `view`.
Result<AddResult> parse_result(const JsonView& view);

}  // namespace weft::cni
