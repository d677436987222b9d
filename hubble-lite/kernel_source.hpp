// The pinned ring buffer and counters of the datapath.
#pragma once

#include <sys/types.h>

#include <optional>

#include "datapath/loader/map.hpp"
#include "datapath/loader/pins.hpp"
#include "datapath/loader/ring.hpp"
#include "hubble-lite/source.hpp"

namespace weft::hubble {

// Opens the pins when they are there, and again when weftd has put others in their place. What a reader before this one
// had not read is still in the ring: the kernel keeps the position with the pinned map.
class KernelSource : public EventSource {
  public:
    explicit KernelSource(datapath::Pins pins) : pins_(std::move(pins)) {}
    Result<std::size_t> consume(const Visit& visit) override;
    Result<KernelCounters> counters() override;
    Result<void> open();  // no error if it is open already

  private:
    ino_t pinned_inode() const;  // 0: nothing is pinned
    void close();

    datapath::Pins pins_;
    ino_t inode_ = 0;
    std::optional<datapath::EventRing> ring_;
    datapath::MapFd metrics_, lost_, dns_;
};

}  // namespace weft::hubble
