// weft's maps as JSON rows, for people and tests: decoded from what is pinned, not from what the daemon believes.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "common/json.hpp"
#include "common/result.hpp"
#include "datapath/loader/pins.hpp"

namespace weft::maps {

struct MapName {
    std::string_view name;
    std::string_view what;  // one line for people
};
const std::vector<MapName>& map_names();

// Calls `visit` with each row in use. kNotFound for another name. Rows written meanwhile may be seen or not.
Result<void> dump(const datapath::Pins& pins, std::string_view map, const std::function<void(const Json& row)>& visit);

}  // namespace weft::maps
