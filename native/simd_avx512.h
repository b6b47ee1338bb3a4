/*
 * Vectors of VF floats: AVX-512. Every simd_*.h defines the same names; the shared *.inc files are written on them.
 * Loads and stores need no alignment. Bits stand for lanes: bit 0 is lane 0.
 */
#ifndef HS_SIMD_H
#define HS_SIMD_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define VF 16
typedef __m512 vf;

static inline vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void vf_store(float *p, vf v) { _mm512_storeu_ps(p, v); }
static inline vf vf_set(float x) { return _mm512_set1_ps(x); }
static inline vf vf_zero(void) { return _mm512_setzero_ps(); }
static inline vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
/* To 1 unit in the last place, for b between 2^-126 and 2^127: a fifth of the time of the machine's division. */
static inline vf vf_div(vf a, vf b) {
  vf r = _mm512_rcp14_ps(b);
  r = _mm512_fmadd_ps(_mm512_fnmadd_ps(b, r, _mm512_set1_ps(1)), r, r);
  const vf q = _mm512_mul_ps(a, r);
  return _mm512_fmadd_ps(_mm512_fnmadd_ps(b, q, a), r, q);
}
/* a * b + c; rounded once where the machine can, but always in the same way on one machine. */
static inline vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
/* Where a or b is NaN the result may be either. */
static inline vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static inline vf vf_abs(vf a) { return _mm512_abs_ps(a); }
static inline float vf_reduce_add(vf a) { return _mm512_reduce_add_ps(a); }
static inline float vf_reduce_max(vf a) { return _mm512_reduce_max_ps(a); }

/* Nearest integer (ties to even) as float. */
static inline vf vf_round(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
/* 2^a for integers a in -127 .. 127; 0 for -127. */
static inline vf vf_pow2i(vf a) {
  const __m512i exponent = _mm512_add_epi32(_mm512_cvtps_epi32(a), _mm512_set1_epi32(127));
  return _mm512_castsi512_ps(_mm512_slli_epi32(exponent, 23));
}
/* The lanes of a whose bit is set, else those of b. */
static inline vf vf_select(uint32_t bits, vf a, vf b) { return _mm512_mask_blend_ps((__mmask16)bits, b, a); }
/* The sum of all lanes, each rounded to an integer: exact, so the order of lanes does not matter. */
static inline int32_t vf_reduce_i32(vf a) { return _mm512_reduce_add_epi32(_mm512_cvtps_epi32(a)); }

/* Half floats and bfloat16 (as bits); stores round to nearest even. */
static inline vf vf_load_f16(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
static inline void vf_store_f16(uint16_t *p, vf v) {
  _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
static inline vf vf_load_bf16(const uint16_t *p) {
  const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
/* VF signed bytes as floats. */
static inline vf vf_load_i8(const int8_t *p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}
/* One number each way, with the same rounding. */
static inline float f16_to_f32(uint16_t bits) { return _cvtsh_ss(bits); }
static inline uint16_t f32_to_f16(float x) { return _cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

/* The 32 / VF vectors of 32 numbers, rounded to nearest even, saturated to int8; sums of q[0..15] and of q[16..31]. */
static inline void vf_store_i8(int8_t q[32], const vf x[32 / VF], int32_t sums[2]) {
  for (int i = 0; i < 2; i++) {
    const __m128i bytes = _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x[i]));
    _mm_storeu_si128((__m128i *)(q + 16 * i), bytes);
    sums[i] = _mm512_reduce_add_epi32(_mm512_cvtepi8_epi32(bytes));
  }
}

/*
 * Optional: writes a whole struct hs_act of x = d * q, given x / d. The same numbers as with vf_store_i8, but the sums never
 * leave the vector registers.
 */
#define VF_STORE_ACT
static inline void vf_store_act(void *act, const vf x[2], float d) {
  const __m256i q = _mm256_set_m128i(_mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x[1])),
                                     _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x[0])));
  __m256i half = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), q);
  half = _mm256_add_epi32(half, _mm256_shuffle_epi32(half, 0x4e));
  half = _mm256_add_epi32(half, _mm256_shuffle_epi32(half, 0xb1)); /* 4 x sum of q[0..15], 4 x sum of q[16..31] */
  const __m256i other = _mm256_permute4x64_epi64(half, 0x4e), sum = _mm256_add_epi32(half, other);
  /* d, ds, then sums: all, all, all, first half, second half, none */
  __m256i sums = _mm256_mask_blend_epi32(0x40, _mm256_mask_blend_epi32(0x20, sum, other), half);
  sums = _mm256_maskz_sllv_epi32(0x7c, sums, _mm256_setr_epi32(0, 0, 3, 4, 7, 5, 5, 0));
  const __m256 scale = _mm256_set1_ps(d), scales = _mm256_mask_mul_ps(scale, 2, scale, _mm256_cvtepi32_ps(sum));
  sums = _mm256_mask_blend_epi32(3, _mm256_sub_epi32(_mm256_setzero_si256(), sums), _mm256_castps_si256(scales));
  _mm256_storeu_si256((__m256i *)act, q);
  _mm256_storeu_si256((__m256i *)act + 1, sums);
}

/* Bit i is set where p[i] is zero, for 32 numbers of 16 bits. */
static inline uint32_t zero_bits(const uint16_t p[32]) {
  const __m512i v = _mm512_loadu_si512(p);
  return _mm512_testn_epi16_mask(v, v);
}

/* Transposes the VF x VF matrix whose rows are r[0 .. VF - 1]. */
static inline void vf_transpose(vf r[VF]) {
  __m512 t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    for (int j = 0; j < 2; j++) {
      const __m512d a = _mm512_castps_pd(t[i + j]), b = _mm512_castps_pd(t[i + j + 2]);
      r[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
      r[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
    }
  }
  for (int i = 0; i < 16; i += 8) {
    for (int j = 0; j < 4; j++) {
      t[i + j] = _mm512_shuffle_f32x4(r[i + j], r[i + j + 4], 0x88);
      t[i + j + 4] = _mm512_shuffle_f32x4(r[i + j], r[i + j + 4], 0xdd);
    }
  }
  for (int j = 0; j < 8; j++) {
    r[j] = _mm512_shuffle_f32x4(t[j], t[j + 8], 0x88);
    r[j + 8] = _mm512_shuffle_f32x4(t[j], t[j + 8], 0xdd);
  }
}

#endif
