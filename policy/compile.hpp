// The policy compiler: from a world to the tables of this node (DESIGN 2.2). Pure: the same world and numbers give the
// same image, whether it is compiled at once or change by change.
//
// Only policies that select a local pod are in force; only their selectors, blocks and named egress ports make classes.
// Pods on the host network are their node: neither subject nor peer. Of two pods that claim one address, the local one
// has it, then the one with the lower key.
#pragma once

#include <memory>

#include "policy/image_delta.hpp"
#include "policy/numbers.hpp"
#include "policy/world.hpp"

namespace weft::policy {

// (policy, class) pairs over all tables: the size of the datapath's table (datapath/abi, compared by a test).
inline constexpr std::size_t kMaxPolicyClasses = 1U << 20;

// Reserved identities (Cilium's numbers).
inline constexpr std::uint32_t kIdentityUnknown = 0;
inline constexpr std::uint32_t kIdentityHost = 1;
inline constexpr std::uint32_t kIdentityWorld = 2;
inline constexpr std::uint32_t kIdentityRemoteNode = 6;
inline constexpr std::uint32_t kIdentityKubeApiserver = 7;

// Keeps an image up to date: the cost of a change follows what it touches (docs/policy-engine.md).
class Compiler {
  public:
    // `numbers` must outlive this. When this ends, its numbers are unused.
    explicit Compiler(Numbers& numbers);
    ~Compiler();
    Compiler(const Compiler&) = delete;
    Compiler& operator=(const Compiler&) = delete;

    // Makes the image that of `world`, which differs from the world of the update before in `changes` at most (the
    // node's facts: only with `everything`). Errors: kExhausted when numbers or tables do not suffice; kInvalid for
    // labels that cannot be. After an error the image is nobody's, and the next update compiles everything.
    Result<void> update(const World& world, const WorldChanges& changes);

    const Image& image() const { return image_.image(); }
    const ImageDelta& delta() const { return image_.delta(); }  // of the last update
    ImageEditor& editor() { return image_; }

    // What was done, ever.
    struct Work {
        std::uint64_t evaluations = 0;   // label sets that were matched against selectors, subjects and peers
        std::uint64_t tables_built = 0;  // from nothing
        std::uint64_t rows_decided = 0;  // of one class in one table
    };
    Work work() const;

  private:
    struct Parts;
    Result<void> run(const World& world, const WorldChanges& changes);

    Numbers& numbers_;
    ImageEditor image_;
    std::unique_ptr<Parts> parts_;
};

// The image of a world, compiled at once. Errors as above; `world` is not changed.
Result<Image> compile(const World& world, Numbers& numbers);

}  // namespace weft::policy
