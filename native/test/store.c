/* Rotating queries and keys, writing keys and values to the cache. */
#include <math.h>
#include <string.h>

#include "check.h"

struct writing {
  struct hs_attention p;
  int type, rows, slots;
  float *source, *table;
  int64_t *at;
};

struct written {
  float *queries;
  uint8_t *keys, *values;
};

/* Rows `from` on of the writing, into new caches full of a pattern. */
static struct written write_rows(const struct writing *w, int from, int rows, int threads) {
  const struct hs_attention *p = &w->p;
  const int width = p->kv_heads * p->head_dim, all = (p->heads + 2 * p->kv_heads) * p->head_dim;
  const size_t bytes = slot_bytes(w->type, width) * (size_t)w->slots;
  const struct written r = {guarded((size_t)(rows * p->heads * p->head_dim) * sizeof(float), 4),
                            guarded(bytes, w->type == HS_F32 ? 4 : 2), guarded(bytes, w->type == HS_F32 ? 4 : 2)};
  memset(r.keys, 0xa5, bytes);
  memset(r.values, 0xa5, bytes);
  float *input = guarded((size_t)(rows * all) * sizeof(float), 4);
  memcpy(input, w->source + from * all, (size_t)(rows * all) * sizeof(float));
  float *table = guarded((size_t)(rows * p->rope_dims) * sizeof(float), 4);
  memcpy(table, w->table + from * p->rope_dims, (size_t)(rows * p->rope_dims) * sizeof(float));
  int64_t *at = guarded((size_t)rows * sizeof *at, 8);
  memcpy(at, w->at + from, (size_t)rows * sizeof *at);
  struct hs_tensor source = tensor(HS_F32, all, rows, 1, input), angles = tensor(HS_F32, p->rope_dims, rows, 1, table);
  struct hs_tensor slots = tensor(HS_I64, rows, 1, 1, at), keys = tensor(w->type, width, w->slots, 1, r.keys);
  struct hs_tensor values = tensor(w->type, width, w->slots, 1, r.values);
  struct hs_tensor dst = tensor(HS_F32, p->heads * p->head_dim, rows, 1, r.queries);
  struct hs_tensor *const sources[] = {&source, &angles, &slots, &keys, &values};
  memcpy(dst.src, sources, sizeof sources);
  run(AS_OPERATION(hs_store_op), &dst, threads, p);
  return r;
}

/* Number k of a rotated head. */
static double rotated(const struct hs_attention *p, const float *x, const float *table, int k) {
  if (k >= p->rope_dims) return x[k];
  const int half = p->rope_dims / 2, pair = p->neox ? k % half : k / 2, second = p->neox ? k >= half : k % 2;
  const double a = x[p->neox ? pair : 2 * pair], b = x[p->neox ? pair + half : 2 * pair + 1];
  const double c = table[2 * pair], s = table[2 * pair + 1];
  return second ? a * s + b * c : a * c - b * s;
}

/* A number of the cache may differ by half a step of its type (Q8_0: of its block's largest), and by float rounding. */
static double step_of(int type, const double *block, int k) {
  double max = 0;
  for (int i = 0; i < 32; i++) max = fmax(max, fabs(block[k / 32 * 32 + i]));
  if (type == HS_F32) return 1e-6 * max;
  if (type == HS_F16) return fabs(block[k]) * 0x1p-11 + 0x1p-25 + 1e-6 * max;
  return max / 127 * 0.5 + max * 1e-3 + 0x1p-24;
}

static void compare_row(const struct writing *w, const struct written *r, int row) {
  const struct hs_attention *p = &w->p;
  const int dim = p->head_dim, width = p->kv_heads * dim;
  const float *source = w->source + row * (p->heads + 2 * p->kv_heads) * dim, *table = w->table + row * p->rope_dims;
  double expected[256];
  for (int head = 0; head < p->heads + 2 * p->kv_heads; head++) {
    const int value = head >= p->heads + p->kv_heads;
    for (int k = 0; k < dim; k++) expected[k] = value ? source[head * dim + k] : rotated(p, source + head * dim, table, k);
    for (int k = 0; k < dim; k++) {
      double got;
      if (head < p->heads) {
        got = r->queries[(row * p->heads + head) * dim + k];
      } else {
        const uint8_t *slot = (value ? r->values : r->keys) + (size_t)w->at[row] * slot_bytes(w->type, width);
        got = cache_number(w->type, slot, (head - p->heads) % p->kv_heads * dim + k);
      }
      const double step = step_of(head < p->heads ? HS_F32 : w->type, expected, k);
      if (fabs(got - expected[k]) <= step) continue;
      failed("row %d, head %d, %d: %g, expected %g", row, head, k, got, expected[k]);
    }
  }
}

static void one_store(int type, int heads, int kv_heads, int dim, int rope_dims, int neox) {
  checking("store type %d, %d / %d heads of %d, %d rotated, neox %d", type, heads, kv_heads, dim, rope_dims, neox);
  struct writing w = {.p = {heads, kv_heads, dim, rope_dims, neox, 1}, .type = type, .rows = 33, .slots = 70};
  const int all = (heads + 2 * kv_heads) * dim;
  const size_t bytes = slot_bytes(type, kv_heads * dim);
  w.source = guarded((size_t)(w.rows * all) * sizeof(float), 4);
  w.table = guarded((size_t)(w.rows * rope_dims) * sizeof(float), 4);
  w.at = guarded((size_t)w.rows * sizeof *w.at, 8);
  for (int i = 0; i < w.rows * all; i++) w.source[i] = i / all == 5 ? 0 : (float)random_normal();
  for (int i = 0; i < w.rows * rope_dims; i++) w.table[i] = (float)(i % 2 ? sin(i * 0.7) : cos((i + 1) * 0.7));
  for (int i = 0; i < w.rows; i++) w.at[i] = (i * 29 + 69) % w.slots;
  const struct written full = write_rows(&w, 0, w.rows, 1);
  for (int row = 0; row < w.rows; row++) compare_row(&w, &full, row);
  for (int slot = 0; slot < w.slots; slot++) {
    int used = 0;
    for (int row = 0; row < w.rows; row++) used |= w.at[row] == slot;
    for (size_t i = (size_t)slot * bytes; i < (size_t)(slot + 1) * bytes && !used; i++) {
      if (full.keys[i] != 0xa5 || full.values[i] != 0xa5) failed("slot %d is not its own", slot);
    }
  }
  for (int from = 0; from < w.rows; from += 4) {
    const int rows = w.rows - from < 5 ? w.rows - from : 5;
    const struct written some = write_rows(&w, from, rows, 1 + from / 4 % 4);
    const int queries = heads * dim;
    int same = memcmp(some.queries, full.queries + from * queries, (size_t)(rows * queries) * sizeof(float)) == 0;
    for (int row = from; row < from + rows; row++) {
      const size_t at = (size_t)w.at[row] * bytes;
      same &= !memcmp(some.keys + at, full.keys + at, bytes) && !memcmp(some.values + at, full.values + at, bytes);
    }
    if (!same) failed("other bits in rows %d to %d", from, from + rows);
  }
  free_guarded();
}

/* What overflowed must not enter the cache: hidden slots weigh 0, and 0 times infinity would be NaN. */
static void only_finite_numbers(int type) {
  checking("store type %d of what is not finite", type);
  struct writing w = {.p = {2, 2, 32, 32, 0, 1}, .type = type, .rows = 4, .slots = 4};
  const int all = 6 * 32;
  w.source = guarded((size_t)(w.rows * all) * sizeof(float), 4);
  w.table = guarded((size_t)(w.rows * 32) * sizeof(float), 4);
  w.at = guarded((size_t)w.rows * sizeof *w.at, 8);
  for (int i = 0; i < w.rows * all; i++) {
    w.source[i] = i % 7 == 0 ? INFINITY : i % 7 == 1 ? -INFINITY : i % 7 == 2 ? NAN : i % 7 == 3 ? 1e30f : 1;
  }
  for (int i = 0; i < w.rows * 32; i++) w.table[i] = (float)(i % 2 == 0);
  for (int i = 0; i < w.rows; i++) w.at[i] = i;
  const struct written r = write_rows(&w, 0, w.rows, 1);
  for (int slot = 0; slot < w.slots; slot++) {
    for (int k = 0; k < 64; k++) {
      const double key = cache_number(type, r.keys + (size_t)slot * slot_bytes(type, 64), k);
      const double value = cache_number(type, r.values + (size_t)slot * slot_bytes(type, 64), k);
      if (!isfinite(key) || !isfinite(value)) failed("slot %d, %d: %g and %g", slot, k, key, value);
    }
  }
  free_guarded();
}

void check_store(void) {
  static const int types[] = {HS_F16, HS_F32, HS_Q8_0};
  for (int i = 0; i < 3; i++) {
    only_finite_numbers(types[i]);
    one_store(types[i], 6, 2, 64, 64, 0);
    one_store(types[i], 3, 3, 96, 64, 1);
    one_store(types[i], 4, 1, 128, 128, 1);
  }
}
