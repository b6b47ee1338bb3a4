/* GGUF blocks as the format defines them: made by the test, decoded in float64. Knows nothing of tiles. */
#ifndef HS_BLOCKS_H
#define HS_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

struct block_format {
  const char *name;
  int type;
  int count;          /* numbers in a block */
  int bytes;
  int scale, minimum; /* where fp16 d and m (dmin) lie; -1: no such */
};

enum filling { RANDOM, ZERO, OUTLIER, NEGATIVE, SUBNORMAL, MAXIMUM, MINIMUM, FILLINGS };
extern const char *const filling_names[FILLINGS];

extern const struct block_format block_formats[];
extern const int block_format_count;

void fill_blocks(const struct block_format *format, enum filling filling, uint8_t *blocks, size_t count);
/* A weight is part[k] (scale times code, zero point taken off) + offset[k] (minimum). */
void decode_block(const struct block_format *format, const uint8_t *block, double *part, double *offset);

#endif
