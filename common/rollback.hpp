// An undo stack: each step that succeeded arms its undo; leaving the scope without commit() runs them, last first.
// An undo must not fail loudly: it logs what it could not take back.
#pragma once

#include <functional>
#include <ranges>
#include <utility>
#include <vector>

namespace weft {

class Rollback {
  public:
    Rollback() = default;
    Rollback(const Rollback&) = delete;
    Rollback& operator=(const Rollback&) = delete;
    ~Rollback() {
        for (auto& undo : undo_ | std::views::reverse) undo();
    }

    void arm(std::function<void()> undo) { undo_.push_back(std::move(undo)); }
    void commit() { undo_.clear(); }
    // `outer` takes over what was armed here.
    void move_to(Rollback& outer) {
        for (auto& undo : undo_) outer.undo_.push_back(std::move(undo));
        undo_.clear();
    }

  private:
    std::vector<std::function<void()>> undo_;
};

}  // namespace weft
