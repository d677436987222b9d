// Where weft's programs, maps and links are pinned. Pure path arithmetic.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>

#include "datapath/abi/names.h"

namespace weft::datapath {

struct Pins {
    std::filesystem::path root = WEFT_DEFAULT_BPF_DIR;

    std::filesystem::path map(std::string_view name) const { return root / "maps" / name; }
    std::filesystem::path program(std::string_view name) const { return root / "progs" / name; }
    // One link for each device and program (TCX; clsact keeps its filters in the device and needs no pin). bpffs
    // refuses names with a dot: a VLAN's "eth0.5" is written "eth0:5", which no device can be called.
    std::filesystem::path link(std::string_view ifname, std::string_view program_name) const {
        std::string name(ifname);
        std::ranges::replace(name, '.', ':');
        return root / "links" / (name + "@" + std::string(program_name));
    }
};

}  // namespace weft::datapath
