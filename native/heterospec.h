/*
 * heterospec's native kernels: the operations of a decoder layer for few rows over quantised weights, as custom operations
 * of ggml graphs. Plain C11, no dependencies.
 *
 * Rule of all kernels: the result for a row depends neither on how many rows are computed with it, nor on its place among
 * them, nor on the number of threads, bit for bit. That is what makes speculation lossless.
 *
 * Shapes are in ggml's order (axis 0 contiguous); all tensors are contiguous.
 */
#ifndef HETEROSPEC_H
#define HETEROSPEC_H

#include <stddef.h>
#include <stdint.h>

/* Raised with every change that the callers in TypeScript must follow. */
#define HS_ABI 6

/* Numbers of ggml_type. */
enum hs_type {
  HS_F32 = 0,
  HS_F16 = 1,
  HS_Q4_0 = 2,
  HS_Q4_1 = 3,
  HS_Q5_0 = 6,
  HS_Q8_0 = 8,
  HS_Q4_K = 12,
  HS_Q5_K = 13,
  HS_Q6_K = 14,
  HS_BF16 = 30,
};

/* The layout of ggml_tensor in the pinned version of ggml; checked when the library is loaded. */
struct hs_tensor {
  int32_t type;
  void *buffer;
  int64_t ne[4];
  size_t nb[4];
  int32_t op;
  int32_t op_params[16];
  int32_t flags;
  struct hs_tensor *src[10];
  struct hs_tensor *view_src;
  size_t view_offs;
  void *data;
  char name[64];
  void *extra;
  char padding[8];
};

/*
 * 32 activations of one row as int8 with one scale: x[k] = d * q[k]. Sums over q serve formats whose codes have a zero point
 * (the code that means 0): the integer dot product starts from -zero * sum.
 * An activation tensor is I8 [64, rows, K / 32]: the entries of one block of 32 lie together, row after row.
 */
struct hs_act {
  int8_t q[32];
  float d;        /* largest |x| / 127 */
  float ds;       /* d * sum(q) */
  int32_t z8;     /* -8 * sum(q) */
  int32_t z16;    /* -16 * sum(q) */
  int32_t z128;   /* -128 * sum(q) */
  int32_t z32[2]; /* -32 * sum over q[0..15], and over q[16..31] */
  int32_t unused;
};

/* A weight matrix in tiles (see repack.c). */
struct hs_matrix {
  const uint8_t *tiles; /* 64-byte aligned */
  const float *bias;    /* [out] or NULL */
  int32_t type;
  int32_t in;  /* K: a multiple of 32 (of 256 for the K formats) */
  int32_t out; /* a multiple of 32 */
  int32_t unused;
};

#define HS_MAX_MATRICES 4

/* Every operation has ggml's signature for custom operations: thread `ith` of `nth` does its share. */
#define HS_OP(name, params) \
  __attribute__((visibility("default"))) void name(struct hs_tensor *dst, int ith, int nth, const struct params *p)

struct hs_norm { float epsilon; };
/* src0 F32 [K, rows], src1 weight F32 [K]; dst: activations I8 [64, rows, K / 32] or F32 [K, rows].
 * RMS norm times weight, then rounded to activations if dst is I8. */
HS_OP(hs_norm_op, hs_norm);

struct hs_none { int32_t unused; };
/* src0 F32 [K, rows]; dst activations I8 [64, rows, K / 32]. */
HS_OP(hs_quantise_op, hs_none);

/* src0 F32 [2 F, rows], per row the gate's F values, then the other F; dst silu(gate) * other as activations I8
 * [64, rows, F / 32] or F32 [F, rows]. */
HS_OP(hs_swiglu_op, hs_none);

/* src0 F32 [K, rows]; dst F32 [1, rows]: the logarithm of the sum of each row's exponentials. */
HS_OP(hs_sums_op, hs_none);

struct hs_linear {
  int32_t count;
  int32_t unused;
  struct hs_matrix matrices[HS_MAX_MATRICES];
};
/* src0 activations [64, rows, K / 32] (or F32 [K, rows] for F16 and BF16 matrices), src1 F32 [N, rows] or NULL is added;
 * dst F32 [N, rows], N = sum of `out`: the products with all matrices one after the other. */
HS_OP(hs_linear_op, hs_linear);

/* src0 tokens I32 [rows]; dst F32 [in, rows]: these columns of the first matrix, as floats. */
HS_OP(hs_embed_op, hs_linear);

struct hs_rope {
  int32_t dims;
  int32_t neox; /* 0: rotates (2i, 2i+1), 1: rotates (i, i + dims/2) */
  int32_t original_context;
  float base, scale, ext_factor, attn_factor, beta_fast, beta_slow;
};
/* Once per pass. src0 positions I32 [rows], src1 frequency factors F32 [dims / 2] or NULL;
 * dst F32 [dims, rows]: cos and sin of angle i at 2i and 2i + 1, magnitude included; the numbers of ggml_rope_ext. */
HS_OP(hs_rope_op, hs_rope);

struct hs_attention {
  int32_t heads, kv_heads, head_dim;
  int32_t rope_dims, neox;
  float scale;
};
/* src0 F32 [(heads + 2 kv_heads) * head_dim, rows]: queries, keys, values; src1 rope table F32 [rope_dims, rows];
 * src2 cache slots I64 [rows]; src3, src4 key and value cache F16, F32 or Q8_0 [kv_heads * head_dim, slots].
 * Rotates queries and keys, writes keys and values to their slots; dst F32 [heads * head_dim, rows]: the rotated queries. */
HS_OP(hs_store_op, hs_attention);

/* src0 F32 [heads * head_dim, rows] rotated queries, src1, src2 key and value cache, src3 mask F16 [window, rows]
 * (0 visible, -inf hidden; every row sees a slot), src4 I32 [rows] or NULL: the slot that the row's window begins with (0);
 * a window may reach past the cache's end where it is hidden. Rows of one window should be neighbours. dst: activations I8 [64, rows, heads * head_dim / 32] or
 * F32 [heads * head_dim, rows]. Softmax attention; values are added in ascending order of visible slots. */
HS_OP(hs_attend_op, hs_attention);

/* Bytes of a matrix in tiles; 0 when this type or shape has none. */
__attribute__((visibility("default"))) size_t hs_packed_bytes(int type, int64_t in, int64_t out);
struct hs_packing {
  int32_t type;
  int32_t unused;
  int64_t in, out;
  const void *blocks;
  uint8_t *tiles;
};
/* Puts a matrix of GGUF blocks into its tiles; dst is not touched. */
HS_OP(hs_pack_op, hs_packing);
/* The k largest of n numbers and where they stand, best first, ties toward the smaller index; 1 <= k <= n. */
__attribute__((visibility("default"))) void hs_top(const float *row, int n, int k, int32_t *ids, float *values);

/* Bytes that products prefetch ahead; most rows that go straight through a tile; rows from which codes are unpacked to a slab.
 * They change the time, never a result; other engines of the process may be computing meanwhile. */
__attribute__((visibility("default"))) void hs_tune(int ahead, int direct_rows, int slab_from);

/* Threads of our own, the caller's included; NULL when there is no memory. */
__attribute__((visibility("default"))) void *hs_pool_new(int threads);
__attribute__((visibility("default"))) void hs_pool_free(void *pool);

struct hs_runner {
  int (*compute)(void *backend, void *graph); /* ggml_backend_graph_compute */
  void *backend;
  void *pool; /* or NULL */
};
/* Computes a graph. Where ggml gives an operation one thread only, the pool's threads share its work. */
__attribute__((visibility("default"))) int hs_compute(const struct hs_runner *runner, void *graph);

/* HS_ABI of this library. */
__attribute__((visibility("default"))) int hs_abi(void);
/* The kernels in use: "avx512-vnni", "avx2", "neon-dotprod" or "portable". */
__attribute__((visibility("default"))) const char *hs_kernels(void);
/* Chooses kernels by name, or the best with NULL; 0 when this machine cannot run them. Not while an operation runs. */
__attribute__((visibility("default"))) int hs_choose(const char *name);

#endif
