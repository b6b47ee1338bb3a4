export * from './pointer.ts'
export type * from './abi.ts'
export * from './library.ts'
export * from './memory.ts'
