// The writer that reaches the kernel: one pinned map for each kind of row, and the first 8 bytes of `control` mapped.
#pragma once

#include <memory>
#include <optional>

#include "common/fd.hpp"
#include "daemon/maps/policy_rows.hpp"
#include "daemon/maps/writer.hpp"
#include "datapath/loader/map.hpp"
#include "datapath/loader/pins.hpp"

namespace weft::maps {

class KernelWriter : public Writer {
  public:
    static Result<std::unique_ptr<KernelWriter>> open(const datapath::Pins& pins);
    ~KernelWriter() override;
    KernelWriter(const KernelWriter&) = delete;
    KernelWriter& operator=(const KernelWriter&) = delete;

    Result<void> write(const Write& write) override;
    Written write_all(std::span<const Write> writes) override;
    Result<void> grace() override;

  private:
    template <typename Key, typename Value>
    using Map = datapath::Map<Key, Value>;

    KernelWriter() = default;
    Result<void> open_maps(const datapath::Pins& pins);
    Result<void> map_control();

    Written put_batch(std::span<const Write> writes);
    Result<void> put(const PutPortRow& w);
    Result<void> put(const PutPolicy& w);
    Result<void> put(const PutPolicyClass& w);
    Result<void> put(const PutEndpoint& w);
    Result<void> put(const PutAddress& w);
    Result<void> put(const PutCidr& w);
    Result<void> put(const PutControl& w);
    Result<void> put(const PutEpoch& w);
    Result<void> put(const ResetRule& w);
    Result<void> put(const PutNameRow& w);
    Result<void> put(const PutAutomaton& w);

    Map<std::uint32_t, weft_control> control_;
    Map<std::uint32_t, weft_endpoint> endpoints_;
    Map<std::uint32_t, weft_addr> addr4_;
    Map<weft_ip, weft_addr> addr6_;
    Map<weft_cidr4_key, weft_addr> cidr4_;
    Map<weft_cidr6_key, weft_addr> cidr6_;
    std::optional<PolicyRows> policies_;
    Map<std::uint32_t, weft_port_row> port_rows_;
    datapath::MapFd rule_counters_;
    Map<weft_dns_row_key, weft_dns_row> name_rows_;
    datapath::MapFd automata_;
    void* mapped_ = nullptr;  // the page of `control`
};

}  // namespace weft::maps
