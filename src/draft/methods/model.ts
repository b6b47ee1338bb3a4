/**
 * A smaller model of the same vocabulary drafts for the target. Its tree grows level by level as EAGLE-2's does
 * (arXiv 2406.16858): the most probable paths are expanded, the best nodes of all levels are kept; with width 1 it is the
 * chain of plain two-model speculation (arXiv 2211.17192). Draft probabilities are at temperature 1: they are only scores.
 */
import { UsageError } from '../../util/errors.ts'
import { bareRoot, growTree } from '../grow.ts'
import { ModelReader } from '../model-reader.ts'
import { ModelTurns } from '../model-turns.ts'
import { emittedTokens, type Ranked, type RoundOutcome, type TokenId } from '../../tree/index.ts'
import type { Drafter, DraftParts, DraftRound, DraftSession, LevelSource } from '../types.ts'
import { modelOptions, type ModelOptions } from './model.options.ts'

export const summary = 'a smaller model with the same vocabulary drafts a tree level by level'
export const paper = {
  title: 'EAGLE-2: Faster Inference of Language Models with Dynamic Draft Trees',
  arxiv: '2406.16858',
  parts: 'expansion and re-ranking of the tree, with an independent model instead of a head',
}
export const options = modelOptions

/** Loads the draft model, which the drafter owns. Throws `drafter-mismatch` when its vocabulary is not the target's. */
export async function create(
  settings: ModelOptions,
  parts: Pick<DraftParts, 'target' | 'loadDraftModel'>,
): Promise<Drafter<Ranked>> {
  const model = await parts.loadDraftModel(settings.path)
  const { vocabSize } = parts.target
  // Models of one family pad their vocabulary differently: a few unused ids more or less do not matter.
  if (Math.abs(model.spec.vocabSize - vocabSize) > vocabSize / 1000) {
    const found = model.spec.vocabSize
    await model[Symbol.asyncDispose]()
    throw new UsageError(
      'drafter-mismatch',
      `expected a draft model with a vocabulary of ${vocabSize} tokens, got ${found} in ${settings.path}; choose one of the target's family`,
    )
  }
  const turns = new ModelTurns(model)
  return {
    method: 'model',
    sources: ['model'],
    needs: { features: false },
    open: () => new ModelSession(new ModelReader(model, turns, vocabSize), settings),
    [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
  }
}

// ---------------------------------------------------------------------------------------------------------------

class ModelSession implements DraftSession<Ranked> {
  readonly levels: LevelSource
  readonly #settings: ModelOptions
  readonly #reader: ModelReader

  constructor(reader: ModelReader, settings: ModelOptions) {
    this.#reader = reader
    this.#settings = settings
    const { maxDepth, maxWidth } = settings
    this.levels = {
      maxDepth,
      maxWidth,
      begin: (tokens, signal) => reader.begin(tokens, signal),
      canRead: (count) => reader.canRead(count),
      guess: (tree, nodes, count) => reader.guess(tree, nodes, count),
    }
  }

  async propose({ tokens, budget, policy, signal }: DraftRound): Promise<Ranked> {
    const root = tokens[tokens.length - 1] as TokenId
    // A round without drafting costs nothing here: the cache falls behind and catches up when it is needed.
    if (budget.nodes <= 0 || budget.depth <= 0) return bareRoot(root)
    if (!(await this.#reader.begin(tokens, signal))) return bareRoot(root)
    const depth = Math.min(budget.depth, this.#settings.maxDepth)
    const width = Math.min(budget.width, this.#settings.maxWidth)
    return growTree(root, this.#reader, policy, { ...budget, depth, width }, signal)
  }

  observe(outcome: RoundOutcome): void {
    this.#reader.end(emittedTokens(outcome))
  }

  [Symbol.dispose](): void {
    this.#reader[Symbol.dispose]()
  }
}
