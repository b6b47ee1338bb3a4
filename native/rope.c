/* Angles of rotary position embeddings, once per pass: the numbers of ggml_rope_ext, YaRN included. */
#include <math.h>

#include "heterospec.h"

static const double PI = 3.14159265358979323846;

/* The dimension that turns `turns` times within the original context. */
static float turning_dimension(const struct hs_rope *p, float turns) {
  return p->dims * logf((float)p->original_context / (turns * 2 * (float)PI)) / (2 * logf(p->base));
}

/* 1 where dimension `i0` keeps its frequency, 0 where it is interpolated, a ramp between. */
static float extrapolated(float low, float high, int i0) {
  const float y = ((float)(i0 / 2) - low) / fmaxf(0.001f, high - low);
  return 1 - fminf(1, fmaxf(0, y));
}

static void angles(const struct hs_rope *p, const float corrections[2], float position, const float *factors, float *out) {
  const float step = powf(p->base, -2.0f / (float)p->dims);
  float magnitude = p->attn_factor;
  if (p->ext_factor != 0) magnitude *= 1.0f + 0.1f * logf(1.0f / p->scale);
  float theta = position;
  for (int i0 = 0; i0 < p->dims; i0 += 2) {
    const float extrapolation = factors ? theta / factors[i0 / 2] : theta;
    const float interpolation = p->scale * extrapolation;
    float angle = interpolation;
    if (p->ext_factor != 0) {
      const float mix = extrapolated(corrections[0], corrections[1], i0) * p->ext_factor;
      angle = interpolation * (1 - mix) + extrapolation * mix;
    }
    out[i0] = cosf(angle) * magnitude;
    out[i0 + 1] = sinf(angle) * magnitude;
    theta *= step;
  }
}

HS_OP(hs_rope_op, hs_rope) {
  const int32_t *positions = dst->src[0]->data;
  const float *factors = dst->src[1] ? dst->src[1]->data : NULL;
  float corrections[2] = {0, 0};
  if (p->ext_factor != 0) {
    corrections[0] = fmaxf(0, floorf(turning_dimension(p, p->beta_fast)));
    corrections[1] = fminf((float)(p->dims - 1), ceilf(turning_dimension(p, p->beta_slow)));
  }
  for (int64_t row = ith; row < dst->ne[1]; row += nth) {
    angles(p, corrections, (float)positions[row], factors, (float *)dst->data + row * p->dims);
  }
}
