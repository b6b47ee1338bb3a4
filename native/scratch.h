/* Working memory of operations. */
#ifndef HS_SCRATCH_H
#define HS_SCRATCH_H

#include <stddef.h>

/* The calling thread's memory of at least that many bytes, 64-byte aligned; what it held is gone. Freed with the thread. */
void *hs_scratch(size_t bytes);

#endif
