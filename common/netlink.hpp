// Requests to the kernel's routing netlink, sent in one call and answered together: for programs that count
// microseconds. Where something is read, libnl is the tool.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "common/fd.hpp"
#include "common/result.hpp"

namespace weft {

// Messages one after the other, in the kernel's form. A message is begun, then takes its attributes.
class NetlinkRequests {
  public:
    NetlinkRequests() { bytes_.reserve(1024); }

    // `body`: the struct that messages of this type begin with (ifinfomsg, tcmsg, ...). `doing` begins the error, if
    // the kernel answers one, unless it is `expected_errno`.
    template <typename Body>
    void begin(std::uint16_t type, std::uint16_t flags, const Body& body, std::string doing, int expected_errno = 0) {
        begin(type, flags, std::string_view(reinterpret_cast<const char*>(&body), sizeof body), std::move(doing),
              expected_errno);
    }
    void put(std::uint16_t attribute, std::string_view bytes);
    template <typename Value>
    requires std::is_arithmetic_v<Value>
    void put(std::uint16_t attribute, Value value) {
        put(attribute, std::string_view(reinterpret_cast<const char*>(&value), sizeof value));
    }
    // Attributes within an attribute, up to close(); `body` stands before them.
    [[nodiscard]] std::size_t open(std::uint16_t attribute, std::string_view body = {});
    void close(std::size_t opened);

    bool empty() const { return steps_.empty(); }

  private:
    friend class NetlinkSocket;
    struct Step {
        std::size_t at;  // of its header
        std::string doing;
        int expected_errno;
    };
    void begin(std::uint16_t type, std::uint16_t flags, std::string_view body, std::string doing, int expected_errno);
    void append(std::string_view bytes);  // and fills up to the alignment
    void seal(std::uint32_t first_sequence);

    std::string bytes_;
    std::vector<Step> steps_;
};

// Belongs to the network namespace in which it was opened, wherever its thread is later.
class NetlinkSocket {
  public:
    static Result<NetlinkSocket> open();

    // The kernel tries all of them, in order; the error is that of the first that failed. kNotFound for a device that
    // is not there, kExists, kExhausted, kPermission, kSystem.
    Result<void> run(NetlinkRequests requests);
    // Number of a device. kNotFound.
    Result<int> index_of(std::string_view ifname) const;
    Result<bool> has_index(int index) const;
    // Waits until a device that is up and has carrier runs. The kernel starts its queue a moment after the carrier came
    // (from 6.8 on at once if it is asked for the link), in one step with saying that it runs. Without carrier, and
    // after 50 ms, it is left as it is. kNotFound.
    Result<void> wait_until_running(std::string_view ifname);

    int fd() const { return fd_.get(); }

  private:
    Result<bool> has_settled(int index);  // runs, or has no carrier

    Fd fd_;
    std::uint32_t sequence_ = 0;
};

}  // namespace weft
