// The network configuration that the runtime writes to standard input.
//
// Keys of weft-cni's own, all optional (docs/cni.md):
//   run_dir   weftd's run directory (socket, delete queue); default /run/weft
//   bpf_dir   where weft's programs are pinned; default: what weftd says, else /sys/fs/bpf/weft
//   mtu       at most this, for pods that need less than the uplink's
//   labels    object of strings: labels of the pod where no Pod object gives them
//   attach    "auto" (default), "tcx", "clsact": see attach_choice
// Also read: args.cni.labels (list of {"key","value"}), args.cni.ips, args.cni.mac, runtimeConfig.ips,
// runtimeConfig.mac, runtimeConfig.bandwidth. Every key that the specification names is accepted; others are refused
// (code 2), so that a typing error is seen.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cni/error.hpp"
#include "cni/version.hpp"
#include "common/ip_addr.hpp"
#include "common/json.hpp"

namespace weft::cni {

inline constexpr std::size_t kMaxConfigBytes = 1U << 20;

enum class AttachChoice { kAuto, kTcx, kClsact };

struct Attachment {
    std::string container_id, ifname;
};

struct Config {
    Version version = kNewest;
    std::string network;
    std::string run_dir, bpf_dir;  // bpf_dir empty: not given
    std::optional<unsigned> mtu;
    std::optional<std::map<std::string, std::string>> labels;
    std::vector<std::string> ips;  // asked for, without prefix lengths
    std::string mac;               // asked for; empty: none
    AttachChoice attach = AttachChoice::kAuto;
    bool bandwidth = false;        // the bandwidth plugin will shape this pod
    Json dns;                      // passed through to the result
    std::optional<Json> previous;  // prevResult
    std::optional<std::vector<Attachment>> valid_attachments;

    std::string socket() const;
};

// The version alone, for the errors of a document whose rest is wrong. Errors: code 6 for bad JSON, 1 for a version
// that weft-cni does not speak.
Outcome<Json> decode(std::string_view input);
Outcome<Version> config_version(const Json& document);

// Errors: 2 for an unknown key, 7 for a wrong value, each with its JSON path.
Outcome<Config> read_config(const Json& document);

}  // namespace weft::cni
