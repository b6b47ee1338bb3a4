/* Tests of the kernels: what the files here share. */
#ifndef HS_CHECK_H
#define HS_CHECK_H

#include "../heterospec.h"

/* Smaller sizes, for sanitizers and emulators. */
extern int quick;
/* What is being checked, for messages. */
void checking(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* One line per failure of a check; more of the same check are counted only. */
void failed(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern int failures;

/* ---- numbers ---- */

uint64_t random_bits(void);
double random_normal(void);
uint16_t half_of(double x);
double half_value(uint16_t bits);
uint16_t bfloat_of(float x);
double bfloat_value(uint16_t bits);

/* ---- memory ---- */

/* Memory whose last byte lies before a page that cannot be read or written. All of it is freed together. */
void *guarded(size_t bytes, size_t alignment);
void free_guarded(void);
struct hs_tensor tensor(int type, int64_t width, int64_t rows, int64_t blocks, void *data);

/* ---- running ---- */

typedef void (*operation)(struct hs_tensor *, int, int, const void *);
#define AS_OPERATION(f) ((operation)(void (*)(void))(f))
/* One operation: 1, 2, 3: in so many parts, each in a thread of its own; 4 (POOL): as in a graph, by a pool of threads. */
enum { POOL = 4 };
void run(operation op, struct hs_tensor *dst, int threads, const void *params);
void run_in_pool(void *pool, operation op, struct hs_tensor *dst, const void *params);
/* The pool of POOL; made when it is first asked for. */
void *common_pool(void);
void free_common_pool(void);
/* How many rows to try besides the full number; 0 ends the list. */
const int *row_counts(void);
enum { MOST_ROWS = 130, HS_I8 = 24, HS_I32 = 26, HS_I64 = 27 };

/* ---- activations ---- */

/* 32 numbers d * q[k] with all sums. */
struct hs_act make_act(const int8_t q[32], float d);
/* That an entry says what it should: q * d within half a step of x, the sums those of q. */
void check_act(const struct hs_act *act, const double x[32], double tolerance);

/* ---- caches ---- */

size_t slot_bytes(int type, int width);
/* Number k of a slot. */
double cache_number(int type, const uint8_t *slot, int k);
/* Random numbers, or NaN everywhere. */
void fill_slot(int type, uint8_t *slot, int width, int nan);

void check_linear(void);
void check_elementwise(void);
void check_store(void);
void check_attend(void);
void check_others(void);

#endif
