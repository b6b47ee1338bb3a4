/* Kernels for AVX-512 with VNNI. */
#if defined(__x86_64__)
#include "simd_avx512.h"

#include "elementwise.inc"

#define HS_SCORES "scores_avx512.inc"
#include "attention.inc"

#include "linear_avx512.inc"

const struct hs_set hs_set_avx512 = {
    .name = "avx512-vnni",
    .norm = norm,
    .quantise = quantise,
    .swiglu = swiglu,
    .sums = sums,
    .linear = linear,
    .store = store,
    .attend = attend,
};
#endif
