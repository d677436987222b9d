#include "tests/bench/bpf_runner.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "common/fd.hpp"
#include "datapath/abi/names.h"
#include "datapath/loader/pins.hpp"

namespace weft::test {

BpfRunner::BpfRunner(const char* object_path, const datapath::Pins& pins, std::uint32_t floor_entries) {
    object_ = bpf_object__open_file(object_path, nullptr);
    if (object_ == nullptr) throw std::runtime_error("cannot open the benchmark's BPF object");
    bpf_map__set_max_entries(bpf_object__find_map_by_name(object_, "floor_flows"), floor_entries);
    const Fd control(bpf_obj_get(pins.map(WEFT_MAP_CONTROL).c_str()));
    bpf_map__reuse_fd(bpf_object__find_map_by_name(object_, "control"), control.get());
    if (bpf_object__load(object_) != 0) throw std::runtime_error("cannot load the benchmark's BPF object");
}

BpfRunner::~BpfRunner() {
    bpf_object__close(object_);
}

int BpfRunner::program(const char* name) const {
    return bpf_program__fd(bpf_object__find_program_by_name(object_, name));
}

int BpfRunner::map(const char* name) const {
    return bpf_map__fd(bpf_object__find_map_by_name(object_, name));
}

void BpfRunner::set_headers(const std::vector<Bytes>& frames, bench_fresh fresh) {
    for (std::uint32_t i = 0; i < frames.size(); ++i) {
        bench_header header{};
        std::memcpy(header.bytes, frames[i].data(), std::min(frames[i].size(), sizeof header.bytes));
        bpf_map_update_elem(map("headers"), &i, &header, 0);
    }
    state_ = {0, static_cast<std::uint32_t>(frames.size()) - 1, static_cast<std::uint32_t>(fresh), 0};
    frame_ = frames[0];
    v6_ = frame_[12] == 0x86;
}

std::uint32_t BpfRunner::raw(int target, std::uint32_t ifindex, int repeat, std::uint32_t turn) {
    const std::uint32_t zero = 0;
    state_.turn = turn;
    bpf_map_update_elem(map("state"), &zero, &state_, 0);
    bpf_map_update_elem(map("target"), &zero, &target, 0);
    __sk_buff context{};
    context.ifindex = ifindex;
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = frame_.data();
    options.data_size_in = static_cast<std::uint32_t>(frame_.size());
    options.ctx_in = &context;
    options.ctx_size_in = sizeof context;
    options.repeat = repeat;
    if (bpf_prog_test_run_opts(program(v6_ ? "wrap6" : "wrap4"), &options) != 0) throw std::runtime_error("test run");
    verdict_ = static_cast<int>(options.retval);
    return options.duration;
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

void prove(bool good, const std::string& what) {
    if (!good) throw std::runtime_error("a repeat of '" + what + "' took another path");
}

}  // namespace weft::test
