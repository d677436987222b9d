// Names for numbers: what weftd's metadata stream has told so far.
//
// apply() runs in the thread of the stream, peer() and rule() in the reader's; all are thread-safe. Everything stays
// when the stream breaks. What is deleted is kept for kKeepDeleted, so that events which arrive late (a short-lived
// pod's close) are still named; addresses cool down longer than that in weftd before another pod gets them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>

#include "common/json.hpp"
#include "common/result.hpp"
#include "hubble-lite/flow.hpp"

namespace weft::hubble {

class Names {
  public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::seconds kKeepDeleted{120};
    static constexpr std::size_t kMaxEntries = 1U << 20;  // of each kind; weftd's own limits are lower

    // A new stream begins: what it does not name before "synced" has been deleted meanwhile.
    void begin();
    // One line. Unknown types are passed over; a line that is wrong changes nothing.
    Result<void> apply(std::string_view line, Clock::time_point now = Clock::now());
    // Forgets what was deleted longer than kKeepDeleted ago.
    void purge(Clock::time_point now = Clock::now());

    std::shared_ptr<const Peer> peer(const IpAddr& address, std::uint32_t identity);
    // Waits up to `patience` for a rule that has not been named yet: its line and the first event that it decided come
    // by different ways.
    std::shared_ptr<const Rule> rule(std::uint32_t id, Clock::duration patience = {});
    std::string node_name();

    struct Counts {
        std::size_t endpoints = 0, identities = 0, rules = 0;
    };
    Counts counts();

  private:
    template <typename Value>
    struct Entry {
        Value value;
        std::uint64_t round = 0;      // of begin()
        Clock::time_point deleted{};  // epoch: alive
    };
    struct Endpoint {
        std::uint32_t id = 0, identity = 0;
        std::string name_space, pod, container_id;
        std::vector<std::string> labels;
        std::vector<IpAddr> ips;
    };
    struct AtAddress {
        std::shared_ptr<const Endpoint> endpoint;
        std::uint32_t identity = 0;  // that `peer` was made for
        std::shared_ptr<const Peer> peer;
    };
    using Labels = std::shared_ptr<const std::vector<std::string>>;

    Result<void> apply_endpoint(const JsonView& line, bool add, Clock::time_point now);
    Result<void> apply_identity(const JsonView& line, bool add, Clock::time_point now);
    Result<void> apply_rule(const JsonView& line, bool add, Clock::time_point now);
    void synced(Clock::time_point now);
    std::shared_ptr<const Peer> make_peer(const Endpoint* endpoint, std::uint32_t identity) const;

    std::mutex mutex_;
    std::condition_variable rule_came_;
    std::uint64_t round_ = 0;
    std::string node_name_;
    std::map<std::uint32_t, Entry<std::shared_ptr<const Endpoint>>> endpoints_;
    std::unordered_map<IpAddr, Entry<AtAddress>> addresses_;
    std::map<std::uint32_t, Entry<Labels>> identities_;
    std::unordered_map<std::uint32_t, std::shared_ptr<const Peer>> identity_peers_;
    std::unordered_map<std::uint32_t, Entry<std::shared_ptr<const Rule>>> rules_;
};

}  // namespace weft::hubble
