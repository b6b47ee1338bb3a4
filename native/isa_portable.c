/* The kernels in plain C, for machines that none of the other files is for. */
#include "kernels.h"
#include "simd_portable.h"

#include "elementwise.inc"

#include "attention.inc"

#include "linear_portable.inc"

const struct hs_set hs_set_portable = {"portable", norm, quantise, swiglu, sums, linear, store, attend};
