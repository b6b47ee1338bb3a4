/* Vectors of VF floats: NEON of 64-bit ARM. See simd_avx512.h for what each name means. */
#ifndef HS_SIMD_H
#define HS_SIMD_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VF 4
typedef float32x4_t vf;

static inline vf vf_load(const float *p) { return vld1q_f32(p); }
static inline void vf_store(float *p, vf v) { vst1q_f32(p, v); }
static inline vf vf_set(float x) { return vdupq_n_f32(x); }
static inline vf vf_zero(void) { return vdupq_n_f32(0); }
static inline vf vf_add(vf a, vf b) { return vaddq_f32(a, b); }
static inline vf vf_sub(vf a, vf b) { return vsubq_f32(a, b); }
static inline vf vf_mul(vf a, vf b) { return vmulq_f32(a, b); }
static inline vf vf_div(vf a, vf b) { return vdivq_f32(a, b); }
static inline vf vf_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
static inline vf vf_max(vf a, vf b) { return vmaxnmq_f32(a, b); } /* a NaN gives way, as on x86 */
static inline vf vf_min(vf a, vf b) { return vminnmq_f32(a, b); }
static inline vf vf_abs(vf a) { return vabsq_f32(a); }
static inline float vf_reduce_add(vf a) { return vaddvq_f32(a); }
static inline float vf_reduce_max(vf a) { return vmaxvq_f32(a); }

static inline vf vf_round(vf a) { return vrndnq_f32(a); }
static inline vf vf_pow2i(vf a) {
  return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(a), vdupq_n_s32(127)), 23));
}
static inline vf vf_select(uint32_t bits, vf a, vf b) {
  const uint32_t lanes[4] = {1, 2, 4, 8};
  return vbslq_f32(vtstq_u32(vdupq_n_u32(bits), vld1q_u32(lanes)), a, b);
}
static inline int32_t vf_reduce_i32(vf a) { return vaddvq_s32(vcvtnq_s32_f32(a)); }

static inline vf vf_load_f16(const uint16_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
static inline void vf_store_f16(uint16_t *p, vf v) { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(v))); }
static inline vf vf_load_bf16(const uint16_t *p) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16)); }
static inline vf vf_load_i8(const int8_t *p) {
  int32_t four;
  memcpy(&four, p, 4);
  const int16x8_t wide = vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four)));
  return vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
}
static inline float f16_to_f32(uint16_t bits) {
  __fp16 half;
  memcpy(&half, &bits, 2);
  return half;
}
static inline uint16_t f32_to_f16(float x) {
  const __fp16 half = (__fp16)x;
  uint16_t bits;
  memcpy(&bits, &half, 2);
  return bits;
}

static inline void vf_store_i8(int8_t q[32], const vf x[32 / VF], int32_t sums[2]) {
  for (int i = 0; i < 2; i++, x += 4) {
    const int16x8_t a = vcombine_s16(vqmovn_s32(vcvtnq_s32_f32(x[0])), vqmovn_s32(vcvtnq_s32_f32(x[1])));
    const int16x8_t b = vcombine_s16(vqmovn_s32(vcvtnq_s32_f32(x[2])), vqmovn_s32(vcvtnq_s32_f32(x[3])));
    const int8x16_t bytes = vcombine_s8(vqmovn_s16(a), vqmovn_s16(b));
    vst1q_s8(q + 16 * i, bytes);
    sums[i] = vaddlvq_s8(bytes);
  }
}

static inline uint32_t zero_bits(const uint16_t p[32]) {
  const uint16_t bit[8] = {1, 2, 4, 8, 16, 32, 64, 128};
  const uint16x8_t bits = vld1q_u16(bit);
  uint32_t all = 0;
  for (int i = 0; i < 4; i++) {
    all |= (uint32_t)vaddvq_u16(vandq_u16(vceqzq_u16(vld1q_u16(p + 8 * i)), bits)) << (8 * i);
  }
  return all;
}

static inline void vf_transpose(vf r[VF]) {
  const float32x4x2_t a = vtrnq_f32(r[0], r[1]), b = vtrnq_f32(r[2], r[3]);
  r[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
  r[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
  r[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
  r[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}

#endif
