// The compiled half of fmt for the statically linked weft-cni: Debian ships it as a shared library only, and its
// sources as the header below. What format.h declares as compiled elsewhere is instantiated here.
#include <fmt/format-inl.h>

namespace fmt::detail {
template char decimal_point_impl<char>(locale_ref);
template thousands_sep_result<char> thousands_sep_impl<char>(locale_ref);
}  // namespace fmt::detail
