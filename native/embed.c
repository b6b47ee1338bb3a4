/* Looks up columns of a packed matrix: the embedding of a model whose output head is the same matrix. */
#include <string.h>

#include "kernels.h"
#include "simd_portable.h"

static inline uint16_t bits_at(const uint8_t *p) {
  uint16_t bits;
  memcpy(&bits, p, 2);
  return bits;
}
static inline float half_at(const uint8_t *p) { return f16_to_f32(bits_at(p)); }

/* Code of k (0..31) in one column of a block. */
static inline int code_at(int type, const uint8_t *codes, int column, int k) {
  const int h = column / 16, c = column % 16, j = k / 4, i = k % 4;
  if (type == HS_Q8_0) return codes[512 * h + 64 * j + 4 * c + i];
  const int nibbles = codes[256 * h + 64 * (j & 3) + 4 * c + i];
  const int low = j < 4 ? nibbles & 15 : nibbles >> 4;
  if (type == HS_Q5_0 || type == HS_Q5_K) return low | (codes[512 + 64 * h + 4 * c + i] >> j & 1) << 4;
  if (type == HS_Q6_K) return low | (codes[512 + 128 * h + 64 * (j / 4) + 4 * c + i] >> 2 * (j % 4) & 3) << 4;
  return low;
}

static void block_of_codes(int type, const uint8_t *block, const uint8_t *header, int column, float *to) {
  const uint8_t *s = block + hs_code_bytes(type);
  float scale, min = 0;
  int zero = 0;
  if (type == HS_Q4_K || type == HS_Q5_K) {
    scale = half_at(header + 2 * column) * s[column];
    min = -half_at(header + 64 + 2 * column) * s[32 + column];
  } else if (type == HS_Q6_K) {
    scale = half_at(header + 2 * column);
    zero = 32;
  } else {
    scale = half_at(s + 2 * column);
    if (type == HS_Q4_1) min = half_at(s + 64 + 2 * column);
    zero = type == HS_Q4_0 ? 8 : type == HS_Q5_0 ? 16 : type == HS_Q8_0 ? 128 : 0;
  }
  for (int k = 0; k < 32; k++) {
    const float factor = type == HS_Q6_K ? scale * (float)(int8_t)s[32 * (k / 16) + column] : scale;
    to[k] = factor * (float)(code_at(type, block, column, k) - zero) + min;
  }
}

static void block_of_floats(int type, const uint8_t *block, int column, float *to) {
  for (int k = 0; k < 32; k++) {
    const uint8_t *p = block + 64 * k + 2 * column;
    if (type == HS_F16) to[k] = half_at(p);
    else {
      const uint32_t word = (uint32_t)bits_at(p) << 16;
      memcpy(to + k, &word, 4);
    }
  }
}

HS_OP(hs_embed_op, hs_linear) {
  const struct hs_matrix *matrix = &p->matrices[0];
  const int32_t *tokens = dst->src[0]->data;
  const long blocks = matrix->in / 32;
  const size_t block_bytes = hs_block_bytes(matrix->type), header_bytes = hs_header_bytes(matrix->type);
  for (int64_t row = ith; row < dst->ne[1]; row += nth) {
    if (tokens[row] < 0 || tokens[row] >= matrix->out) continue; /* callers check; never read beyond the tiles */
    const int column = tokens[row] % HS_COLUMNS;
    const uint8_t *tile = matrix->tiles + tokens[row] / HS_COLUMNS * hs_tile_bytes(matrix->type, (size_t)blocks);
    float *to = (float *)dst->data + row * dst->ne[0];
    for (long b = 0; b < blocks; b++, to += 32) {
      const uint8_t *block = tile + b * block_bytes + (b / 8 + 1) * header_bytes;
      const uint8_t *header = block - (b % 8) * block_bytes - header_bytes;
      if (hs_is_float(matrix->type)) block_of_floats(matrix->type, tile + b * block_bytes, column, to);
      else block_of_codes(matrix->type, block, header, column, to);
    }
  }
}
