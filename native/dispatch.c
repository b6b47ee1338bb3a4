/* Chooses the kernels at run time; the exported operations go to those of the chosen set. */
#include <string.h>

#include "kernels.h"
#include "pool.h"

#if defined(__x86_64__)
#include <cpuid.h>

static int has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni");
}
static int has_avx2(void) {
  unsigned eax, ebx, ecx = 0, edx; /* not every compiler knows a name for F16C */
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __get_cpuid(1, &eax, &ebx, &ecx, &edx) &&
         (ecx & bit_F16C) != 0;
}
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
static int has_neon(void) { return (getauxval(AT_HWCAP) >> 20 & 1) != 0; /* HWCAP_ASIMDDP */ }
#elif defined(__aarch64__)
static int has_neon(void) { return 1; }
#endif

static int always(void) { return 1; }

/* Best first. */
static const struct candidate {
  const struct hs_set *set;
  int (*supported)(void);
} candidates[] = {
#if defined(__x86_64__)
    {&hs_set_avx512, has_avx512},
    {&hs_set_avx2, has_avx2},
#elif defined(__aarch64__)
    {&hs_set_neon, has_neon},
#endif
    {&hs_set_portable, always},
};

static const struct hs_set *chosen = &hs_set_portable;

int hs_choose(const char *name) {
  for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
    if (name != NULL && strcmp(name, candidates[i].set->name) != 0) continue;
    if (!candidates[i].supported()) continue;
    chosen = candidates[i].set;
    return 1;
  }
  return 0;
}

const char *hs_kernels(void) { return chosen->name; }
int hs_abi(void) { return HS_ABI; }

/* ------------------------------------------------------------------------------------------------------------------ */

/* The pool of the graph that this thread computes. */
static __thread struct hs_pool *current;

int hs_compute(const struct hs_runner *runner, void *graph) {
  current = runner->pool;
  const int status = runner->compute(runner->backend, graph);
  current = NULL;
  return status;
}

typedef void (*operation)(struct hs_tensor *, int, int, const void *);
struct work {
  operation run;
  struct hs_tensor *dst;
  const void *settings;
};

static void do_share(const void *argument, int share, int shares) {
  const struct work *work = argument;
  work->run(work->dst, share, shares, work->settings);
}

/* With threads of ggml's own the split is fixed; with ours, whoever is free takes the next of some more shares. */
static void run(operation op, struct hs_tensor *dst, int ith, int nth, const void *settings, int shares) {
  if (nth > 1 || current == NULL || shares <= 1) {
    op(dst, ith, nth, settings);
  } else {
    const struct work work = {op, dst, settings};
    hs_parallel(current, shares, do_share, &work);
  }
}

enum {
  SHARES_PER_THREAD = 8,
  LEAST_NUMBERS = 1 << 14, /* work on fewer numbers takes less time than handing it over */
};

static int shares_of(int64_t units) {
  const int64_t most = (int64_t)hs_pool_threads(current) * SHARES_PER_THREAD;
  return (int)(units < most ? units : most);
}
static int shares_of_rows(const struct hs_tensor *numbers) {
  return numbers->ne[0] * numbers->ne[1] < LEAST_NUMBERS ? 1 : shares_of(numbers->ne[1]);
}
static int shares_of_columns(int64_t columns) { return shares_of(columns / HS_COLUMNS); }

HS_OP(hs_norm_op, hs_norm) { run((operation)chosen->norm, dst, ith, nth, p, shares_of_rows(dst->src[0])); }
HS_OP(hs_quantise_op, hs_none) { run((operation)chosen->quantise, dst, ith, nth, p, shares_of_rows(dst->src[0])); }
HS_OP(hs_swiglu_op, hs_none) { run((operation)chosen->swiglu, dst, ith, nth, p, shares_of_rows(dst->src[0])); }
HS_OP(hs_sums_op, hs_none) { run((operation)chosen->sums, dst, ith, nth, p, shares_of_rows(dst->src[0])); }
HS_OP(hs_linear_op, hs_linear) { run((operation)chosen->linear, dst, ith, nth, p, shares_of_columns(dst->ne[0])); }

HS_OP(hs_store_op, hs_attention) { run((operation)chosen->store, dst, ith, nth, p, shares_of_rows(dst->src[0])); }
HS_OP(hs_attend_op, hs_attention) {
  const int64_t rows = dst->src[0]->ne[1], slots = dst->src[3]->ne[0];
  run((operation)chosen->attend, dst, ith, nth, p,
      rows * slots * p->heads < LEAST_NUMBERS ? 1 : hs_pool_threads(current) * 2);
}

HS_OP(hs_pack_op, hs_packing) { run((operation)hs_pack_share, dst, ith, nth, p, shares_of_columns(p->out)); }
