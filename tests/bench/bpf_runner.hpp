// Times a program by BPF_PROG_TEST_RUN inside a wrapper that restores the packet before every repeat and tail-calls it.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/bpf_bench.h"
#include "tests/bpf/packet.hpp"

struct bpf_object;

namespace weft::datapath {
class Pins;
}

namespace weft::test {

class BpfRunner {
  public:
    // Throws std::runtime_error. `floor_entries`: the size of the floor program's map.
    BpfRunner(const char* object_path, const datapath::Pins& pins, std::uint32_t floor_entries);
    ~BpfRunner();
    BpfRunner(const BpfRunner&) = delete;
    BpfRunner& operator=(const BpfRunner&) = delete;

    int program(const char* name) const;
    int map(const char* name) const;
    void set_headers(const std::vector<Bytes>& frames, bench_fresh fresh);
    // Nanoseconds a repeat, the wrapper's cost included.
    std::uint32_t raw(int target, std::uint32_t ifindex, int repeat, std::uint32_t turn = 0);
    int verdict() const { return verdict_; }

  private:
    bpf_object* object_ = nullptr;
    bench_state state_{};
    Bytes frame_;
    int verdict_ = 0;
    bool v6_ = false;
};

double median(std::vector<double> values);

// Whether the row was good; throws when a repeat took another path than the row names.
void prove(bool good, const std::string& what);

}  // namespace weft::test
