// Where weft's programs, maps and links are pinned. Pure path arithmetic.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "datapath/abi/names.h"

namespace weft::datapath {

struct Pins {
    std::filesystem::path root = WEFT_DEFAULT_BPF_DIR;

    std::filesystem::path map(std::string_view name) const { return root / "maps" / name; }
    std::filesystem::path program(std::string_view name) const { return root / "progs" / name; }
    // One link (or, with clsact, a marker file is not needed: the filter lives in the device) for each device and program.
    std::filesystem::path link(std::string_view ifname, std::string_view program_name) const {
        return root / "links" / (std::string(ifname) + "." + std::string(program_name));
    }
};

}  // namespace weft::datapath
