#include "hubble-lite/ui/page.hpp"

// The assembler takes the file in as it is.
__asm__(
    ".section .rodata\n"
    "weft_hubble_page_begin: .incbin \"" WEFT_HUBBLE_PAGE
    "\"\n"
    "weft_hubble_page_end:\n"
    ".previous\n"
    ".globl weft_hubble_page_begin\n"
    ".globl weft_hubble_page_end\n");

extern "C" {
extern const char weft_hubble_page_begin[];
extern const char weft_hubble_page_end[];
}

namespace weft::hubble {

std::string_view page_html() {
    return {weft_hubble_page_begin, static_cast<std::size_t>(weft_hubble_page_end - weft_hubble_page_begin)};
}

}  // namespace weft::hubble
