// Values by number; the numbers of those that were erased are given again. References stay where they are.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

namespace weft::policy {

template <typename T>
class Slots {
  public:
    std::uint32_t add(T value) {
        if (free_.empty()) {
            items_.push_back(std::move(value));
            return static_cast<std::uint32_t>(items_.size() - 1);
        }
        const auto number = free_.back();
        free_.pop_back();
        items_[number] = std::move(value);
        return number;
    }
    void erase(std::uint32_t number) {
        items_[number] = T{};
        free_.push_back(number);
    }
    T& operator[](std::uint32_t number) { return items_[number]; }
    const T& operator[](std::uint32_t number) const { return items_[number]; }
    std::size_t in_use() const { return items_.size() - free_.size(); }
    std::uint32_t end() const { return static_cast<std::uint32_t>(items_.size()); }  // every number is below

  private:
    std::deque<T> items_;
    std::vector<std::uint32_t> free_;
};

}  // namespace weft::policy
