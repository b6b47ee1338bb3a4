/** The ablation by the clock: the benchmark's fair protocol with the variants as sides. */
import { runBench, type BenchSetup, type NamedMethod } from '../bench.ts'
import type { PricedDrafter } from '../cost/draft.ts'
import type { BenchDocument } from '../types.ts'
import type { Variant } from './types.ts'
import { ROWS } from './variants.ts'

/** EAGLE's tree with graphs kept: what DGO alone would be worth to it. */
const EAGLE_KEPT = 'EAGLE, graphs kept'

/** The sides. Before `+DGO` no graph is kept beyond the next pass; all rows share their entropy bins. */
export function clockMethods(variants: readonly Variant[], drafter: PricedDrafter['drafter']): NamedMethod[] {
  const method = ({ name, options }: Variant, keepGraphs: boolean): NamedMethod => {
    return { name, speculative: { drafter, budget: options }, keepGraphs }
  }
  const bare: readonly string[] = [ROWS.eagle, ROWS.ded, ROWS.tnp]
  return variants.flatMap((variant) => [
    method(variant, !bare.includes(variant.name)),
    ...(variant.name === ROWS.eagle ? [method({ ...variant, name: EAGLE_KEPT }, true)] : []),
  ])
}

/** Decodes every question with every variant. Throws `aborted`; the same call goes on from there. */
export function runClock(
  setup: Omit<BenchSetup, 'methods' | 'peers'>,
  variants: readonly Variant[],
  drafter: PricedDrafter['drafter'],
): Promise<BenchDocument> {
  const peers = { sides: [], skipped: [], peaks: () => Promise.resolve([]), idleShares: () => [] }
  return runBench({ ...setup, methods: clockMethods(variants, drafter), peers })
}
