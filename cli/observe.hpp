// The query of `weft observe`.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace weft::cli {

struct ObserveOptions {
    std::optional<unsigned> last;
    bool follow = false;
    std::string since, until;
    std::map<std::string, std::vector<std::string>> filters;  // query parameter -> values
};

// "/v1/flows?last=20&source_pod=default%2Fa".
std::string flows_target(const ObserveOptions& options);

}  // namespace weft::cli
