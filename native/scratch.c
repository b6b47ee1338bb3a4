/* Working memory of operations: one piece per thread, which only grows, so that a pass asks the system for none. */
#include <stdlib.h>

#include "scratch.h"

static __thread void *memory;
static __thread size_t size;

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_key(void) {
  if (pthread_key_create(&key, free) != 0) abort();
}
/* The system frees it when the thread ends. */
static void leave_to_thread(void *piece) {
  pthread_once(&once, make_key);
  if (pthread_setspecific(key, piece) != 0) abort();
}
#else
static void leave_to_thread(void *piece) { (void)piece; }
#endif

void *hs_scratch(size_t bytes) {
  if (bytes > size) {
    free(memory);
    size = (bytes + bytes / 2 + 4095) & ~(size_t)4095;
    memory = aligned_alloc(64, size);
    /* An operation has no way to fail; ggml's do the same. */
    if (memory == NULL) abort();
    leave_to_thread(memory);
  }
  return memory;
}
