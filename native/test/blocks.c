/* GGUF blocks for the tests of the kernels; decoding follows the definition of each format, not its packing to tiles. */
#include "blocks.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

const struct block_format block_formats[] = {
    {"Q4_0", HS_Q4_0, 32, 18, 0, -1},    {"Q4_1", HS_Q4_1, 32, 20, 0, 2},     {"Q5_0", HS_Q5_0, 32, 22, 0, -1},
    {"Q8_0", HS_Q8_0, 32, 34, 0, -1},    {"Q4_K", HS_Q4_K, 256, 144, 0, 2},   {"Q5_K", HS_Q5_K, 256, 176, 0, 2},
    {"Q6_K", HS_Q6_K, 256, 210, 208, -1}, {"F16", HS_F16, 1, 2, 0, -1},        {"BF16", HS_BF16, 1, 2, 0, -1},
};
const int block_format_count = sizeof block_formats / sizeof *block_formats;
const char *const filling_names[FILLINGS] = {"random",           "all zero",      "one huge outlier", "negative scales",
                                             "subnormal scales", "maximum codes", "minimum codes"};

/* ---- making ---- */

/* A scale of block `number`. */
static double scale_for(enum filling filling, size_t number, size_t outlier) {
  const double x = random_normal() * 0.02;
  if (filling == ZERO) return 0;
  if (filling == OUTLIER && number == outlier) return x < 0 ? -65504 : 65504;
  if (filling == NEGATIVE) return x < 0 ? x : -x;
  if (filling == SUBNORMAL) return ((double)(random_bits() % 2047) - 1023) * 0x1p-24;
  return x;
}

static void put_half(const struct block_format *format, uint8_t *at, double x) {
  const uint16_t bits = format->type == HS_BF16 ? bfloat_of((float)x) : half_of(x);
  memcpy(at, &bits, 2);
}

void fill_blocks(const struct block_format *format, enum filling filling, uint8_t *blocks, size_t count) {
  const size_t outlier = random_bits() % count;
  for (size_t b = 0; b < count; b++) {
    uint8_t *block = blocks + b * (size_t)format->bytes;
    for (int i = 0; i < format->bytes; i++) {
      const int signed_code = format->type == HS_Q8_0 || (format->type == HS_Q6_K && i >= 192);
      const uint8_t largest = signed_code ? 0x7f : 0xff, smallest = signed_code ? 0x80 : 0x00;
      const uint8_t any = (uint8_t)(random_bits() >> 20);
      block[i] = filling == ZERO ? 0 : filling == MAXIMUM ? largest : filling == MINIMUM ? smallest : any;
    }
    put_half(format, block + format->scale, scale_for(filling, b, outlier));
    if (format->minimum >= 0) put_half(format, block + format->minimum, scale_for(filling, b, outlier));
  }
}

/* ---- decoding ---- */

static double half_at(const uint8_t *p) {
  uint16_t bits;
  memcpy(&bits, p, 2);
  return half_value(bits);
}

static void set(double *part, double *offset, int k, double scale, int code, double minimum) {
  part[k] = scale * code;
  offset[k] = minimum;
}

/* Q4_0, Q4_1, Q5_0: byte j holds numbers j and j + 16. */
static void decode_nibbles(int type, const uint8_t *block, double *part, double *offset) {
  const double d = half_at(block), m = type == HS_Q4_1 ? half_at(block + 2) : 0;
  const uint8_t *codes = block + (type == HS_Q4_0 ? 2 : type == HS_Q4_1 ? 4 : 6);
  const int zero = type == HS_Q4_0 ? 8 : type == HS_Q4_1 ? 0 : 16;
  for (int k = 0; k < 32; k++) {
    int code = k < 16 ? codes[k] % 16 : codes[k - 16] / 16;
    if (type == HS_Q5_0) code += 16 * (block[2 + k / 8] >> k % 8 & 1);
    set(part, offset, k, d, code - zero, m);
  }
}

/* Q4_K, Q5_K: eight groups of 32, each with a 6-bit scale and minimum; two groups share 32 bytes. */
static void decode_k45(int type, const uint8_t *block, double *part, double *offset) {
  const double d = half_at(block), dmin = half_at(block + 2);
  const uint8_t *s = block + 4, *high = block + 16, *codes = block + (type == HS_Q4_K ? 16 : 48);
  for (int g = 0; g < 8; g++) {
    const int scale = g < 4 ? s[g] & 63 : (s[g + 4] & 15) + 16 * (s[g - 4] >> 6);
    const int minimum = g < 4 ? s[g + 4] & 63 : (s[g + 4] >> 4) + 16 * (s[g] >> 6);
    for (int l = 0; l < 32; l++) {
      int code = g % 2 == 0 ? codes[32 * (g / 2) + l] & 15 : codes[32 * (g / 2) + l] >> 4;
      if (type == HS_Q5_K) code += 16 * (high[l] >> g & 1);
      set(part, offset, 32 * g + l, d * scale, code, -dmin * minimum);
    }
  }
}

/* Q6_K: two halves of 128 numbers, each in 64 bytes of low bits and 32 bytes of high bits; a scale per 16 numbers. */
static void decode_k6(const uint8_t *block, double *part, double *offset) {
  const double d = half_at(block + 208);
  for (int half = 0; half < 2; half++) {
    const uint8_t *low = block + 64 * half, *high = block + 128 + 32 * half;
    const int8_t *scales = (const int8_t *)block + 192 + 8 * half;
    for (int l = 0; l < 32; l++) {
      const int codes[4] = {(low[l] & 15) + 16 * (high[l] & 3), (low[l + 32] & 15) + 16 * (high[l] >> 2 & 3),
                            (low[l] >> 4) + 16 * (high[l] >> 4 & 3), (low[l + 32] >> 4) + 16 * (high[l] >> 6)};
      for (int i = 0; i < 4; i++) set(part, offset, 128 * half + 32 * i + l, d * scales[l / 16 + 2 * i], codes[i] - 32, 0);
    }
  }
}

void decode_block(const struct block_format *format, const uint8_t *block, double *part, double *offset) {
  uint16_t bits;
  memcpy(&bits, block, 2);
  switch (format->type) {
    case HS_Q4_0: case HS_Q4_1: case HS_Q5_0: decode_nibbles(format->type, block, part, offset); break;
    case HS_Q8_0:
      for (int k = 0; k < 32; k++) set(part, offset, k, half_value(bits), (int8_t)block[2 + k], 0);
      break;
    case HS_Q4_K: case HS_Q5_K: decode_k45(format->type, block, part, offset); break;
    case HS_Q6_K: decode_k6(block, part, offset); break;
    case HS_F16: set(part, offset, 0, half_value(bits), 1, 0); break;
    default: set(part, offset, 0, bfloat_value(bits), 1, 0);
  }
}
