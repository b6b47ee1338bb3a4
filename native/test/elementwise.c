/* RMS norm, rounding to activations, SwiGLU and rotary angles. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum kind { NORM, QUANTISE, SWIGLU };

struct item {
  enum kind kind;
  int width; /* of the result */
  int acts;  /* 1: the result is activations */
  float *source, *weight;
  double *expected, *tolerance; /* [MOST_ROWS][width] */
};

static const float epsilon = 1e-5f;

static int source_width(const struct item *t) { return t->kind == SWIGLU ? 2 * t->width : t->width; }

/* A number of the source; rows are of different kinds. */
static float source_number(const struct item *t, int row, int k) {
  const double x = random_normal();
  switch (row % 9) {
    case 1: return 0;
    case 2: return k == 37 ? 1e15f : (float)x;
    case 3: return (float)(x * 1e-40);
    case 4: return k % 2 ? 3 : -3;
    case 5: return t->kind == SWIGLU ? (float)(x * 60) : (float)(x * 1e12);
    case 6: return t->kind == SWIGLU && k < t->width ? (float)(k % 2 ? 1e4 : -1e4) : (float)x;
    case 7: return (float)(x * 1e-20);
    case 8: return k / 32 % 2 ? 0 : (float)x; /* whole blocks of zeros */
    default: return (float)x;
  }
}

static void expect_row(const struct item *t, int row) {
  const float *x = t->source + (size_t)row * (size_t)source_width(t);
  double *expected = t->expected + row * t->width, *tolerance = t->tolerance + row * t->width;
  double squares = 0;
  for (int k = 0; k < t->width; k++) squares += (double)x[k] * x[k];
  for (int k = 0; k < t->width; k++) {
    switch (t->kind) {
      case NORM: expected[k] = x[k] / sqrt(squares / t->width + (double)epsilon) * t->weight[k]; break;
      case QUANTISE: expected[k] = x[k]; break;
      default: expected[k] = x[k] / (1 + exp(-(double)x[k])) * x[t->width + k];
    }
    tolerance[k] = t->kind == QUANTISE ? 0 : fabs(expected[k]) * 1e-6 + 1e-33;
  }
}

static struct hs_tensor result_tensor(const struct item *t, int rows) {
  if (!t->acts) return tensor(HS_F32, t->width, rows, 1, guarded((size_t)rows * (size_t)t->width * sizeof(float), 4));
  return tensor(HS_I8, 64, rows, t->width / 32, guarded((size_t)rows * (size_t)t->width * 2, 64));
}

static struct hs_tensor compute(const struct item *t, int rows, int shift, int threads) {
  const int width = source_width(t);
  const size_t bytes = (size_t)width * sizeof(float);
  float *input = guarded((size_t)rows * bytes, 4);
  for (int i = 0; i < rows; i++) memcpy(input + i * width, t->source + (i + shift) % MOST_ROWS * width, bytes);
  struct hs_tensor source = tensor(HS_F32, width, rows, 1, input), weight = tensor(HS_F32, width, 1, 1, t->weight);
  struct hs_tensor dst = result_tensor(t, rows);
  dst.src[0] = &source;
  const struct hs_norm norm = {epsilon};
  const struct hs_none none = {0};
  if (t->kind == NORM) {
    dst.src[1] = &weight;
    run(AS_OPERATION(hs_norm_op), &dst, threads, &norm);
  } else {
    run(t->kind == QUANTISE ? AS_OPERATION(hs_quantise_op) : AS_OPERATION(hs_swiglu_op), &dst, threads, &none);
  }
  return dst;
}

static void compare(const struct item *t, const struct hs_tensor *result) {
  for (int row = 0; row < MOST_ROWS; row++) {
    const double *expected = t->expected + row * t->width, *tolerance = t->tolerance + row * t->width;
    if (t->acts) {
      for (int b = 0; b < t->width / 32; b++) {
        double largest = 0;
        for (int k = 0; k < 32; k++) largest = fmax(largest, tolerance[32 * b + k]);
        check_act((const struct hs_act *)result->data + b * MOST_ROWS + row, expected + 32 * b, largest);
      }
    } else {
      const float *out = (const float *)result->data + row * t->width;
      for (int k = 0; k < t->width; k++) {
        if (fabs(out[k] - expected[k]) <= tolerance[k]) continue;
        failed("row %d, number %d: %.9g, expected %.9g", row, k, out[k], expected[k]);
      }
    }
  }
}

/* Whether row a of one result has the bits of row b of another. */
static int same_row(const struct item *t, const struct hs_tensor *a, int row_a, const struct hs_tensor *b, int row_b) {
  if (!t->acts) {
    const float *x = (const float *)a->data + row_a * t->width, *y = (const float *)b->data + row_b * t->width;
    return memcmp(x, y, (size_t)t->width * sizeof(float)) == 0;
  }
  const struct hs_act *x = a->data, *y = b->data;
  for (int i = 0; i < t->width / 32; i++) {
    if (memcmp(&x[i * a->ne[1] + row_a], &y[i * b->ne[1] + row_b], sizeof *x)) return 0;
  }
  return 1;
}

static void one_item(enum kind kind, int width, int acts) {
  struct item t = {.kind = kind, .width = width, .acts = acts};
  const int wide = source_width(&t);
  t.source = guarded((size_t)wide * MOST_ROWS * sizeof(float), 4);
  t.weight = guarded((size_t)width * sizeof(float), 4);
  t.expected = guarded((size_t)width * MOST_ROWS * sizeof(double), 8);
  t.tolerance = guarded((size_t)width * MOST_ROWS * sizeof(double), 8);
  for (int k = 0; k < width; k++) t.weight[k] = (float)random_normal();
  for (int i = 0; i < wide * MOST_ROWS; i++) t.source[i] = source_number(&t, i / wide, i % wide);
  for (int row = 0; row < MOST_ROWS; row++) expect_row(&t, row);
  const struct hs_tensor all = compute(&t, MOST_ROWS, 0, 1);
  compare(&t, &all);
  for (const int *rows = row_counts(); *rows; rows++) {
    const int shift = *rows * 7 % MOST_ROWS;
    for (int threads = 1; threads <= POOL; threads++) {
      const struct hs_tensor some = compute(&t, *rows, shift, threads);
      for (int i = 0; i < *rows; i++) {
        const int row = (i + shift) % MOST_ROWS;
        if (!same_row(&t, &some, i, &all, row)) failed("row %d has other bits as row %d of %d", row, i, *rows);
      }
    }
  }
  free_guarded();
}

/* ---- rotary angles ---- */

static float *angles(const struct hs_rope *p, int32_t *positions, int rows, float *factors, int threads) {
  float *out = guarded((size_t)rows * (size_t)p->dims * sizeof(float), 4);
  struct hs_tensor source = tensor(HS_I32, rows, 1, 1, positions), frequency = tensor(HS_F32, p->dims / 2, 1, 1, factors);
  struct hs_tensor dst = tensor(HS_F32, p->dims, rows, 1, out);
  dst.src[0] = &source;
  dst.src[1] = factors ? &frequency : NULL;
  run(AS_OPERATION(hs_rope_op), &dst, threads, p);
  return out;
}

static void check_rope(void) {
  checking("rope");
  const struct hs_rope p = {.dims = 64, .base = 10000, .scale = 1, .attn_factor = 1.5f, .beta_fast = 32, .beta_slow = 1};
  int32_t *positions = guarded(65 * sizeof *positions, 4);
  float *factors = guarded(32 * sizeof *factors, 4);
  for (int i = 0; i < 65; i++) positions[i] = i * 31 % 1999;
  for (int i = 0; i < 32; i++) factors[i] = 1 + (float)i / 8;
  for (int with = 0; with < 2; with++) {
    const float *all = angles(&p, positions, 65, with ? factors : NULL, 1);
    for (int i = 0; i < 65 * 64; i++) {
      const int row = i / 64, pair = i % 64 / 2;
      const double angle = positions[row] * pow(10000, -2.0 * pair / 64) / (with ? factors[pair] : 1);
      const double expected = 1.5 * (i % 2 ? sin(angle) : cos(angle));
      if (!(fabs(all[i] - expected) <= 1e-5 + 1e-5 * fabs(angle))) failed("%d: %.9g, expected %.9g", i, all[i], expected);
    }
    for (int rows = 1; rows <= 3; rows++) {
      const float *some = angles(&p, positions + 65 - rows, rows, with ? factors : NULL, rows);
      if (memcmp(some, all + (65 - rows) * 64, (size_t)rows * 64 * sizeof(float))) failed("other bits in %d rows", rows);
    }
  }
  free_guarded();
}

/* ---- sums of exponentials ---- */

static void check_sums(int width) {
  checking("sums of %d exponentials", width);
  float *source = guarded((size_t)(width * MOST_ROWS) * sizeof(float), 4);
  float *all = guarded(MOST_ROWS * sizeof(float), 4), *some = guarded(MOST_ROWS * sizeof(float), 4);
  for (int i = 0; i < width * MOST_ROWS; i++) {
    /* Flat rows, steep ones, one large number, large numbers everywhere. */
    const int row = i / width;
    source[i] = (float)(random_normal() * (row % 4 == 1 ? 40 : 3) + (row % 4 == 3 ? 1e4 : 0));
    if (row % 4 == 2 && i % width == width - 1) source[i] = 500;
  }
  const struct hs_none none = {0};
  for (int threads = 1; threads <= POOL; threads++) {
    for (int rows = MOST_ROWS; rows > 0; rows -= 43) {
      struct hs_tensor logits = tensor(HS_F32, width, rows, 1, source + (MOST_ROWS - rows) * width);
      struct hs_tensor dst = tensor(HS_F32, 1, rows, 1, rows == MOST_ROWS && threads == 1 ? all : some);
      dst.src[0] = &logits;
      run(AS_OPERATION(hs_sums_op), &dst, threads, &none);
      if (dst.data == some && memcmp(some, all + MOST_ROWS - rows, (size_t)rows * sizeof(float))) {
        failed("other bits in %d rows of %d threads", rows, threads);
      }
    }
  }
  for (int row = 0; row < MOST_ROWS; row++) {
    const float *x = source + row * width;
    double largest = x[0], sum = 0;
    for (int k = 0; k < width; k++) largest = fmax(largest, x[k]);
    for (int k = 0; k < width; k++) sum += exp((double)x[k] - largest);
    const double expected = largest + log(sum);
    if (!(fabs(all[row] - expected) <= 1e-6 * (1 + fabs(expected)))) failed("row %d: %.9g, expected %.9g", row, all[row], expected);
  }
  free_guarded();
}

void check_elementwise(void) {
  static const char *const names[] = {"norm", "quantise", "swiglu"};
  for (int kind = NORM; kind <= SWIGLU; kind++) {
    checking("%s to activations", names[kind]);
    one_item((enum kind)kind, 96, 1);
    if (!quick) one_item((enum kind)kind, 576, 1);
    if (kind == QUANTISE) continue;
    checking("%s to floats", names[kind]);
    one_item((enum kind)kind, 96, 0);
    one_item((enum kind)kind, 100, 0);
  }
  check_rope();
  check_sums(1);
  check_sums(100);
  check_sums(576);
}
