// The metadata stream: names for numbers, for hubble-lite (docs/architecture.md has the lines).
//
// announce(), publish() and the others are called under the reconciler's lock, so that a subscriber's snapshot and the
// changes after it fit together. A name is told before the kernel can use its number: the first packet that a new rule
// drops is an event at once, and its reader would not know the rule. A subscriber that does not keep up is cut off: its
// queue is dropped and it is told so, never the others.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "daemon/reconcile/state.hpp"
#include "policy/image_delta.hpp"

namespace weft::reconcile {

class Subscription {
  public:
    enum class Wait { kLine, kTimeout, kClosed };

    explicit Subscription(std::size_t limit) : limit_(limit) {}
    // The next line, with its newline. kClosed: too slow, or the daemon stops.
    Wait next(std::string& line, std::chrono::milliseconds timeout);

  private:
    friend class Feed;
    bool push(const std::shared_ptr<const std::string>& line);  // false: it was full and is closed now
    void close();

    std::size_t limit_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::shared_ptr<const std::string>> lines_;
    bool closed_ = false;
};

class Feed {
  public:
    // Changes that may wait for one subscriber beyond its snapshot.
    static constexpr std::size_t kQueueLimit = 65536;
    static constexpr std::size_t kMaxSubscribers = 8;

    explicit Feed(std::string node_name, std::size_t queue_limit = kQueueLimit)
        : node_name_(std::move(node_name)), queue_limit_(queue_limit) {}

    // Everything as of now, then "synced", then each change. Error kExhausted with kMaxSubscribers there already.
    Result<std::shared_ptr<Subscription>> subscribe(const State& state, const policy::Image& image);
    // `delta`: what the image differs in from what was told before.
    void announce(const policy::Image& image, const policy::ImageDelta& delta);  // what is new, before it is enforced
    void withdraw(const policy::Image& image, const policy::ImageDelta& delta);  // announced and not enforced
    // The rest, once it is enforced: what is gone, and the endpoints.
    void publish(const State& state, const policy::Image& image, const policy::ImageDelta& delta);
    void close();  // the daemon stops: every subscriber sees the end

    std::size_t subscribers();
    std::uint64_t cut_off() const { return cut_off_; }

  private:
    struct Shown {
        EndpointPtr endpoint;
        std::shared_ptr<const policy::Pod> pod;
        std::uint32_t identity = 0;
        friend bool operator==(const Shown&, const Shown&) = default;
    };
    using Lines = std::vector<std::shared_ptr<const std::string>>;
    void drop_the_gone();
    void send(const Lines& lines);
    static std::map<std::uint32_t, Shown> shown(const State& state, const policy::Image& image);
    static void endpoint_changes(const std::map<std::uint32_t, Shown>& before,
                                 const std::map<std::uint32_t, Shown>& after, Lines& out);

    std::string node_name_;
    std::size_t queue_limit_;
    std::mutex mutex_;
    std::vector<std::weak_ptr<Subscription>> subscribers_;
    std::map<std::uint32_t, Shown> shown_;  // as the subscribers know it
    std::atomic<std::uint64_t> cut_off_ = 0;
};

}  // namespace weft::reconcile
