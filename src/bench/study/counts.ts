/** From replayed answers to rows of counts: every variant over every group, paired with the first one question by question. */
import { defined } from '../../util/assert.ts'
import { keyOf, OVERALL, PLAIN, timeOf } from '../simulate/budgets.ts'
import type { SimulatedAnswer } from '../simulate/types.ts'
import { createEstimator } from '../statistics.ts'
import { groupsOf } from '../suite.ts'
import type { CountRow, Variant } from './types.ts'
import { replayVariant, type StudyWorld } from './world.ts'

/** Replays all of them. The first is what the ratios are over. */
export function countVariants(world: StudyWorld, variants: readonly Variant[]): CountRow[] {
  const plain = replayVariant(world, PLAIN)
  return summariseCounts(
    plain,
    variants.map((variant) => replayVariant(world, variant)),
  )
}

/** Rows by variant and group, `overall` last; with one group only that. Every list holds the same questions. */
export function summariseCounts(
  plain: readonly SimulatedAnswer[],
  variants: readonly (readonly SimulatedAnswer[])[],
): CountRow[] {
  const estimate = createEstimator()
  const groups = groupsOf(plain)
  const first = byQuestion(defined(variants[0], 'a variant'))
  const base = byQuestion(plain)
  return variants.flatMap((answers) =>
    [...(groups.length > 1 ? groups : []), OVERALL].map((group): CountRow => {
      const own = answers.filter((answer) => group === OVERALL || answer.group === group)
      const total = (pick: (answer: SimulatedAnswer) => number): number =>
        own.reduce((sum, answer) => sum + pick(answer), 0)
      const over = (others: ReadonlyMap<string, SimulatedAnswer>, pick: (answer: SimulatedAnswer) => number) =>
        estimate(own.map((answer) => pick(answer) / pick(defined(others.get(keyOf(answer))))))
      const [tokens, calls] = [total((answer) => answer.tokens), total((answer) => answer.calls)]
      return {
        ...{ variant: defined(answers[0]).budget, group, questions: own.length, tokens, calls },
        ...{ verified: total((answer) => answer.verified), tau: tokens / calls },
        callsRatio: over(first, (answer) => answer.calls),
        verifiedRatio: over(first, (answer) => answer.verified),
        pricedSpeedup: over(base, (answer) => 1 / timeOf(answer)),
      }
    }),
  )
}

/** Rows over all questions, in order. */
export function overallRows({ rows }: { readonly rows: readonly CountRow[] }): CountRow[] {
  return rows.filter(({ group }) => group === OVERALL)
}

// ---------------------------------------------------------------------------------------------------------------

function byQuestion(answers: readonly SimulatedAnswer[]): Map<string, SimulatedAnswer> {
  return new Map(answers.map((answer) => [keyOf(answer), answer]))
}
