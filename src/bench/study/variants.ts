/** The budgets that studies compare. */
import { defaultAlpha } from '../../policy/index.ts'
import type { StudyTree, Variant } from './types.ts'

/** Names of the paper's rows. */
export const ROWS = { eagle: 'EAGLE', ded: '+DED', tnp: '+TNP', dgo: '+DGO' } as const

/** The paper's ablation, row by row. `+DGO` changes times, not counts: it is the row before with graphs kept. */
export function ablationVariants(tree: StudyTree, edges: readonly number[], others: readonly Variant[]): Variant[] {
  const heterospec = { policy: 'heterospec', ...tree, edges } as const
  return [
    { name: ROWS.eagle, options: { policy: 'eagle', ...tree } },
    { name: ROWS.ded, options: { ...heterospec, tnp: false } },
    { name: ROWS.tnp, options: heterospec },
    { name: ROWS.dgo, options: heterospec },
    ...others,
  ]
}

/** EAGLE first, then heterospec with each alpha. */
export function alphaVariants(
  tree: StudyTree,
  edges: readonly number[],
): (Variant & { readonly alpha: number | null })[] {
  const heterospec = { policy: 'heterospec', ...tree, edges } as const
  return [
    { name: ROWS.eagle, alpha: null, options: { policy: 'eagle', ...tree } },
    ...alphasOf(tree).map((alpha) => ({ name: `alpha ${alpha}`, alpha, options: { ...heterospec, alpha } })),
  ]
}

/** From 0, no added level, to two more than the paper's choice. */
export function alphasOf({ depth }: Pick<StudyTree, 'depth'>): number[] {
  return Array.from({ length: defaultAlpha(depth) + 3 }, (_, alpha) => alpha)
}

/** Levels that a drafter must be able to grow for all of them. */
export function levelsFor(tree: Pick<StudyTree, 'depth'>): number {
  return tree.depth + 1 + Math.max(...alphasOf(tree))
}
