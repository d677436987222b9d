// The vocabulary of random worlds: small, so that objects meet often.
#pragma once

#include <string>
#include <vector>

namespace weft::policy::test {

inline const std::vector<std::string> kNamespaces = {"red", "green", "blue"};
inline const std::vector<std::string> kKeys = {"app", "tier", "env"};
inline const std::vector<std::string> kValues = {"a", "b", "c", ""};
inline const std::vector<std::string> kProtocols = {"TCP", "UDP", "SCTP"};
inline const std::vector<std::string> kPortNames = {"web", "dns", "admin"};
inline const std::vector<int> kPorts = {1, 53, 80, 81, 443, 8080, 65535};
// Nested and disjoint prefixes around the pods' own addresses, and outside.
inline const std::vector<std::vector<std::string>> kPrefixes = {
    {"0.0.0.0/0", "10.0.0.0/8", "10.244.0.0/16", "10.244.0.0/24", "10.244.0.0/28", "10.244.0.8/29", "10.244.0.3/32",
     "192.0.2.0/24", "192.0.2.128/25", "172.18.0.0/16"},
    {"::/0", "fd00::/8", "fd00:10:244::/64", "fd00:10:244::/120", "fd00:10:244::/124", "fd00:10:244::8/125",
     "fd00:10:244::3/128", "2001:db8::/32", "2001:db8:8000::/33", "fd00:172:18::/64"}};
inline const std::vector<std::vector<std::string>> kOutside = {
    {"192.0.2.1", "192.0.2.200", "8.8.8.8", "10.1.1.1", "10.244.0.200"},
    {"2001:db8::1", "2001:db8:8000::1", "2600::1", "fd01::1", "fd00:10:244::c8"}};

// Types of ICMP and ICMPv6 that open connections.
inline const std::vector<std::vector<int>> kIcmpTypes = {{8, 0, 13, 15}, {128, 129, 144, 160}};

// Of this node, of another by the node facts, and of two that Node objects may bring.
inline const std::vector<std::vector<std::string>> kNodes = {
    {"172.18.0.2", "172.18.0.3", "172.18.0.4", "172.18.0.5"},
    {"fd00:172:18::2", "fd00:172:18::3", "fd00:172:18::4", "fd00:172:18::5"}};

}  // namespace weft::policy::test
