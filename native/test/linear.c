/* Matrix products: every format and filling against float64; rows, places and threads bit for bit. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "check.h"
#include "../kernels.h"

static int is_float(int type) { return type == HS_F16 || type == HS_BF16; }

/* One product: matrices side by side, perhaps with bias and residual. */
struct product {
  int count, in, out, rows;
  const struct block_format *formats[HS_MAX_MATRICES];
  int outs[HS_MAX_MATRICES];
  struct hs_linear params;
  double *parts, *offsets; /* [out][in] */
  float *bias;             /* [out], or NULL */
  float *residual;         /* [rows][out], or NULL */
  struct hs_act *acts;     /* [in / 32][rows] */
  float *floats;           /* [rows][in]: the same numbers, or others for floating point weights */
  double *expected, *tolerance;
};

/* ---- making ---- */

/* Weights of one matrix, from output `column` on. */
static void add_matrix(struct product *p, int index, int column, enum filling filling) {
  const struct block_format *format = p->formats[index];
  const int out = p->outs[index];
  const size_t per_row = (size_t)(p->in / format->count), row_bytes = per_row * (size_t)format->bytes;
  uint8_t *blocks = guarded((size_t)out * row_bytes, 2);
  fill_blocks(format, filling, blocks, per_row * (size_t)out);
  for (size_t i = 0; i < per_row * (size_t)out; i++) {
    const size_t at = (size_t)column * (size_t)p->in + i * (size_t)format->count;
    decode_block(format, blocks + i * (size_t)format->bytes, p->parts + at, p->offsets + at);
  }
  const size_t bytes = hs_packed_bytes(format->type, p->in, out);
  if (bytes == 0 || bytes % 64) failed("%zu bytes of tiles", bytes);
  uint8_t *tiles = guarded(bytes, 64), *again = guarded(bytes, 64);
  hs_pack(format->type, p->in, blocks, tiles, 0, 32);
  hs_pack(format->type, p->in, blocks, tiles, 32, out);
  const struct hs_packing packing = {.type = format->type, .in = p->in, .out = out, .blocks = blocks, .tiles = again};
  run(AS_OPERATION(hs_pack_op), NULL, index % 2 ? 3 : POOL, &packing);
  if (memcmp(tiles, again, bytes)) failed("hs_pack_op and hs_pack differ");
  p->params.matrices[index] = (struct hs_matrix){
      .tiles = tiles, .bias = p->bias ? p->bias + column : NULL, .type = format->type, .in = p->in, .out = out};
}

/* Rows of every kind; the extreme ones are where integer sums would overflow first. */
static void make_rows(struct product *p) {
  const int blocks = p->in / 32;
  p->acts = guarded((size_t)blocks * (size_t)p->rows * sizeof(struct hs_act), 64);
  p->floats = guarded((size_t)p->in * (size_t)p->rows * sizeof(float), 4);
  for (int row = 0; row < p->rows; row++) {
    for (int b = 0; b < blocks; b++) {
      int8_t q[32];
      for (int k = 0; k < 32; k++) {
        const int any = (int)(random_bits() % 255) - 127;
        const int kinds[] = {any, 127, -127, k % 2 ? 127 : -127, 0, k == 7 ? 127 : 0, any, any};
        q[k] = (int8_t)kinds[row % 8];
      }
      const float d = row % 8 == 6 ? 1e-30f : row % 8 == 7 && b == 0 ? 1e4f : (float)fabs(random_normal()) * 0.01f;
      p->acts[b * p->rows + row] = make_act(q, d);
      for (int k = 0; k < 32; k++) p->floats[row * p->in + 32 * b + k] = (float)q[k] * d;
    }
  }
}

static void expect(struct product *p) {
  p->expected = guarded((size_t)p->rows * (size_t)p->out * sizeof(double), 8);
  p->tolerance = guarded((size_t)p->rows * (size_t)p->out * sizeof(double), 8);
  const int floats = is_float(p->formats[0]->type);
  /* Roundings: each block adds at most four rounded numbers; the sums of sizes bound all that is ever rounded. */
  const double roundings = (floats ? p->in : p->in / 32 * 4) + 8;
  double *x = malloc((size_t)p->in * sizeof *x);
  for (int row = 0; row < p->rows; row++) {
    for (int k = 0; k < p->in; k++) {
      const struct hs_act *act = &p->acts[k / 32 * p->rows + row];
      x[k] = floats ? p->floats[row * p->in + k] : act->q[k % 32] * (double)act->d;
    }
    for (int n = 0; n < p->out; n++) {
      const double *part = p->parts + (size_t)n * (size_t)p->in, *offset = p->offsets + (size_t)n * (size_t)p->in;
      double sum = 0, sizes = 0;
      for (int k = 0; k < p->in; k++) {
        sum += (part[k] + offset[k]) * x[k];
        sizes += (fabs(part[k]) + fabs(offset[k])) * fabs(x[k]);
      }
      const double bias = p->bias ? p->bias[n] : 0, residual = p->residual ? p->residual[row * p->out + n] : 0;
      p->expected[row * p->out + n] = sum + bias + residual;
      p->tolerance[row * p->out + n] = (sizes + fabs(bias) + fabs(residual)) * roundings * 0x1p-24 + 1e-36;
    }
  }
  free(x);
}

/* ---- running ---- */

/* Row i of the result is row (i + shift) of the product, modulo its rows. */
static float *compute(const struct product *p, int rows, int shift, int threads) {
  float *out = guarded((size_t)rows * (size_t)p->out * sizeof(float), 4);
  memset(out, 0xff, (size_t)rows * (size_t)p->out * sizeof(float));
  float *residual = p->residual ? guarded((size_t)rows * (size_t)p->out * sizeof(float), 4) : NULL;
  const int floats = is_float(p->formats[0]->type), blocks = p->in / 32;
  void *input = guarded((size_t)rows * (size_t)p->in * (floats ? sizeof(float) : 2), floats ? 4 : 64);
  for (int i = 0; i < rows; i++) {
    const int row = (i + shift) % p->rows;
    if (residual) memcpy(residual + i * p->out, p->residual + row * p->out, (size_t)p->out * sizeof(float));
    if (floats) memcpy((float *)input + i * p->in, p->floats + row * p->in, (size_t)p->in * sizeof(float));
    else for (int b = 0; b < blocks; b++) ((struct hs_act *)input)[b * rows + i] = p->acts[b * p->rows + row];
  }
  struct hs_tensor source = floats ? tensor(HS_F32, p->in, rows, 1, input) : tensor(HS_I8, 64, rows, blocks, input);
  struct hs_tensor add = tensor(HS_F32, p->out, rows, 1, residual), dst = tensor(HS_F32, p->out, rows, 1, out);
  dst.src[0] = &source;
  dst.src[1] = residual ? &add : NULL;
  run(AS_OPERATION(hs_linear_op), &dst, threads, &p->params);
  return out;
}

static void compare(const struct product *p, const float *out) {
  for (int i = 0; i < p->rows * p->out; i++) {
    if (fabs(out[i] - p->expected[i]) <= p->tolerance[i]) continue;
    const int row = i / p->out, column = i % p->out;
    failed("row %d, output %d: %.9g, expected %.9g within %.2g", row, column, out[i], p->expected[i], p->tolerance[i]);
  }
}

static void compare_rows(const struct product *p, const float *all) {
  for (const int *rows = row_counts(); *rows; rows++) {
    const int shift = *rows * 7 % p->rows, threads = 1 + *rows % 4;
    hs_tune(*rows * 512, 1 + *rows % 9, *rows % 3 * 12); /* changes the way, not the result */
    const float *out = compute(p, *rows, shift, threads);
    hs_tune(4608, 9, 16);
    for (int i = 0; i < *rows; i++) {
      const int row = (i + shift) % p->rows;
      if (memcmp(out + i * p->out, all + row * p->out, (size_t)p->out * sizeof(float))) {
        failed("row %d has other bits as row %d of %d with %d threads", row, i, *rows, threads);
      }
    }
  }
}

/* Bias first, then the residual. */
static void compare_extras(const struct product *p, const float *all) {
  struct product plain = *p;
  plain.residual = NULL;
  for (int i = 0; i < p->count; i++) plain.params.matrices[i].bias = NULL;
  const float *sums = compute(&plain, p->rows, 0, 1);
  for (int i = 0; i < p->rows * p->out; i++) {
    const float expected = (sums[i] + p->bias[i % p->out]) + p->residual[i];
    if (memcmp(&expected, all + i, sizeof expected)) failed("not (product + bias) + residual: %d", i);
  }
}

/* The weights themselves, looked up by column. */
static void compare_embeddings(const struct product *p) {
  enum { ROWS = 37 };
  int32_t *tokens = guarded(ROWS * sizeof *tokens, 4);
  float *out = guarded(ROWS * (size_t)p->in * sizeof *out, 4);
  memset(out, 0, ROWS * (size_t)p->in * sizeof *out);
  for (int i = 0; i < ROWS; i++) tokens[i] = i == 3 ? -1 : i == 4 ? p->outs[0] : i * 29 % p->outs[0];
  struct hs_tensor source = tensor(HS_I32, ROWS, 1, 1, tokens), dst = tensor(HS_F32, p->in, ROWS, 1, out);
  dst.src[0] = &source;
  run(AS_OPERATION(hs_embed_op), &dst, 2, &p->params);
  for (int i = 0; i < ROWS * p->in; i++) {
    const int row = i / p->in, known = tokens[row] >= 0 && tokens[row] < p->outs[0];
    const int at = known ? tokens[row] * p->in + i % p->in : 0;
    const double expected = known ? p->parts[at] + p->offsets[at] : 0;
    const double tolerance = known ? (fabs(p->parts[at]) + fabs(p->offsets[at])) * 0x1p-23 : 0;
    if (!(fabs(out[i] - expected) <= tolerance)) failed("embedding of %d: %g, expected %g", tokens[row], out[i], expected);
  }
}

/* ---- cases ---- */

static void one_product(int in, const struct block_format *const formats[], int count, enum filling filling, int extras,
                        int rows, int invariance) {
  struct product p = {.count = count, .in = in, .rows = rows};
  p.params.count = count;
  for (int i = 0; i < count; i++) {
    p.formats[i] = formats[i];
    p.outs[i] = i == 1 ? 96 : 64;
    p.out += p.outs[i];
  }
  p.parts = guarded((size_t)p.out * (size_t)in * sizeof(double), 8);
  p.offsets = guarded((size_t)p.out * (size_t)in * sizeof(double), 8);
  if (extras) {
    p.bias = guarded((size_t)p.out * sizeof(float), 4);
    p.residual = guarded((size_t)p.out * (size_t)rows * sizeof(float), 4);
    for (int i = 0; i < p.out; i++) p.bias[i] = (float)random_normal();
    for (int i = 0; i < p.out * rows; i++) p.residual[i] = (float)random_normal();
  }
  for (int i = 0, column = 0; i < count; column += p.outs[i++]) add_matrix(&p, i, column, filling);
  make_rows(&p);
  expect(&p);
  const float *all = compute(&p, rows, 0, 1);
  compare(&p, all);
  compare_embeddings(&p);
  if (extras) compare_extras(&p, all);
  if (invariance) compare_rows(&p, all);
  free_guarded();
}

static void check_shapes(void) {
  checking("hs_packed_bytes");
  for (int i = 0; i < block_format_count; i++) {
    const struct block_format *f = &block_formats[i];
    const int64_t wrong = f->count == 256 ? 288 : 48;
    if (hs_packed_bytes(f->type, wrong, 32) || hs_packed_bytes(f->type, 256, 33) || hs_packed_bytes(f->type, 0, 32) ||
        hs_packed_bytes(f->type, 256, 0)) {
      failed("%s: a shape that has no tiles got some", f->name);
    }
  }
  if (hs_packed_bytes(HS_F32, 256, 32) || hs_packed_bytes(7, 256, 32)) failed("a format that has no tiles got some");
}

void check_linear(void) {
  check_shapes();
  for (int i = 0; i < block_format_count; i++) {
    const struct block_format *const format = &block_formats[i];
    const int in = format->count == 256 ? (quick ? 256 : 768) : (quick ? 96 : 352);
    for (int filling = 0; filling < FILLINGS; filling++) {
      checking("linear %s, %s", format->name, filling_names[filling]);
      const int all = filling == RANDOM || filling == MAXIMUM;
      one_product(in, &format, 1, (enum filling)filling, filling == RANDOM, all ? MOST_ROWS : 17, all);
    }
    checking("linear %s, shortest", format->name);
    one_product(format->count == 256 ? 256 : 32, &format, 1, RANDOM, 0, 9, 0);
  }
  const struct block_format *const mixed[] = {&block_formats[4], &block_formats[6], &block_formats[3], &block_formats[1]};
  checking("linear Q4_K, Q6_K, Q8_0, Q4_1 side by side");
  one_product(256, mixed, 4, RANDOM, 1, MOST_ROWS, 1);
}
