/*
 * How fast threads of this machine read memory: the limit of every pass over weights. A library for bench/bandwidth.ts,
 * compiled there for the machine it runs on.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef uint64_t lanes __attribute__((vector_size(64)));

struct share {
  pthread_t thread;
  pthread_barrier_t *start;
  const uint8_t *data;
  size_t bytes;
  double began, ended;
  uint64_t sum;
};

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Four sums, one load per cache line where vectors are that long; prefetched, which only narrower loads need. */
static uint64_t read_all(const uint8_t *data, size_t bytes) {
  const lanes *at = (const lanes *)data;
  lanes a = {0}, b = a, c = a, d = a;
  for (size_t i = 0; i + 4 <= bytes / 64; i += 4) {
    for (int k = 0; k < 4; k++) __builtin_prefetch((const uint8_t *)(at + i + k) + 4096);
    a += at[i];
    b += at[i + 1];
    c += at[i + 2];
    d += at[i + 3];
  }
  a += b + c + d;
  uint64_t sum = 0;
  for (int k = 0; k < 8; k++) sum += a[k];
  return sum;
}

static void *run(void *argument) {
  struct share *share = argument;
  pthread_barrier_wait(share->start);
  share->began = seconds();
  share->sum = read_all(share->data, share->bytes);
  share->ended = seconds();
  return NULL;
}

/* A buffer that was written, so that it is memory of its own; NULL when there is none. Free with read_free. */
uint8_t *read_new(size_t bytes) {
  uint8_t *data = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  if (data != NULL) memset(data, 1, bytes);
  return data;
}

void read_free(uint8_t *data) { free(data); }

/* Seconds that `threads` threads need to read a buffer, each its own part; negative when they could not start. */
double read_seconds(const uint8_t *data, size_t bytes, int threads) {
  struct share shares[threads];
  pthread_barrier_t start;
  size_t part = bytes / (size_t)threads / 4096 * 4096;
  if (pthread_barrier_init(&start, NULL, (unsigned)threads) != 0) return -1;
  for (int i = 0; i < threads; i++) {
    shares[i] = (struct share){.start = &start, .data = data + part * (size_t)i, .bytes = part};
    if (i == threads - 1) shares[i].bytes = bytes - part * (size_t)i;
    /* Those that started wait for ever: the caller ends its process. */
    if (i > 0 && pthread_create(&shares[i].thread, NULL, run, &shares[i]) != 0) return -1;
  }
  run(&shares[0]);
  double began = shares[0].began, ended = shares[0].ended;
  for (int i = 1; i < threads; i++) {
    pthread_join(shares[i].thread, NULL);
    if (shares[i].began < began) began = shares[i].began;
    if (shares[i].ended > ended) ended = shares[i].ended;
  }
  pthread_barrier_destroy(&start);
  return ended - began;
}
