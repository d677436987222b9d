// A device's settings under /proc/sys/net/ipv6/conf. They stay those of the namespace in which open() was called.
#pragma once

#include <string>
#include <string_view>

#include "common/fd.hpp"
#include "common/result.hpp"

namespace weft::cni {

class Ipv6Settings {
  public:
    // A kernel or namespace without IPv6 has no such settings: then set() does nothing, as nothing is needed.
    static Result<Ipv6Settings> open(const std::string& device);

    Result<void> set(const char* key, std::string_view value) const;

  private:
    Fd folder_;
    std::string path_;
};

}  // namespace weft::cni
