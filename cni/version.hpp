// Versions of the CNI specification that weft-cni speaks.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace weft::cni {

// In the order of their publication, so that they compare.
enum class Version { k0_3_1, k0_4_0, k1_0_0, k1_1_0 };

inline constexpr std::array<std::string_view, 4> kVersionTexts = {"0.3.1", "0.4.0", "1.0.0", "1.1.0"};
inline constexpr Version kNewest = Version::k1_1_0;

constexpr std::string_view text_of(Version version) {
    return kVersionTexts[static_cast<std::size_t>(version)];
}

constexpr std::optional<Version> version_of(std::string_view text) {
    for (std::size_t i = 0; i < kVersionTexts.size(); ++i)
        if (kVersionTexts[i] == text) return static_cast<Version>(i);
    return std::nullopt;
}

}  // namespace weft::cni
