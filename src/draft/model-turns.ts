/**
 * Whose turn it is with a draft model: trees of several readers that wait for it are scored in one pass, in which the weights are
 * read once. A reader gets the bits that it gets alone (`model/invariance.ts`).
 */
import { Joined } from '../util/joined.ts'
import { defined } from '../util/assert.ts'
import type { ScoreItem, TargetModel } from '../model/index.ts'
import type { Scores } from '../tree/index.ts'

/** Rows of a pass that several readers share, at most: more would only be waited for longer. */
const MOST_ROWS = 64

interface Tree {
  readonly item: ScoreItem
  readonly read: (scores: Scores) => void
}

/** A tree to be scored, or work that goes alone. */
type Turn = Tree | { readonly work: () => Promise<unknown> }

export class ModelTurns {
  readonly #model: TargetModel
  readonly #turns: Joined<Turn, undefined>

  constructor(model: TargetModel) {
    this.#model = model
    this.#turns = new Joined({ fits, run: (lot) => this.#run(lot) })
  }

  /** What `read` makes of the item's scores, which are gone afterwards. */
  async score<Result>(item: ScoreItem, read: (scores: Scores) => Result): Promise<Result> {
    const results: Result[] = []
    await this.#turns.add({ item, read: (scores) => results.push(read(scores)) })
    return results.at(-1) as Result
  }

  /** Passes that are not shared. */
  async alone(work: () => Promise<unknown>): Promise<void> {
    await this.#turns.add({ work })
  }

  async #run(lot: readonly Turn[]): Promise<undefined[]> {
    const trees: Tree[] = []
    for (const turn of lot) {
      if ('work' in turn) await turn.work()
      else trees.push(turn)
    }
    if (trees.length === 0) return []
    const scores = await this.#model.score(trees.map(({ item }) => item))
    // At once: the next pass takes the scores away.
    trees.forEach(({ read }, index) => read(defined(scores[index], 'scores')))
    return []
  }
}

// ---------------------------------------------------------------------------------------------------------------

function fits(lot: readonly Turn[], turn: Turn): boolean {
  let rows = 0
  for (const one of [...lot, turn]) {
    if ('work' in one) return false
    rows += one.item.tree.size - (one.item.from ?? 0)
  }
  return rows <= MOST_ROWS
}
