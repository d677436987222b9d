// One kernel row as JSON.
#pragma once

#include <string>
#include <string_view>

#include "common/json.hpp"
#include "daemon/maps/flows.hpp"
#include "daemon/maps/kernel_state.hpp"

namespace weft::maps {

Json row_json(const weft_control& control);  // without the hash seed: it is secret
Json row_json(std::uint32_t number, const weft_endpoint& row, std::uint32_t epoch);
Json row_json(std::string_view key, const std::string& text, const weft_addr& row);
Json row_json(std::uint32_t index, const weft_port_row& row);
Json row_json(const Flow& flow);

}  // namespace weft::maps
