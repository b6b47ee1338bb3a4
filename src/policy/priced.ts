/**
 * Prices instead of times: a policy that is told, for every pass and every draft, what the price list says it takes.
 * Its decisions then depend on the text alone, so that the same request makes the same rounds whenever it is repeated.
 * For experiments; in daily use a policy should know when the machine is slower than its list.
 */
import type { Budget, BudgetPolicy, CostModel, Explanation, LevelReport, RoundContext } from './types.ts'
import type { RoundOutcome, TokenTree } from '../tree/index.ts'

/** What drafting costs, in milliseconds. */
export interface DraftPrice {
  /** One round's whole draft. */
  readonly roundMs: number
  /** One level, where trees grow level by level; null for drafters that propose a tree at once. */
  readonly levelMs: number | null
}

/** `policy` under the prices of `list`, which real passes no longer correct. */
export function pricedTime(
  policy: BudgetPolicy,
  list: CostModel,
  draft: DraftPrice,
): { readonly policy: BudgetPolicy; readonly cost: CostModel } {
  const cost: CostModel = {
    targetMs: (rows, context) => list.targetMs(rows, context),
    cheapRows: list.cheapRows,
    observe: () => undefined,
  }
  return { policy: new PricedPolicy(policy, cost, draft), cost }
}

// ---------------------------------------------------------------------------------------------------------------

class PricedPolicy implements BudgetPolicy {
  readonly name: string
  readonly #policy: BudgetPolicy
  readonly #cost: CostModel
  readonly #draft: DraftPrice
  #drafted = false
  /** Undefined for trees that come in one piece. */
  #levels: number | undefined

  constructor(policy: BudgetPolicy, cost: CostModel, draft: DraftPrice) {
    this.name = policy.name
    this.#policy = policy
    this.#cost = cost
    this.#draft = draft
  }

  plan(context: RoundContext): Budget {
    const budget = this.#policy.plan(context)
    this.#drafted = budget.nodes > 0
    this.#levels = undefined
    return budget
  }

  revise(level: LevelReport, budget: Budget): Budget {
    if (level.frontier.length > 0 || this.#levels !== undefined) this.#levels = level.depth
    return this.#policy.revise(level, budget)
  }

  chances(tree: TokenTree): Float64Array | undefined {
    return this.#policy.chances?.(tree)
  }

  observe(outcome: RoundOutcome): void {
    const { tree, accepted, next, context } = outcome
    this.#policy.observe({
      ...{ tree, accepted, next, context },
      verifyMs: this.#cost.targetMs(tree.size, context),
      draftMs: this.#drafted ? this.#draftMs() : 0,
    })
  }

  explain(): Explanation | undefined {
    return this.#policy.explain?.()
  }

  #draftMs(): number {
    const { roundMs, levelMs } = this.#draft
    return levelMs !== null && this.#levels !== undefined ? levelMs * this.#levels : roundMs
  }
}
