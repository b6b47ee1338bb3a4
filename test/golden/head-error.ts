/** How far the guesses of a loaded head are from the float64 reference's, over a text and a tree below it. */
import { loadGguf } from '../../src/gguf/index.ts'
import { loadDraftHead, loadModel, type HeadNode } from '../../src/model/index.ts'
import { someTokens } from '../tiny.ts'
import { ReferenceHead } from './eagle3-reference.ts'

export interface HeadErrorOptions {
  readonly kvType: 'f32' | 'f16'
  readonly kernels: boolean
  /** Draft id i is token i * step. */
  readonly vocabularyStep: number
  /** A file of the same head for the reference; default: the one that is loaded. */
  readonly referencePath?: string
}

/** Largest difference of log-probabilities, relative to the spread of the logits; Infinity for wrong tokens. */
export async function worstGuessError(path: string, headPath: string, options: HeadErrorOptions): Promise<number> {
  const { kvType, kernels, vocabularyStep: step, referencePath = headPath } = options
  const reference = await ReferenceHead.open(loadGguf(referencePath), loadGguf(path))
  await using model = await loadModel(path, { kvType, context: 256, kernels })
  await using head = await loadDraftHead(headPath, model, { kvType })
  using sequence = model.open()
  sequence.tap(head.spec.taps)
  using text = head.open()!
  const tokens = someTokens(75)
  const features: Float32Array[] = []
  await sequence.prefill(tokens.slice(0, -1), { onFeatures: (_, rows) => void features.push(...rows) })
  const rows = features.map((row, position) => ({ position, next: tokens[position + 1]!, features: row }))
  // In two pieces, the second one over what a first try left behind.
  await text.read(rows.slice(0, 30))
  await text.read(rows.slice(30, 40), 3)
  await text.draft([{ parent: -1, token: 5 }], 3)
  const first = (await text.read(rows.slice(40), 5))!
  const exact = features.map((row) => Float64Array.from(row))
  const errorOf = (guess: typeof first, drafted: readonly number[]): number =>
    guessError(guess, reference.guesses(exact, tokens, drafted).at(-1)!.logits, step)
  let worst = errorOf(first, [])
  const nodes: HeadNode[] = []
  for (const level of [
    [-1, -1],
    [0, 1, 1],
    [2, 3, 4],
  ]) {
    const added = level.map((parent, i) => ({ parent, token: 20 + 7 * nodes.length + i }))
    const guesses = await text.draft(added, 5)
    nodes.push(...added)
    guesses.forEach(
      (guess, i) => (worst = Math.max(worst, errorOf(guess, pathOf(nodes, nodes.length - added.length + i)))),
    )
  }
  return worst
}

// ---------------------------------------------------------------------------------------------------------------

function pathOf(nodes: readonly HeadNode[], node: number): number[] {
  return node < 0 ? [] : [...pathOf(nodes, nodes[node]!.parent), nodes[node]!.token]
}

/** Difference of log-probabilities of the guessed tokens, relative to the spread of the logits; Infinity for wrong tokens. */
function guessError(
  guess: { readonly tokens: readonly number[]; readonly probs: Float32Array },
  logits: Float64Array,
  step: number,
): number {
  const top = Math.max(...logits)
  const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - top), 0)) + top
  const mean = logits.reduce((sum, logit) => sum + logit, 0) / logits.length
  const spread = Math.sqrt(logits.reduce((sum, logit) => sum + (logit - mean) ** 2, 0) / logits.length)
  let worst = 0
  guess.tokens.forEach((token, i) => {
    if (token % step !== 0) worst = Infinity
    const difference = Math.abs(Math.log(guess.probs[i]!) - (logits[token / step]! - total)) / spread
    worst = Math.max(worst, difference)
  })
  const best = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!)
  // What ranks first must be among the first, up to ties within the error.
  const reached = logits[guess.tokens[0]! / step]! - logits[best[0]!]!
  return Math.max(worst, -reached / spread)
}
