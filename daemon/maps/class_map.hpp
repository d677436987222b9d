// Which class of an image every kernel class stands for, and back. Kernel classes refine the image's (classes.hpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

namespace weft::maps {

class ClassMap {
  public:
    void set(std::uint32_t kernel, std::uint32_t image) {
        forget(kernel);
        image_of_.emplace(kernel, image);
        auto& list = kernels_of_[image];
        list.push_back(kernel);
        if (list.size() == 2) split_.insert(image);
    }
    void forget(std::uint32_t kernel) {
        const auto at = image_of_.find(kernel);
        if (at == image_of_.end()) return;
        const auto list = kernels_of_.find(at->second);
        std::erase(list->second, kernel);
        if (list->second.size() == 1) split_.erase(list->first);
        if (list->second.empty()) kernels_of_.erase(list);
        image_of_.erase(at);
    }
    void clear() { *this = {}; }

    std::optional<std::uint32_t> image_of(std::uint32_t kernel) const {
        const auto at = image_of_.find(kernel);
        return at == image_of_.end() ? std::nullopt : std::optional(at->second);
    }
    // In no order.
    const std::vector<std::uint32_t>& kernels_of(std::uint32_t image) const {
        static const std::vector<std::uint32_t> kNone;
        const auto at = kernels_of_.find(image);
        return at == kernels_of_.end() ? kNone : at->second;
    }
    // Image classes that several kernel classes stand for, and 0: those of which collect() merges some.
    std::set<std::uint32_t> split_or_unknown() const {
        auto out = split_;
        out.insert(0);
        return out;
    }

  private:
    std::unordered_map<std::uint32_t, std::uint32_t> image_of_;
    std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> kernels_of_;
    std::set<std::uint32_t> split_;
};

}  // namespace weft::maps
