/** Why a round was drafted so, in a few short numbers and lists. */
import type { Explanation } from '../types.ts'
import { rateOf } from './choice.ts'
import type { DraftedRound } from './round.ts'

/**
 * What `heterospec-cost` says of a round. `considered`: levels as `level:width@value`, the value being expected tokens per time over
 * plain decoding's with the level, `/` the same without it; numbers of nodes as `nodes@value`.
 */
export function explainRound(round: DraftedRound, spentMs: number): Explanation {
  const { choice, prices, levels, entropy, considered } = round
  const plainRate = 1 / prices.plainMs
  const value = (rate: number): string => (rate / plainRate).toFixed(2)
  const told = entropy === undefined ? {} : { entropy: rounded(entropy.nats), bin: entropy.bin }
  const options = [prices.plain, ...prices.options(round.ranked)]
  return {
    nodes: choice.nodes,
    levels,
    ...told,
    tokens: rounded(choice.tokens),
    price: rounded(choice.ms / prices.plainMs),
    draftPrice: rounded(spentMs / prices.plainMs),
    plainMs: rounded(prices.plainMs),
    consideredLevels: considered
      .map(({ level, width, rate, stopRate }) => `${level}:${width}@${value(rate)}/${value(stopRate)}`)
      .join(' '),
    consideredNodes: options.map((option) => `${option.nodes}@${value(rateOf(option, spentMs))}`).join(' '),
  }
}

function rounded(value: number): number {
  return Math.round(value * 1e3) / 1e3
}
