/*
 * A pool of helper threads without barriers. The caller publishes work as numbered shares; whoever is awake takes the next
 * one. A helper that the operating system has put aside takes none, so nobody waits for it: a second program on the
 * machine costs its own time and no more. A helper spins for a moment after its last share, because the next operation of
 * a pass comes within microseconds; then it sleeps, so that an idle process burns nothing.
 */
#if defined(__unix__) || defined(__APPLE__)
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "heterospec.h"
#include "pool.h"

/* Longer than the pause between two passes of a small model, so that helpers are usually awake when the next one begins. */
#define SPIN_NS 400000
#define SPINS_PER_LOOK 64
/* Longer than an operation that stays with the caller. */
#define PATIENCE_NS 10000
/* Turns of waiting for a last share before the processor is offered to its holder. */
#define WAITS_PER_YIELD 4096

struct hs_pool {
  /* The work in progress; written by the caller while no share is taken. */
  hs_share_fn share;
  const void *work;
  /* generation (24 bits) | shares (20 bits) | next share (20 bits): a share can only be taken from the current work. */
  _Alignas(64) atomic_ullong state;
  _Alignas(64) atomic_int done;
  _Alignas(64) atomic_int sleepers;
  atomic_int stopped;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  int helpers;
  pthread_t threads[];
};

#define FIELD 20
#define FIELD_MASK ((1ull << FIELD) - 1)
#define MOST_SHARES ((int)FIELD_MASK)

static inline int next_of(unsigned long long state) { return (int)(state & FIELD_MASK); }
static inline int shares_of(unsigned long long state) { return (int)(state >> FIELD & FIELD_MASK); }

static inline void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static long long now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* Does one share, if there is one to take. */
static int take_share(struct hs_pool *pool) {
  unsigned long long state = atomic_load_explicit(&pool->state, memory_order_acquire);
  while (next_of(state) < shares_of(state)) {
    if (!atomic_compare_exchange_weak_explicit(&pool->state, &state, state + 1, memory_order_acq_rel, memory_order_acquire))
      continue;
    pool->share(pool->work, next_of(state), shares_of(state));
    atomic_fetch_add_explicit(&pool->done, 1, memory_order_acq_rel);
    return 1;
  }
  return 0;
}

static int has_share(struct hs_pool *pool) {
  const unsigned long long state = atomic_load(&pool->state);
  return next_of(state) < shares_of(state);
}

static void sleep_until_work(struct hs_pool *pool) {
  pthread_mutex_lock(&pool->mutex);
  atomic_fetch_add(&pool->sleepers, 1);
  while (!has_share(pool) && !atomic_load(&pool->stopped)) pthread_cond_wait(&pool->wake, &pool->mutex);
  atomic_fetch_sub(&pool->sleepers, 1);
  pthread_mutex_unlock(&pool->mutex);
}

static void *help(void *argument) {
  struct hs_pool *pool = argument;
  long long last = now_ns();
  while (!atomic_load_explicit(&pool->stopped, memory_order_relaxed)) {
    int busy = 0;
    for (int i = 0; i < SPINS_PER_LOOK; i++) {
      if (take_share(pool)) busy = 1;
      else pause_briefly();
    }
    const long long now = now_ns();
    if (busy) last = now;
    else if (now - last > SPIN_NS) {
      sleep_until_work(pool);
      last = now_ns();
    } else if (now - last > PATIENCE_NS) {
      /* Between passes: whoever prepares the next one may be waiting for this very processor. */
      sched_yield();
    }
  }
  return NULL;
}

int hs_pool_threads(const struct hs_pool *pool) { return pool ? pool->helpers + 1 : 1; }

void hs_parallel(struct hs_pool *pool, int shares, hs_share_fn share, const void *work) {
  if (pool == NULL || pool->helpers == 0 || shares <= 1 || shares > MOST_SHARES) {
    for (int i = 0; i < shares; i++) share(work, i, shares);
    return;
  }
  pool->share = share;
  pool->work = work;
  atomic_store_explicit(&pool->done, 0, memory_order_relaxed);
  const unsigned long long generation = (atomic_load_explicit(&pool->state, memory_order_relaxed) >> 2 * FIELD) + 1;
  /* Sequentially consistent with the count of sleepers: either a sleeper sees the work or we see the sleeper. */
  atomic_store(&pool->state, generation << 2 * FIELD | (unsigned long long)shares << FIELD);
  if (atomic_load(&pool->sleepers) > 0) {
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
  }
  while (take_share(pool)) {}
  for (int turn = 1; atomic_load_explicit(&pool->done, memory_order_acquire) < shares; turn++) {
    pause_briefly();
    if (turn % WAITS_PER_YIELD == 0) sched_yield();
  }
}

void *hs_pool_new(int threads) {
  const int helpers = threads > 1 ? threads - 1 : 0;
  const size_t bytes = sizeof(struct hs_pool) + (size_t)helpers * sizeof(pthread_t);
  struct hs_pool *pool = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (pool == NULL) return NULL;
  atomic_init(&pool->state, 0);
  atomic_init(&pool->done, 0);
  atomic_init(&pool->sleepers, 0);
  atomic_init(&pool->stopped, 0);
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->wake, NULL);
  pool->helpers = 0;
  for (int i = 0; i < helpers; i++) {
    if (pthread_create(&pool->threads[i], NULL, help, pool) != 0) break;
    pool->helpers++;
  }
  return pool;
}

void hs_pool_free(void *argument) {
  struct hs_pool *pool = argument;
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->stopped, 1);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
  for (int i = 0; i < pool->helpers; i++) pthread_join(pool->threads[i], NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->mutex);
  free(pool);
}
#endif
