/* The kernels for AVX2, FMA and F16C: Intel since 2013, AMD since 2015. */
#if defined(__x86_64__)
#include "kernels.h"
#include "simd_avx2.h"

#include "elementwise.inc"

#include "attention.inc"

#include "linear_avx2.inc"

const struct hs_set hs_set_avx2 = {"avx2", norm, quantise, swiglu, sums, linear, store, attend};
#endif
