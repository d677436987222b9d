// A DNS message as Hubble's Layer7 and DNS (flow.proto).
#pragma once

#include <string>

#include "hubble-lite/flow.hpp"
#include "hubble-lite/json_writer.hpp"

namespace weft::hubble {

void write_l7(JsonWriter& json, const DnsMessage& dns);  // the member `l7`
std::string summary(const DnsMessage& dns);

}  // namespace weft::hubble
