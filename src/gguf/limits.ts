/**
 * Caps against hostile files. Each is far above what real models need and far below what would hurt:
 * a count in a file costs its author eight bytes, and us the memory that it promises.
 */
export const limits = {
  /** The header stays in memory. A vocabulary of 262,144 with merges needs about 16 MB. */
  headerBytes: 64 << 20,
  /** First read; doubled while the header goes on. Most headers need one or two steps. */
  firstReadBytes: 2 << 20,
  /** Real files have less than a hundred keys; libllama compares each with all others. */
  metadataCount: 4096,
  /** Real files have up to a few thousand tensors; libllama compares each name with all others. */
  tensorCount: 16_384,
  /** The format's own limit. */
  keyBytes: 65_535,
  /** ggml keeps names in 64 bytes, the last of them zero. */
  tensorNameBytes: 63,
  /** ggml's limit. */
  dimensions: 4,
  /** Exact in a JavaScript number; 8 PB of the smallest type. */
  elements: Number.MAX_SAFE_INTEGER,
  /** Real files use 32; a page of 64 KiB is the largest that any platform would ask for. */
  alignment: 1 << 16,
  /** Parts of a split model. */
  files: 1000,
} as const
