/** Drafters that are always right or always wrong: the ends between which every real one lies. */
import { finishTree } from '../../src/draft/index.ts'
import { chainTree, type Ranked, type TokenId } from '../../src/tree/index.ts'
import type { Drafter } from '../../src/draft/index.ts'

/** Proposes the true future as a chain. `text` is the prompt and everything that plain decoding emits after it. */
export function oracleDrafter(text: readonly TokenId[]): Drafter<Ranked> {
  return chainDrafter('oracle', (position, count) => text.slice(position, position + count))
}

/** Proposes a chain whose every token is another one than the true one. `vocabSize` is at least 2. */
export function liarDrafter(text: readonly TokenId[], vocabSize: number): Drafter<Ranked> {
  const lie = (token: TokenId): TokenId => (token + 1) % vocabSize
  return chainDrafter('liar', (position, count) => text.slice(position, position + count).map(lie))
}

function chainDrafter(method: string, guess: (position: number, count: number) => readonly TokenId[]): Drafter<Ranked> {
  return {
    method,
    sources: [method],
    needs: { features: false },
    open: () => ({
      propose: async ({ tokens, budget, policy }) => {
        const root = tokens[tokens.length - 1] as TokenId
        const future = guess(tokens.length, Math.min(budget.depth, budget.nodes))
        const logProbs = future.map(() => -0.01)
        return finishTree(chainTree([root, ...future], logProbs), policy, budget)
      },
      observe: () => undefined,
      [Symbol.dispose]: () => undefined,
    }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
