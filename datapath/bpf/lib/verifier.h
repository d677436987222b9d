/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the verifier must see of a number that is used as a place: on the very register, so that the compiler neither
 * takes it away nor looks through it. */
#pragma once

/* `value`, 64 bits wide: only these bits of it. */
#define MASKED(value, mask) asm volatile("%0 &= %1" : "+r"(value) : "i"(mask))
/* Or 0 if it is not below `end`. */
#define BELOW(value, end) asm volatile("if %0 < %1 goto +1; %0 = 0" : "+r"(value) : "i"(end))
/* Or 1 if it is 0. */
#define POSITIVE(value) asm volatile("if %0 > 0 goto +1; %0 = 1" : "+r"(value))
/* Nothing: the compiler does not know it from here on. */
#define UNKNOWN(value) asm volatile("" : "+r"(value))
