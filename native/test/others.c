/* The best entries of a row, and pools of threads. */
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "check.h"

/* ---- top ---- */

/* Whether entry a comes before entry b. */
static int before(const float *row, int a, int b) {
  if (isnan(row[a]) || isnan(row[b])) return !isnan(row[a]) || (isnan(row[b]) && a < b);
  return row[a] != row[b] ? row[a] > row[b] : a < b;
}

static void one_top(int n, int k, int kind) {
  float *row = guarded((size_t)n * sizeof *row, 4), *values = guarded((size_t)k * sizeof *values, 4);
  int32_t *ids = guarded((size_t)k * sizeof *ids, 4);
  for (int i = 0; i < n; i++) {
    const float x = (float)random_normal();
    row[i] = kind == 0 ? x : kind == 1 ? floorf(x) : kind == 2 ? -INFINITY : i % 3 ? x : NAN;
  }
  checking("top %d of %d, kind %d", k, n, kind);
  hs_top(row, n, k, ids, values);
  for (int i = 0; i < k; i++) {
    int rank = 0; /* how many come before the chosen one */
    for (int other = 0; other < n; other++) rank += other != ids[i] && before(row, other, ids[i]);
    if (rank != i && !isnan(row[ids[i]])) failed("entry %d is number %d by size", i, rank);
    if (memcmp(&values[i], &row[ids[i]], sizeof *values)) failed("entry %d has another value", i);
  }
  free_guarded();
}

static void check_top(void) {
  static const int sizes[] = {1, 2, 63, 64, 65, 1000};
  for (int i = 0; i < 6; i++) {
    for (int kind = 0; kind < 4; kind++) {
      one_top(sizes[i], 1, kind);
      one_top(sizes[i], sizes[i] < 10 ? sizes[i] : 10, kind);
    }
  }
}

/* ---- pools ---- */

enum { WIDTH = 256, ROWS = 80, ROUNDS = 40 };
static float source[ROWS * WIDTH], weight[WIDTH], expected[ROWS * WIDTH];
static int wrong;

static void norm_into(float *out, void *threads) {
  struct hs_tensor x = tensor(HS_F32, WIDTH, ROWS, 1, source), w = tensor(HS_F32, WIDTH, 1, 1, weight);
  struct hs_tensor dst = tensor(HS_F32, WIDTH, ROWS, 1, out);
  const struct hs_norm params = {1e-5f};
  dst.src[0] = &x;
  dst.src[1] = &w;
  if (threads != NULL) run_in_pool(threads, AS_OPERATION(hs_norm_op), &dst, &params);
  else run(AS_OPERATION(hs_norm_op), &dst, 1, &params);
}

/* One engine: a pool of its own, operations in quick succession and after pauses in which helpers fall asleep. */
static void *use_pool(void *argument) {
  (void)argument;
  float out[ROWS * WIDTH];
  for (int pool = 0; pool < 2; pool++) {
    void *threads = hs_pool_new(3);
    for (int i = 0; i < ROUNDS; i++) {
      const struct timespec pause = {0, 2000000};
      if (i % 10 == 9) nanosleep(&pause, NULL);
      memset(out, 0, sizeof out);
      norm_into(out, threads);
      if (memcmp(out, expected, sizeof out)) __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
    }
    hs_pool_free(threads);
  }
  return NULL;
}

/* Several engines in one process. */
static void check_pools(void) {
  checking("pools");
  for (int i = 0; i < ROWS * WIDTH; i++) source[i] = (float)random_normal();
  for (int i = 0; i < WIDTH; i++) weight[i] = (float)random_normal();
  norm_into(expected, NULL);
  wrong = 0;
  pthread_t other;
  if (pthread_create(&other, NULL, use_pool, NULL) != 0) failed("no thread");
  else {
    use_pool(NULL);
    pthread_join(other, NULL);
  }
  if (wrong) failed("%d results of %d are others", wrong, 4 * ROUNDS);
  hs_pool_free(hs_pool_new(1));
}

void check_others(void) {
  check_top();
  check_pools();
}
