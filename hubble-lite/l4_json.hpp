// The transport header of a flow: Hubble's `l4` and `Summary`.
#pragma once

#include <string>

#include "datapath/abi/event.h"
#include "hubble-lite/json_writer.hpp"

namespace weft::hubble {

void write_l4(JsonWriter& json,
              const weft_event& event);  // the member `l4`; nothing for protocols that Hubble has no message for
std::string summary(const weft_event& event);

}  // namespace weft::hubble
