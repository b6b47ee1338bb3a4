/* Attention: trees and several sequences, against float64 and bit for bit. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { HIDDEN = 0xfc00 }; /* minus infinity */

struct reading {
  struct hs_attention p;
  int type, rows, slots, acts;
  float *queries;        /* [rows][heads * dim] */
  uint8_t *keys, *values;
  uint16_t *mask;        /* [rows][slots] */
};

static int visible(const struct reading *r, int row, int slot) { return r->mask[row * r->slots + slot] == 0; }

/* The slot that a row's window begins with in `compare_windows`: the first that it sees. */
static int first_visible(const struct reading *r, int row) {
  int slot = 0;
  while (!visible(r, row, slot)) slot++;
  return slot;
}

/* Rows of `r` by their numbers; a result row is heads * dim floats or heads * dim / 32 activations. */
static void *attend_rows(const struct reading *r, const int *numbers, int rows, int threads) {
  const struct hs_attention *p = &r->p;
  const int width = p->heads * p->head_dim;
  const size_t row_bytes = (size_t)width * sizeof(float), mask_bytes = (size_t)r->slots * sizeof(uint16_t);
  float *input = guarded((size_t)rows * row_bytes, 4);
  uint16_t *rows_mask = guarded((size_t)rows * mask_bytes, 2);
  for (int i = 0; i < rows; i++) {
    memcpy(input + i * width, r->queries + numbers[i] * width, row_bytes);
    memcpy(rows_mask + i * r->slots, r->mask + numbers[i] * r->slots, mask_bytes);
  }
  void *out = guarded(r->acts ? (size_t)rows * row_bytes / 2 : (size_t)rows * row_bytes, r->acts ? 64 : 4);
  struct hs_tensor source = tensor(HS_F32, width, rows, 1, input);
  struct hs_tensor mask = tensor(HS_F16, r->slots, rows, 1, rows_mask);
  struct hs_tensor keys = tensor(r->type, p->kv_heads * p->head_dim, r->slots, 1, r->keys);
  struct hs_tensor values = tensor(r->type, p->kv_heads * p->head_dim, r->slots, 1, r->values);
  struct hs_tensor dst = r->acts ? tensor(HS_I8, 64, rows, width / 32, out) : tensor(HS_F32, width, rows, 1, out);
  struct hs_tensor *const sources[] = {&source, &keys, &values, &mask};
  memcpy(dst.src, sources, sizeof sources);
  run(AS_OPERATION(hs_attend_op), &dst, threads, p);
  return out;
}

static int same_result(const struct reading *r, const void *a, int row_a, int rows_a, const void *b, int row_b,
                       int rows_b) {
  const int width = r->p.heads * r->p.head_dim;
  const float *f = a, *g = b;
  if (!r->acts) return !memcmp(f + row_a * width, g + row_b * width, (size_t)width * sizeof(float));
  const struct hs_act *x = a, *y = b;
  int same = 1;
  for (int i = 0; i < width / 32; i++) same &= !memcmp(x + i * rows_a + row_a, y + i * rows_b + row_b, sizeof *x);
  return same;
}

/* One head of one row in float64. */
static void expect_head(const struct reading *r, int row, int head, double *out, double *tolerance) {
  const struct hs_attention *p = &r->p;
  const int dim = p->head_dim, kv_head = head / (p->heads / p->kv_heads);
  const size_t bytes = slot_bytes(r->type, p->kv_heads * dim);
  const float *q = r->queries + (row * p->heads + head) * dim;
  double *score = malloc((size_t)r->slots * sizeof *score), max = -INFINITY, sum = 0, largest = 0, error = 0;
  int seen = 0;
  for (int s = 0; s < r->slots; s++) {
    if (!visible(r, row, s)) continue;
    double size = 0, most_q = 0, most_k = 0, all_q = 0, all_k = 0;
    score[s] = 0;
    for (int k = 0; k < dim; k++) {
      const double key = cache_number(r->type, r->keys + (size_t)s * bytes, kv_head * dim + k);
      const double product = q[k] * key * p->scale;
      score[s] += product;
      size += fabs(product);
      most_q = fmax(most_q, fabs(q[k])), most_k = fmax(most_k, fabs(key)), all_q += fabs(q[k]), all_k += fabs(key);
    }
    max = fmax(max, score[s]);
    /* scores_avx512.inc rounds to 1 / 5792 of the largest number of a query, and of a key (Q8_0: of a bound up to 1.3
     * times that). */
    const double step = strcmp(hs_kernels(), "avx512-vnni") == 0 ? 1 / 5792.0 : 0;
    const double rounding = (all_k * most_q + all_q * most_k * 1.3) * step / 2 * p->scale;
    error = fmax(error, size * (dim + 4) * 0x1p-24 + rounding);
    seen++;
  }
  memset(out, 0, (size_t)dim * sizeof *out);
  for (int s = 0; s < r->slots; s++) {
    if (!visible(r, row, s)) continue;
    const double weight = exp(score[s] - max);
    sum += weight;
    for (int k = 0; k < dim; k++) {
      const double v = cache_number(r->type, r->values + (size_t)s * bytes, kv_head * dim + k);
      out[k] += weight * v;
      largest = fmax(largest, fabs(v));
    }
  }
  for (int k = 0; k < dim; k++) out[k] /= sum;
  *tolerance = largest * (2 * error + 4e-6 + seen * 0x1p-22);
  free(score);
}

static void compare_all(const struct reading *r, const void *result) {
  const int dim = r->p.head_dim;
  double expected[256], tolerance;
  for (int row = 0; row < r->rows; row++) {
    for (int head = 0; head < r->p.heads; head++) {
      expect_head(r, row, head, expected, &tolerance);
      for (int b = 0; b < dim / 32 && r->acts; b++) {
        const struct hs_act *act = (const struct hs_act *)result + (head * dim / 32 + b) * r->rows + row;
        check_act(act, expected + 32 * b, tolerance);
      }
      for (int k = 0; k < dim && !r->acts; k++) {
        const double got = ((const float *)result)[(row * r->p.heads + head) * dim + k];
        if (fabs(got - expected[k]) <= tolerance) continue;
        failed("row %d, head %d, %d: %g, expected %g", row, head, k, got, expected[k]);
      }
    }
  }
}

/* The row alone, over a cache that holds nothing but its visible slots, in ascending order, and gaps of NaN between. */
static void compare_alone(const struct reading *r, const void *all, int row, int gap) {
  struct reading alone = *r;
  const size_t bytes = slot_bytes(r->type, r->p.kv_heads * r->p.head_dim), alignment = r->type == HS_F32 ? 4 : 2;
  int seen = 0;
  for (int s = 0; s < r->slots; s++) seen += visible(r, row, s);
  alone.rows = 1;
  alone.slots = seen + (gap ? (seen - 1) / gap : 0);
  alone.queries = r->queries + row * r->p.heads * r->p.head_dim;
  alone.keys = guarded(bytes * (size_t)alone.slots, alignment);
  alone.values = guarded(bytes * (size_t)alone.slots, alignment);
  alone.mask = guarded((size_t)alone.slots * sizeof(uint16_t), 2);
  for (int s = 0, to = 0, placed = 0; s < r->slots; s++) {
    if (!visible(r, row, s)) continue;
    if (gap && placed && placed % gap == 0) {
      fill_slot(r->type, alone.keys + (size_t)to * bytes, r->p.kv_heads * r->p.head_dim, 1);
      fill_slot(r->type, alone.values + (size_t)to * bytes, r->p.kv_heads * r->p.head_dim, 1);
      alone.mask[to++] = HIDDEN;
    }
    memcpy(alone.keys + (size_t)to * bytes, r->keys + (size_t)s * bytes, bytes);
    memcpy(alone.values + (size_t)to * bytes, r->values + (size_t)s * bytes, bytes);
    alone.mask[to++] = 0;
    placed++;
  }
  const void *result = attend_rows(&alone, (const int[]){0}, 1, 1);
  if (!same_result(r, result, 0, 1, all, row, r->rows)) failed("row %d has other bits alone (gap %d)", row, gap);
}

/* Every row over a window of its own, which may reach past the cache. */
static void compare_windows(const struct reading *r, const void *all, int threads) {
  const struct hs_attention *p = &r->p;
  const int width = p->heads * p->head_dim;
  int32_t *bases = guarded((size_t)r->rows * sizeof *bases, 4);
  uint16_t *windows = guarded((size_t)(r->rows * r->slots) * sizeof *windows, 2);
  for (int row = 0; row < r->rows; row++) {
    /* Neighbours share a window now and then. */
    const int own = first_visible(r, row), same = row % 3 && own >= bases[row - 1];
    bases[row] = same ? bases[row - 1] : own;
    for (int s = 0; s < r->slots; s++) {
      const int slot = bases[row] + s;
      windows[row * r->slots + s] = slot < r->slots ? r->mask[row * r->slots + slot] : HIDDEN;
    }
  }
  void *out = guarded((size_t)(r->rows * width) * sizeof(float) / (r->acts ? 2 : 1), r->acts ? 64 : 4);
  struct hs_tensor source = tensor(HS_F32, width, r->rows, 1, r->queries);
  struct hs_tensor mask = tensor(HS_F16, r->slots, r->rows, 1, windows);
  struct hs_tensor keys = tensor(r->type, p->kv_heads * p->head_dim, r->slots, 1, r->keys);
  struct hs_tensor values = tensor(r->type, p->kv_heads * p->head_dim, r->slots, 1, r->values);
  struct hs_tensor base = tensor(HS_I32, r->rows, 1, 1, bases);
  struct hs_tensor dst = r->acts ? tensor(HS_I8, 64, r->rows, width / 32, out) : tensor(HS_F32, width, r->rows, 1, out);
  struct hs_tensor *const sources[] = {&source, &keys, &values, &mask, &base};
  memcpy(dst.src, sources, sizeof sources);
  run(AS_OPERATION(hs_attend_op), &dst, threads, p);
  for (int row = 0; row < r->rows; row++) {
    if (!same_result(r, out, row, r->rows, all, row, r->rows)) failed("row %d has other bits in a window", row);
  }
}

static void compare_some(const struct reading *r, const void *all) {
  int numbers[MOST_ROWS];
  for (const int *rows = row_counts(); *rows; rows++) {
    for (int i = 0; i < *rows; i++) numbers[i] = (i * 3 + *rows * 7) % r->rows;
    const void *some = attend_rows(r, numbers, *rows, 1 + *rows % 4);
    for (int i = 0; i < *rows; i++) {
      if (!same_result(r, some, i, *rows, all, numbers[i], r->rows)) {
        failed("row %d has other bits as row %d of %d", numbers[i], i, *rows);
      }
    }
  }
}

/*
 * Three sequences share the cache; each has a run of common slots and a tree of rows after it. Row i (of sequence i % 3)
 * sees its sequence's slots and those of some rows before it. Slots that no row sees hold NaN.
 */
static void make_mask(struct reading *r) {
  for (int row = 0; row < r->rows; row++) {
    for (int s = 0; s < r->slots; s++) {
      const int own = s % 3 == row % 3 && s % 7 != 0;
      const int branch = s * 4 < r->slots * 3 || (s / 3 + row) % 4 == 0;
      r->mask[row * r->slots + s] = (own && branch) || s == (row * 5 + 1) % r->slots ? 0 : HIDDEN;
    }
  }
}

static void one_attend(int type, int heads, int kv_heads, int dim, int rows, int slots, int acts) {
  checking("attend type %d, %d / %d heads of %d, %d rows, %d slots, %s", type, heads, kv_heads, dim, rows, slots,
           acts ? "activations" : "floats");
  struct reading r = {.p = {heads, kv_heads, dim, dim, 0, 1 / sqrtf((float)dim)}, .type = type, .rows = rows,
                      .slots = slots, .acts = acts};
  const size_t bytes = slot_bytes(type, kv_heads * dim), alignment = type == HS_F32 ? 4 : 2;
  r.queries = guarded((size_t)(rows * heads * dim) * sizeof(float), 4);
  r.keys = guarded(bytes * (size_t)slots, alignment);
  r.values = guarded(bytes * (size_t)slots, alignment);
  r.mask = guarded((size_t)(rows * slots) * sizeof(uint16_t), 2);
  for (int i = 0; i < rows * heads * dim; i++) r.queries[i] = (float)(random_normal() * (i % 11 == 0 ? 20 : 1));
  make_mask(&r);
  for (int s = 0; s < slots; s++) {
    int seen = 0;
    for (int row = 0; row < rows; row++) seen |= visible(&r, row, s);
    fill_slot(type, r.keys + (size_t)s * bytes, kv_heads * dim, !seen);
    fill_slot(type, r.values + (size_t)s * bytes, kv_heads * dim, !seen);
  }
  int numbers[MOST_ROWS];
  for (int i = 0; i < rows; i++) numbers[i] = i;
  const void *all = attend_rows(&r, numbers, rows, 1);
  compare_all(&r, all);
  compare_some(&r, all);
  compare_windows(&r, all, 1);
  compare_windows(&r, all, 3);
  for (int row = 0; row < rows; row += 1 + rows / 8) {
    compare_alone(&r, all, row, 0);
    compare_alone(&r, all, row, 1 + row % 40);
  }
  free_guarded();
}

void check_attend(void) {
  static const int types[] = {HS_F16, HS_F32, HS_Q8_0};
  for (int i = 0; i < 3; i++) {
    one_attend(types[i], 6, 2, 64, 21, 100, 1);
    one_attend(types[i], 9, 3, 32, 5, 64, 0);
    one_attend(types[i], 2, 2, 96, 7, 1, 1);
    one_attend(types[i], 4, 1, 128, 12, quick ? 97 : 515, 0);
  }
  /* So many that scores do not fit at once. */
  one_attend(HS_F16, 8, 1, 32, quick ? 20 : 65, quick ? 1999 : 2050, 1);
}
