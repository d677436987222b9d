// One line of hubble-lite's JSON as one line for people.
#pragma once

#include <string>

#include "common/json.hpp"

namespace weft::cli {

// "12:00:01.250  DROPPED    default/a:4711 -> default/b:80  TCP  policy_denied  default deny of NetworkPolicy
// default/web". Lost events and what is unknown are shown as what they are.
std::string flow_text(const Json& line);

}  // namespace weft::cli
