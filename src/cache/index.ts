export type * from './types.ts'
export { KvCache, type KvOptions } from './kv.ts'
export { SlotPool } from './pool.ts'
