/**
 * A drafter of known quality: it is told the true answer and is right at each depth as often as asked. So the price of
 * passes and budgets can be studied apart from drafters: whatever differs then is the machine's.
 *
 * Whether a guess is right depends on the seed, the prompt, the position in the text and the depth alone: not on budgets,
 * and not on what was drafted before.
 */
import { defined } from '../util/assert.ts'
import { UsageError } from '../util/errors.ts'
import { uniformAt } from '../util/rng.ts'
import { finishTree, type Drafter } from '../draft/index.ts'
import { chainTree, type Ranked, type TokenId } from '../tree/index.ts'

export interface SyntheticOptions {
  /** By depth - 1: the chance that the guess is right when all guesses above it are. Deeper levels are not drafted. */
  readonly rates: readonly number[]
  readonly seed: number
  /** What plain decoding answers, the first token included; the token that ends an answer may be left out. */
  readonly answer: readonly TokenId[]
}

/** Proposes chains along `answer`, wrong on purpose where chance says so. Throws `bad-option` for rates that are none. */
export function createSyntheticDrafter({ rates, seed, answer }: SyntheticOptions): Drafter<Ranked> {
  checkRates(rates)
  const logProbs = rates.map((rate) => Math.log(Math.max(rate, SMALLEST_RATE)))
  return {
    method: 'synthetic',
    sources: ['synthetic'],
    needs: { features: false },
    open: (prompt) => {
      const start = prompt.length - 1 // the answer's first token is the prompt's last here
      const own = ownSeed(seed, prompt)
      return {
        propose: ({ tokens, budget, policy }) => {
          const position = tokens.length
          const count = Math.min(budget.depth, budget.nodes, rates.length)
          const future = answer.slice(position - start, position - start + Math.max(0, count))
          const guesses = future.map((token, index) =>
            uniformAt(own, position * MOST_DEPTHS + index) < defined(rates[index]) ? token : anotherThan(token),
          )
          const root = defined(tokens.at(-1))
          return Promise.resolve(finishTree(chainTree([root, ...guesses], logProbs), policy, budget))
        },
        observe: () => undefined,
        [Symbol.dispose]: () => undefined,
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** Tokens per round that chains of each depth bring, for depth 0, 1, ...: 1 + r1 + r1 r2 + ... */
export function expectedTau(rates: readonly number[]): number[] {
  let reached = 1
  let tau = 1
  return [1, ...rates.map((rate) => (tau += reached *= rate))]
}

// ---------------------------------------------------------------------------------------------------------------

/** Each position has so many random numbers of its own. */
const MOST_DEPTHS = 64
/** What a drafter says of guesses that are never right: it may not say zero. */
const SMALLEST_RATE = 1e-6

function checkRates(rates: readonly number[]): void {
  const fits = rates.length >= 1 && rates.length <= MOST_DEPTHS && rates.every((rate) => rate >= 0 && rate <= 1)
  if (fits) return
  throw new UsageError(
    'bad-option',
    `expected 1 to ${MOST_DEPTHS} acceptance rates from 0 to 1, got ${rates.join(',') || 'none'}; write them like 0.8,0.6`,
  )
}

/** Prompts of equal length must not share their luck. */
function ownSeed(seed: number, prompt: readonly TokenId[]): number {
  return prompt.reduce((hash, token) => Math.imul(hash ^ token, 0x9e3779b1) >>> 0, seed >>> 0)
}

/** Ids 0 and 1 exist in every vocabulary. */
function anotherThan(token: TokenId): TokenId {
  return token === 0 ? 1 : token - 1
}
