/** Rounds worth a picture: per side the luckiest one of a question and an ordinary one. */
import { defined } from '../util/assert.ts'
import type { RoundTrace } from '../engine/index.ts'
import type { Tokenizer } from '../text/index.ts'
import type { Outcome, Question, TreeSample } from './types.ts'

/** Larger trees cannot be read. */
const MOST_NODES = 48

/** At most two rounds of each side that drafted. */
export function pickSamples(
  tokenizer: Tokenizer,
  { id }: Question,
  outcomes: ReadonlyMap<string, Outcome>,
): TreeSample[] {
  const textOf = (token: number): string => tokenizer.detokenize([token], { special: true })
  return [...outcomes].flatMap(([side, { rounds = [] }]) =>
    chooseRounds(rounds).map((round) => ({
      side,
      id,
      round,
      texts: round.tree.tokens.map(textOf),
      emittedTexts: round.emitted.map(textOf),
    })),
  )
}

// ---------------------------------------------------------------------------------------------------------------

function chooseRounds(rounds: readonly RoundTrace[]): RoundTrace[] {
  const drafted = rounds.filter((round) => round.drafted > 0 && round.drafted <= MOST_NODES)
  if (drafted.length === 0) return []
  const byLuck = [...drafted].sort((a, b) => b.accepted - a.accepted || b.drafted - a.drafted || a.round - b.round)
  const lucky = defined(byLuck[0])
  const ordinary = defined(byLuck[Math.floor(byLuck.length / 2)])
  return ordinary === lucky ? [lucky] : [lucky, ordinary]
}
