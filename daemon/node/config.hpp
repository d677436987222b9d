// What weftd is told by its command line and its configuration file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/ipam/ipam.hpp"
#include "daemon/maps/kernel_state.hpp"
#include "datapath/loader/datapath.hpp"

namespace weft::node {

struct Config {
    std::string run_dir = WEFT_DEFAULT_RUN_DIR;
    std::string bpf_dir = WEFT_DEFAULT_BPF_DIR;
    std::string objects_dir;  // empty: none
    std::string uplink = "auto";
    std::string node_name;
    std::string log_level = "info";
    bool masquerade = true;
    std::vector<Cidr> no_masquerade;
    std::vector<IpAddr> kube_apiservers;
    std::optional<std::uint32_t> mtu;
    std::uint32_t age_interval = 2;  // seconds between ageing passes
    ipam::Settings ipam;
    datapath::Sizes sizes;
    maps::NodeSettings settings;  // timeouts, masquerade ports
    bool uninstall = false;
};

// What main does after parsing: run with `config`, or exit at once (help, version, an error) with text printed.
struct Parsed {
    Config config;
    std::optional<int> exit_code;
};

// Prints help and version to standard output, errors to standard error.
Parsed parse_command_line(int argc, char** argv);

}  // namespace weft::node
