// The web page, part of the program.
#pragma once

#include <string_view>

namespace weft::hubble {

std::string_view page_html();

}  // namespace weft::hubble
