export type * from './types.ts'
export { walk } from './walk.ts'
export { chainRejection } from './ratio.ts'
