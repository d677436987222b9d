#include "daemon/maps/kernel_writer.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <vector>

#include "daemon/maps/keys.hpp"
#include "datapath/abi/names.h"
#include "datapath/loader/grace_period.hpp"

namespace weft::maps {

namespace {

template <typename Key, typename Value>
Result<void> put_or_erase(const datapath::Map<Key, Value>& map, const Key& key, const std::optional<Value>& value) {
    if (value) return map.update(key, *value);
    if (auto erased = map.erase(key); !erased) return std::unexpected(std::move(erased).error());
    return {};
}

template <typename Key, typename Value>
Result<void> open_into(datapath::Map<Key, Value>& map, const datapath::Pins& pins, std::string_view name) {
    auto opened = datapath::Map<Key, Value>::open(pins, name);
    if (!opened) return std::unexpected(std::move(opened).error());
    map = std::move(*opened);
    return {};
}

// Rows of addresses of one family are many at times, and go to the kernel together.
enum class Batch { kNone, kAddr4, kAddr6 };

Batch batch_of(const Write& write) {
    const auto* put = std::get_if<PutAddress>(&write);
    if (put == nullptr || !put->row) return Batch::kNone;
    return put->address.is_v4() ? Batch::kAddr4 : Batch::kAddr6;
}

template <typename Key, typename KeyOf>
Written update_batch(const datapath::Map<Key, weft_addr>& map, std::span<const Write> writes, const KeyOf& key_of) {
    std::vector<Key> keys;
    std::vector<weft_addr> rows;
    for (const auto& write : writes) {
        const auto& put = std::get<PutAddress>(write);
        keys.push_back(key_of(put.address));
        rows.push_back(*put.row);
    }
    Written out;
    if (auto done = map.update_batch(keys, rows, out.rows); !done) out.error = std::move(done).error();
    return out;
}

std::size_t page_size() {
    return static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

Result<std::unique_ptr<KernelWriter>> KernelWriter::open(const datapath::Pins& pins) {
    std::unique_ptr<KernelWriter> writer(new KernelWriter);
    WEFT_CHECK(writer->open_maps(pins));
    WEFT_CHECK(writer->map_control());
    return writer;
}

KernelWriter::~KernelWriter() {
    if (mapped_ != nullptr) munmap(mapped_, page_size());
}

Result<void> KernelWriter::open_maps(const datapath::Pins& pins) {
    WEFT_CHECK(open_into(control_, pins, WEFT_MAP_CONTROL));
    WEFT_CHECK(open_into(endpoints_, pins, WEFT_MAP_ENDPOINTS));
    WEFT_CHECK(open_into(addr4_, pins, WEFT_MAP_ADDR4));
    WEFT_CHECK(open_into(addr6_, pins, WEFT_MAP_ADDR6));
    WEFT_CHECK(open_into(cidr4_, pins, WEFT_MAP_CIDR4));
    WEFT_CHECK(open_into(cidr6_, pins, WEFT_MAP_CIDR6));
    WEFT_TRY(policies, PolicyRows::open(pins));
    policies_ = std::move(policies);
    WEFT_CHECK(open_into(port_rows_, pins, WEFT_MAP_PORT_ROWS));
    WEFT_TRY(counters,
             datapath::MapFd::open(pins, WEFT_MAP_RULE_COUNTERS, sizeof(std::uint32_t), sizeof(weft_rule_counter)));
    rule_counters_ = std::move(counters);
    WEFT_CHECK(open_into(name_rows_, pins, WEFT_MAP_DNS_ROWS));
    WEFT_TRY(automata,
             datapath::MapFd::open(pins, WEFT_MAP_DNS_AUTOMATA, sizeof(std::uint32_t), sizeof(weft_dns_automaton)));
    automata_ = std::move(automata);
    return {};
}

Result<void> KernelWriter::map_control() {
    void* page = mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, control_.raw().fd(), 0);
    if (page == MAP_FAILED) return fail_errno("map the control row into memory");
    mapped_ = page;
    return {};
}

Result<void> KernelWriter::write(const Write& write) {
    return std::visit([this](const auto& one) { return put(one); }, write);
}

Written KernelWriter::write_all(std::span<const Write> writes) {
    Written out;
    while (out.rows < writes.size() && !out.error) {
        const auto rest = writes.subspan(out.rows);
        const auto kind = batch_of(rest.front());
        const auto end = std::ranges::find_if(rest, [&](const Write& one) { return batch_of(one) != kind; });
        const auto alike = rest.first(static_cast<std::size_t>(end - rest.begin()));
        auto written = kind == Batch::kNone ? Writer::write_all(alike) : put_batch(alike);
        out.rows += written.rows;
        out.error = std::move(written.error);
    }
    return out;
}

Written KernelWriter::put_batch(std::span<const Write> writes) {
    return batch_of(writes.front()) == Batch::kAddr4
               ? update_batch(addr4_, writes, [](const IpAddr& address) { return address.v4(); })
               : update_batch(addr6_, writes, [](const IpAddr& address) { return key6(address); });
}

Result<void> KernelWriter::grace() {
    return datapath::wait_grace_period();
}

Result<void> KernelWriter::put(const PutPortRow& w) {
    return port_rows_.update(w.index, w.row);
}

Result<void> KernelWriter::put(const PutPolicy& w) {
    return policies_->put(w.number, {w.run.start, w.run.count});
}

Result<void> KernelWriter::put(const PutPolicyClass& w) {
    return policies_->put(w.key.first, w.key.second,
                          w.run ? std::optional(weft_port_set{w.run->start, w.run->count}) : std::nullopt);
}

Result<void> KernelWriter::put(const PutEndpoint& w) {
    return endpoints_.update(w.number, w.row);
}

Result<void> KernelWriter::put(const PutAddress& w) {
    return w.address.is_v4() ? put_or_erase(addr4_, w.address.v4(), w.row)
                             : put_or_erase(addr6_, key6(w.address), w.row);
}

Result<void> KernelWriter::put(const PutCidr& w) {
    return w.cidr.address.is_v4() ? put_or_erase(cidr4_, cidr_key4(w.cidr), w.row)
                                  : put_or_erase(cidr6_, cidr_key6(w.cidr), w.row);
}

// The kernel copies the whole row; generation and epoch are written over with what they are.
Result<void> KernelWriter::put(const PutControl& w) {
    auto control = w.control;
    const auto* present = static_cast<const weft_control*>(mapped_);
    control.generation = present->generation;
    control.epoch = present->epoch;
    return control_.update(0, control);
}

Result<void> KernelWriter::put(const PutEpoch& w) {
    static_assert(offsetof(weft_control, generation) == 0 && offsetof(weft_control, epoch) == 4);
    const auto word = std::bit_cast<std::uint64_t>(std::array{w.generation, w.epoch});
    std::atomic_ref(*static_cast<std::uint64_t*>(mapped_)).store(word, std::memory_order_seq_cst);
    return {};
}

Result<void> KernelWriter::put(const PutNameRow& w) {
    return put_or_erase(name_rows_, {w.key.first, w.key.second}, w.row);
}

Result<void> KernelWriter::put(const PutAutomaton& w) {
    return automata_.update(&w.index, w.row.get());
}

Result<void> KernelWriter::put(const ResetRule& w) {
    const std::vector<weft_rule_counter> zero(static_cast<std::size_t>(datapath::MapFd::cpus()));
    return rule_counters_.update(&w.rule, zero.data());
}

}  // namespace weft::maps
