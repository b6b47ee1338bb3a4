/*
 * Vectors of VF floats: plain C on the vectors of gcc and clang, for any machine. See simd_avx512.h for what each name
 * means. Nothing is fused here, so that one compiler's choice cannot give one row other bits than another.
 */
#ifndef HS_SIMD_H
#define HS_SIMD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VF 4
typedef float vf __attribute__((vector_size(16)));
typedef int32_t vf_bits __attribute__((vector_size(16)));

static inline vf vf_load(const float *p) {
  vf v;
  memcpy(&v, p, sizeof v);
  return v;
}
static inline void vf_store(float *p, vf v) { memcpy(p, &v, sizeof v); }
static inline vf vf_set(float x) { return (vf){x, x, x, x}; }
static inline vf vf_zero(void) { return vf_set(0); }
static inline vf vf_add(vf a, vf b) { return a + b; }
static inline vf vf_sub(vf a, vf b) { return a - b; }
static inline vf vf_mul(vf a, vf b) { return a * b; }
static inline vf vf_div(vf a, vf b) { return a / b; }
static inline vf vf_fma(vf a, vf b, vf c) { return a * b + c; }
/* a where the lane's mask is all ones, b where it is zero. */
static inline vf vf_blend(vf_bits mask, vf a, vf b) { return (vf)((mask & (vf_bits)a) | (~mask & (vf_bits)b)); }
static inline vf vf_max(vf a, vf b) { return vf_blend(a > b, a, b); }
static inline vf vf_min(vf a, vf b) { return vf_blend(a < b, a, b); }
static inline vf vf_abs(vf a) { return (vf)((vf_bits)a & 0x7fffffff); }
static inline float vf_reduce_add(vf a) { return (a[0] + a[2]) + (a[1] + a[3]); }
static inline float vf_reduce_max(vf a) {
  const float x = a[0] > a[2] ? a[0] : a[2], y = a[1] > a[3] ? a[1] : a[3];
  return x > y ? x : y;
}

static inline vf vf_round(vf a) {
  /* Adding 1.5 * 2^23 leaves no bits for a fraction. Larger numbers have none. */
  const vf magic = vf_set(12582912.0f);
  return vf_blend(vf_abs(a) < vf_set(4194304.0f), (a + magic) - magic, a);
}
static inline vf vf_pow2i(vf a) { return (vf)((__builtin_convertvector(a, vf_bits) + 127) << 23); }
static inline vf vf_select(uint32_t bits, vf a, vf b) {
  const vf_bits lanes = {1, 2, 4, 8};
  return vf_blend((lanes & (int32_t)bits) != 0, a, b);
}
static inline int32_t vf_reduce_i32(vf a) {
  const vf_bits v = __builtin_convertvector(vf_round(a), vf_bits);
  return v[0] + v[1] + v[2] + v[3];
}

static inline uint16_t f32_to_f16(float x) {
  uint32_t in;
  memcpy(&in, &x, 4);
  const uint32_t sign = in & 0x80000000u;
  in ^= sign;
  if (in > 0x7f800000u) return (uint16_t)(sign >> 16 | 0x7e00); /* NaN */
  if (in >= 0x477ff000u) return (uint16_t)(sign >> 16 | 0x7c00); /* rounds to 65536 or more */
  float f;
  memcpy(&f, &in, 4);
  if (in < 0x38800000u) { /* subnormal: in units of 2^-24, which is the last bit of 0.5 as float */
    f += 0.5f;
    memcpy(&in, &f, 4);
    return (uint16_t)(sign >> 16 | (in - 0x3f000000u));
  }
  in += 0xfff + (in >> 13 & 1); /* to nearest, ties to even; a carry goes to the exponent */
  return (uint16_t)(sign >> 16 | (in - 0x38000000u) >> 13);
}
static inline vf vf_from_f16(vf_bits half) {
  const vf_bits magnitude = half & 0x7fff;
  const vf normal = (vf)((magnitude << 13) + 0x38000000);                          /* the other bias: 127 - 15 */
  const vf subnormal = __builtin_convertvector(magnitude, vf) * vf_set(0x1p-24f);
  const vf_bits special = (magnitude >= 0x7c00) & 0x7f800000;                      /* infinity or NaN */
  const vf_bits sign = ((half & 0x8000) != 0) & INT32_MIN;
  return (vf)((vf_bits)vf_blend(magnitude < 0x400, subnormal, normal) | special | sign);
}
static inline vf vf_load_f16(const uint16_t *p) { return vf_from_f16((vf_bits){p[0], p[1], p[2], p[3]}); }
static inline float f16_to_f32(uint16_t bits) { return vf_from_f16((vf_bits){bits})[0]; }
static inline void vf_store_f16(uint16_t *p, vf v) {
  for (int i = 0; i < VF; i++) p[i] = f32_to_f16(v[i]);
}
static inline vf vf_load_bf16(const uint16_t *p) {
  const uint32_t wide[VF] = {(uint32_t)p[0] << 16, (uint32_t)p[1] << 16, (uint32_t)p[2] << 16, (uint32_t)p[3] << 16};
  vf v;
  memcpy(&v, wide, sizeof v);
  return v;
}
static inline vf vf_load_i8(const int8_t *p) { return (vf){p[0], p[1], p[2], p[3]}; }

static inline void vf_store_i8(int8_t q[32], const vf x[32 / VF], int32_t sums[2]) {
  sums[0] = sums[1] = 0;
  for (int i = 0; i < 32 / VF; i++) {
    const vf_bits v = __builtin_convertvector(vf_round(vf_max(vf_min(x[i], vf_set(127)), vf_set(-128))), vf_bits);
    for (int lane = 0; lane < VF; lane++) q[VF * i + lane] = (int8_t)v[lane];
    sums[i / (16 / VF)] += v[0] + v[1] + v[2] + v[3];
  }
}

static inline uint32_t zero_bits(const uint16_t p[32]) {
  uint32_t bits = 0;
  for (int i = 0; i < 32; i++) bits |= (uint32_t)(p[i] == 0) << i;
  return bits;
}

static inline void vf_transpose(vf r[VF]) {
  const vf a = r[0], b = r[1], c = r[2], d = r[3];
  for (int i = 0; i < VF; i++) r[i] = (vf){a[i], b[i], c[i], d[i]};
}

#endif
