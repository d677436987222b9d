#include "daemon/endpoint/presence.hpp"

#include <net/if.h>
#include <sys/stat.h>

namespace weft::endpoint {

Presence presence_of(const Endpoint& endpoint) {
    Presence out;
    out.host_interface = if_nametoindex(endpoint.host_ifname.c_str()) != 0;
    struct stat status {};
    if (endpoint.netns.empty() || stat(endpoint.netns.c_str(), &status) != 0) return out;
    out.netns = endpoint.netns_inode == 0 ||
                status.st_ino == endpoint.netns_inode;  // without an inode on record: assume the best
    return out;
}

}  // namespace weft::endpoint
