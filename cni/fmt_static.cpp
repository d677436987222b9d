// The compiled half of fmt for the statically linked weft-cni: Debian ships it as a shared library only, and its
// sources as the header below. Only what weft-cni's objects refer to is instantiated.
#include <fmt/format-inl.h>
