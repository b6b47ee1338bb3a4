export type * from './types.ts'
export { KvCache } from './kv.ts'
export { SlotPool } from './pool.ts'
export { PREFIX_BLOCK, PrefixCache } from './prefix-cache.ts'
