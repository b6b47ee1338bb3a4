export { catalog, defaultModelName } from './catalog.ts'
export { listModels } from './list.ts'
export { resolveModel, type ResolveOptions } from './resolve.ts'
export type * from './types.ts'
