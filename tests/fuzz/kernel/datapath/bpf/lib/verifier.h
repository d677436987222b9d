// The real one's place, for a processor that is no eBPF: the same values.
#pragma once

#define MASKED(value, mask) ((value) &= (mask))
#define BELOW(value, end) ((value) = (value) < (end) ? (value) : 0)
#define POSITIVE(value) ((value) = (value) > 0 ? (value) : 1)
#define UNKNOWN(value) ((void)(value))
