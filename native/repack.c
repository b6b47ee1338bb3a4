/*
 * From GGUF blocks to tiles. Same integers, same scales, another order.
 *
 * A tile holds 32 columns (outputs) over all K; a matrix is its tiles one after the other, so that a thread's share is one
 * linear stream. A tile is a sequence of blocks of 32 k x 32 columns, each a multiple of 64 bytes:
 *
 *   codes    line h*4 + j (64 bytes; h = 0, 1: columns 16h .. 16h+15; j = 0..3), byte 4c + i of it (c = column, i = 0..3):
 *              low nibble   low 4 bits of code[k = 4j + i]        high nibble   low 4 bits of code[k = 16 + 4j + i]
 *            8-bit codes: line h*8 + j (j = 0..7), byte 4c + i = code[4j + i]
 *   high     5-bit codes: line h, byte 4c + i, bit j (0..7)  = bit 4 of code[k = 4j + i]
 *            6-bit codes: line h*2 + g (g = 0, 1), byte 4c + i, bits 2j' and 2j'+1 (j' = 0..3) = bits 4, 5 of
 *            code[k = 16g + 4j' + i]
 *   scales   Q4_0, Q5_0, Q8_0: 32 fp16 d; Q4_1: 32 fp16 d, 32 fp16 m; Q4_K, Q5_K: 32 u8 scales, 32 u8 minima;
 *            Q6_K: 32 i8 scales of k 0..15, 32 i8 scales of k 16..31
 *   header   before every 8 blocks (256 k): Q4_K, Q5_K: 32 fp16 d, 32 fp16 dmin; Q6_K: 32 fp16 d
 *
 * Codes are unsigned; the zero point is 8 for Q4_0, 16 for Q5_0, 32 for Q6_K, 128 for Q8_0 (there code = q + 128).
 * F16 and BF16: line 2k + h: 16 columns' values of k as 16 x 16 bit, so a block is 32 k x 64 bytes.
 */
#include <string.h>

#include "kernels.h"

/* Bytes of a GGUF block and how many k it holds. */
static size_t source_bytes(int type) {
  switch (type) {
    case HS_Q4_0: return 18;
    case HS_Q4_1: return 20;
    case HS_Q5_0: return 22;
    case HS_Q8_0: return 34;
    case HS_Q4_K: return 144;
    case HS_Q5_K: return 176;
    case HS_Q6_K: return 210;
    case HS_F16: case HS_BF16: return 64;
    default: return 0;
  }
}

size_t hs_packed_bytes(int type, int64_t in, int64_t out) {
  const int64_t step = hs_has_header(type) ? 256 : 32;
  if (source_bytes(type) == 0 || in <= 0 || out <= 0 || in % step || out % HS_COLUMNS) return 0;
  return (size_t)(out / HS_COLUMNS) * hs_tile_bytes(type, (size_t)in / 32);
}

static void scale_min(const uint8_t *s, int j, uint8_t *scale, uint8_t *min) {
  if (j < 4) {
    *scale = s[j] & 63;
    *min = s[j + 4] & 63;
  } else {
    *scale = (uint8_t)((s[j + 4] & 15) | (s[j - 4] >> 6) << 4);
    *min = (uint8_t)((s[j + 4] >> 4) | (s[j] >> 6) << 4);
  }
}

/* Four codes lie in a 32-bit word; `four` words of low nibbles | high nibbles << 4 go to lines j = 0..3. */
static inline uint32_t load32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return v; }
static inline void store32(uint8_t *p, uint32_t v) { memcpy(p, &v, 4); }

/* Nibbles of one column: words[j] holds k = 4j..4j+3 in low nibbles and k = 16 + 4j.. in high ones. */
static inline void put_nibbles(uint8_t *codes, int column, const uint32_t words[4]) {
  uint8_t *at = codes + column / 16 * 256 + column % 16 * 4;
  for (int j = 0; j < 4; j++) store32(at + 64 * j, words[j]);
}

/* The packed words of 32 codes whose nibbles are the low (shift 0) or high (shift 4) ones of 32 bytes. */
static inline void merge_nibbles(const uint8_t *bytes, int shift, uint32_t words[4]) {
  for (int j = 0; j < 4; j++) {
    const uint32_t low = load32(bytes + 4 * j) >> shift & 0x0f0f0f0fu;
    const uint32_t high = load32(bytes + 16 + 4 * j) >> shift & 0x0f0f0f0fu;
    words[j] = low | high << 4;
  }
}

static void pack_column(int type, const uint8_t *row, uint8_t *tile, int column, int64_t blocks) {
  const size_t block_bytes = hs_block_bytes(type), header_bytes = hs_header_bytes(type), code_bytes = hs_code_bytes(type);
  const size_t source = source_bytes(type);
  uint32_t words[4];
  for (int64_t b = 0; b < blocks; b++) {
    uint8_t *codes = tile + b * block_bytes + (b / 8 + 1) * header_bytes;
    uint8_t *scales = codes + code_bytes;
    uint8_t *header = codes - (b % 8) * block_bytes - header_bytes;
    const uint8_t *from = row + (hs_has_header(type) ? b / 8 : b) * source;
    const int part = (int)(b % 8);
    switch (type) {
      case HS_Q4_0: case HS_Q4_1: case HS_Q5_0: {
        memcpy(scales + 2 * column, from, 2);
        if (type == HS_Q4_1) memcpy(scales + 64 + 2 * column, from + 2, 2);
        const uint8_t *q = from + (type == HS_Q4_0 ? 2 : type == HS_Q4_1 ? 4 : 6);
        /* GGUF pairs k with k + 16 in a byte, as tiles do. */
        for (int j = 0; j < 4; j++) words[j] = load32(q + 4 * j);
        put_nibbles(codes, column, words);
        if (type == HS_Q5_0) {
          const uint32_t high = load32(from + 2); /* bit k */
          uint8_t *at = codes + 512 + column / 16 * 64 + column % 16 * 4;
          for (int i = 0; i < 4; i++) {
            uint8_t bits = 0;
            for (int j = 0; j < 8; j++) bits |= (uint8_t)((high >> (4 * j + i) & 1) << j);
            at[i] = bits;
          }
        }
        break;
      }
      case HS_Q8_0: {
        memcpy(scales + 2 * column, from, 2);
        uint8_t *at = codes + column / 16 * 512 + column % 16 * 4;
        for (int j = 0; j < 8; j++) store32(at + 64 * j, load32(from + 2 + 4 * j) ^ 0x80808080u);
        break;
      }
      case HS_Q4_K: case HS_Q5_K: {
        memcpy(header + 2 * column, from, 2);
        memcpy(header + 64 + 2 * column, from + 2, 2);
        scale_min(from + 4, part, scales + column, scales + 32 + column);
        const uint8_t *q = from + (type == HS_Q4_K ? 16 : 48) + part / 2 * 32;
        merge_nibbles(q, part % 2 * 4, words);
        put_nibbles(codes, column, words);
        if (type == HS_Q5_K) {
          const uint8_t *high = from + 16; /* byte k % 32, bit `part` */
          uint8_t *at = codes + 512 + column / 16 * 64 + column % 16 * 4;
          for (int i = 0; i < 4; i++) {
            uint8_t bits = 0;
            for (int j = 0; j < 8; j++) bits |= (uint8_t)((high[4 * j + i] >> part & 1) << j);
            at[i] = bits;
          }
        }
        break;
      }
      case HS_Q6_K: {
        /* ql[128], qh[64], scales[16], d; each half of 128 k: code[l + 32 s] of ql[l + 32 (s & 1)], nibble s / 2, qh[l] bits 2s. */
        const int half = part / 4, s = part % 4;
        const uint8_t *ql = from + half * 64 + (s & 1) * 32, *qh = from + 128 + half * 32;
        memcpy(header + 2 * column, from + 208, 2);
        scales[column] = from[192 + 2 * part];
        scales[32 + column] = from[192 + 2 * part + 1];
        merge_nibbles(ql, s / 2 * 4, words);
        put_nibbles(codes, column, words);
        uint8_t *at = codes + 512 + column / 16 * 128 + column % 16 * 4;
        for (int g = 0; g < 2; g++) {
          for (int i = 0; i < 4; i++) {
            uint8_t bits = 0;
            for (int j = 0; j < 4; j++) bits |= (uint8_t)((qh[16 * g + 4 * j + i] >> (2 * s) & 3) << (2 * j));
            at[64 * g + i] = bits;
          }
        }
        break;
      }
      default: { /* F16, BF16 */
        uint8_t *at = codes + column / 16 * 32 + column % 16 * 2;
        for (int k = 0; k < 32; k++) memcpy(at + 64 * k, from + 2 * k, 2);
      }
    }
  }
}

void hs_pack(int type, int64_t in, const void *blocks, uint8_t *tiles, int64_t from, int64_t to) {
  const int64_t per_row = in / 32;
  const size_t row_bytes = (size_t)(hs_has_header(type) ? in / 256 : per_row) * source_bytes(type);
  const size_t tile_bytes = hs_tile_bytes(type, (size_t)per_row);
  for (int64_t row = from; row < to; row++) {
    pack_column(type, (const uint8_t *)blocks + row * row_bytes, tiles + row / HS_COLUMNS * tile_bytes,
                (int)(row % HS_COLUMNS), per_row);
  }
}

void hs_pack_share(struct hs_tensor *dst, int ith, int nth, const struct hs_packing *p) {
  const int64_t tiles = p->out / HS_COLUMNS;
  (void)dst;
  hs_pack(p->type, p->in, p->blocks, p->tiles, tiles * ith / nth * HS_COLUMNS, tiles * (ith + 1) / nth * HS_COLUMNS);
}
