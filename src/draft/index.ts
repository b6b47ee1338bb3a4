/** Drafting: the table of methods, their options, and what other layers need to run one. */
export type * from './types.ts'
export {
  createDrafter,
  drafterOptions,
  growsByLevels,
  drafters,
  type DrafterOptions,
  type DraftMethod,
  type ResolvedDrafter,
} from './drafters.ts'
export { finishTree, lastWord, pruneToBudget } from './grow.ts'
