// Takes weft off a node: devices of its pods, attachments, pins, run directory. Shows what it did and that nothing is
// left.
#pragma once

#include <iosfwd>

#include "daemon/node/config.hpp"

namespace weft::node {

// Errors: kExists while a daemon runs in the run directory; kSystem naming what is left.
Result<void> uninstall(const Config& config, std::ostream& out);

}  // namespace weft::node
