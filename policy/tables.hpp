// The compiled policies of the local pods.
#pragma once

#include "policy/classes.hpp"

namespace weft::policy {

// Fills image.policies, .endpoints and .rules. `classes` must be complete: every address of the image has its class.
Result<void> build_tables(const Atoms& atoms, const Classes& classes, Numbers& numbers, Image& image);

}  // namespace weft::policy
