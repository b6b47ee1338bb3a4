/* The kernels for 64-bit ARM with dot products (ARMv8.2 with FEAT_DotProd). */
#if defined(__aarch64__)
#include "kernels.h"
#include "simd_neon.h"

#include "elementwise.inc"

#include "attention.inc"

#include "linear_neon.inc"

const struct hs_set hs_set_neon = {"neon-dotprod", norm, quantise, swiglu, sums, linear, store, attend};
#endif
