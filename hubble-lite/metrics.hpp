// The text of /metrics (Prometheus exposition format 0.0.4).
#pragma once

#include <string>

#include "hubble-lite/names.hpp"
#include "hubble-lite/ring.hpp"
#include "hubble-lite/stats.hpp"

namespace weft::hubble {

std::string metrics_text(const Stats& stats, const Ring& ring, Names& names);

}  // namespace weft::hubble
