// Whether what an endpoint was made of is still there.
#pragma once

#include "daemon/endpoint/endpoint.hpp"

namespace weft::endpoint {

struct Presence {
    bool host_interface = false;  // a device of that name in the daemon's namespace
    bool netns = false;           // the path leads to the same namespace as at the add
};

Presence presence_of(const Endpoint& endpoint);

}  // namespace weft::endpoint
