/* Numbers, guarded memory and threads for the tests of the kernels. */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

/* ---- numbers ---- */

uint64_t random_bits(void) {
  static uint64_t state = 88172645463325252ull;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

double random_normal(void) {
  double sum = 0;
  for (int i = 0; i < 12; i++) sum += (double)(random_bits() >> 11) * 0x1p-53;
  return sum - 6;
}

double half_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double x = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
  if (exponent == 31) x = fraction ? NAN : INFINITY;
  return bits & 0x8000 ? -x : x;
}

/* Any half float near x. */
uint16_t half_of(double x) {
  const uint16_t sign = x < 0 ? 0x8000 : 0;
  x = fabs(x);
  if (x < 0x1p-14) return (uint16_t)(sign | (uint16_t)lrint(x * 0x1p24));
  int exponent;
  const double fraction = frexp(x, &exponent);
  return (uint16_t)(sign | (uint16_t)((exponent + 14) * 1024 + (int)(fraction * 2048) - 1024));
}

double bfloat_value(uint16_t bits) {
  const uint32_t wide = (uint32_t)bits << 16;
  float x;
  memcpy(&x, &wide, 4);
  return x;
}

uint16_t bfloat_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return (uint16_t)(bits >> 16);
}

/* ---- memory ---- */

static struct {
  void *at;
  size_t size;
} maps[256];
static int map_count;

void *guarded(size_t bytes, size_t alignment) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (bytes + alignment + page - 1) / page * page;
  char *at = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED || map_count == 256 || mprotect(at + room, page, PROT_NONE) != 0) {
    perror("guarded memory");
    exit(2);
  }
  maps[map_count].at = at;
  maps[map_count++].size = room + page;
  return at + (room - bytes) / alignment * alignment;
}

void free_guarded(void) {
  while (map_count > 0) {
    map_count--;
    munmap(maps[map_count].at, maps[map_count].size);
  }
}

struct hs_tensor tensor(int type, int64_t width, int64_t rows, int64_t blocks, void *data) {
  const size_t bytes = type == HS_F32 ? 4 : type == HS_F16 ? 2 : type == HS_I8 ? 1 : 8;
  struct hs_tensor t = {.type = type, .ne = {width, rows, blocks, 1}, .data = data};
  t.nb[0] = bytes;
  t.nb[1] = bytes * (size_t)width;
  t.nb[2] = t.nb[1] * (size_t)rows;
  t.nb[3] = t.nb[2] * (size_t)blocks;
  return t;
}

/* ---- running ---- */

struct part {
  operation op;
  struct hs_tensor *dst;
  const void *params;
  int ith, nth;
};

static void *run_part(void *data) {
  const struct part *part = data;
  part->op(part->dst, part->ith, part->nth, part->params);
  return NULL;
}

/* Stands in for a graph of one operation. */
static int compute_graph(void *backend, void *graph) {
  const struct part *part = graph;
  (void)backend;
  part->op(part->dst, 0, 1, part->params);
  return 0;
}

void run_in_pool(void *pool, operation op, struct hs_tensor *dst, const void *params) {
  struct part part = {op, dst, params, 0, 1};
  const struct hs_runner runner = {compute_graph, NULL, pool};
  if (hs_compute(&runner, &part) != 0) failed("hs_compute failed");
}

static void *pool;

void *common_pool(void) {
  if (pool == NULL) pool = hs_pool_new(3);
  return pool;
}

void free_common_pool(void) {
  if (pool != NULL) hs_pool_free(pool);
  pool = NULL;
}

void run(operation op, struct hs_tensor *dst, int threads, const void *params) {
  if (threads == POOL) {
    run_in_pool(common_pool(), op, dst, params);
    return;
  }
  struct part parts[8];
  pthread_t ids[8];
  for (int i = 0; i < threads; i++) {
    parts[i] = (struct part){op, dst, params, i, threads};
    if (i > 0 && pthread_create(&ids[i], NULL, run_part, &parts[i]) != 0) {
      perror("pthread_create");
      exit(2);
    }
  }
  run_part(&parts[0]);
  for (int i = 1; i < threads; i++) pthread_join(ids[i], NULL);
}

const int *row_counts(void) {
  static const int all[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 33, 64, 65, 0};
  static const int few[] = {1, 2, 3, 5, 8, 10, 17, 33, 65, 0};
  return quick ? few : all;
}

/* ---- activations ---- */

struct hs_act make_act(const int8_t q[32], float d) {
  struct hs_act act = {.d = d};
  int sums[2] = {0, 0};
  for (int k = 0; k < 32; k++) sums[k / 16] += act.q[k] = q[k];
  const int sum = sums[0] + sums[1];
  act.ds = d * (float)sum;
  act.z8 = -8 * sum;
  act.z16 = -16 * sum;
  act.z128 = -128 * sum;
  act.z32[0] = -32 * sums[0];
  act.z32[1] = -32 * sums[1];
  return act;
}

void check_act(const struct hs_act *act, const double x[32], double tolerance) {
  const struct hs_act expected = make_act(act->q, act->d);
  if (memcmp(&act->ds, &expected.ds, 4) || act->z8 != expected.z8 || act->z16 != expected.z16 ||
      act->z128 != expected.z128 || memcmp(act->z32, expected.z32, 8)) {
    failed("sums are not those of q");
  }
  double max = 0;
  for (int k = 0; k < 32; k++) max = fmax(max, fabs(x[k]));
  if (max < 2e-36 && act->d == 0) return; /* such a block may count as zero */
  if (!(fabs(act->d - max / 127) <= tolerance / 127 + 1e-6 * max)) failed("d = %g for a largest of %g", act->d, max);
  for (int k = 0; k < 32; k++) {
    if (act->q[k] == -128) failed("q = -128, which kernels need not bear");
    if (!(fabs(act->q[k] * (double)act->d - x[k]) <= 0.5001 * act->d + tolerance)) {
      failed("%d * %g for %g", act->q[k], act->d, x[k]);
    }
  }
}
