/** Contracts of the KV cache: rows of keys and values, one per token and layer, in one pool for all sequences. */

export interface KvSettings {
  readonly layerCount: number
  /** Numbers per row of keys and of values: head width times KV heads. */
  readonly keyWidth: number
  readonly valueWidth: number
  /** ggml type of both. */
  readonly type: number
  /** Rows in all. */
  readonly slots: number
}

/** A run of slots that belongs to one sequence. */
export interface Region {
  readonly start: number
  readonly size: number
}

/** How full a cache of beginnings is. */
export interface PrefixUse {
  /** Tokens whose rows are kept. */
  readonly tokens: number
  /** Most tokens. */
  readonly capacity: number
  /** Tokens whose rows had to go so far, to make room. */
  readonly evicted: number
  readonly eviction: CacheEviction
  /** Of the evicted: because they were predicted not to be wanted again. 0 where nothing is predicted. */
  readonly predicted: number
  /** Of those: wanted again soon nevertheless. */
  readonly wrong: number
}

/** Which rows go where there is no room: those used longest ago, or first those that are predicted not to be wanted again. */
export type CacheEviction = 'lru' | 'mark-predict'
