#include "daemon/maps/applier.hpp"
#include "daemon/maps/kernel_reader.hpp"
#include "daemon/maps/kernel_writer.hpp"

namespace weft::maps {

Result<Applier> Applier::open(const datapath::Pins& pins) {
    auto state = read_kernel(pins);
    if (!state) return wrap(state.error(), "read back the kernel's maps");
    auto writer = KernelWriter::open(pins);
    if (!writer) return std::unexpected(writer.error());
    return Applier(std::move(*writer), std::move(*state));
}

}  // namespace weft::maps
