/** Reads the shape of t(n) off a price list, and says in sentences what it means for drafts. Pure arithmetic and text. */
import { defined } from '../../util/assert.ts'
import { median } from '../../util/math.ts'
import { createCostModel, type CostSample } from '../../policy/index.ts'
import type { BreakEven, Stairs } from './types.ts'

/** A row is dear when it costs this many times what rows usually do, and at least this share of a plain pass. */
const DEAR = 2.5
const LEAST_JUMP = 0.08
/** Row counts whose price is spelled out. */
const TOLD = [2, 4, 8, 16, 32, 64]

/** Stairs, jumps and break-even rates at the list's shortest context, read off what budgets make of the list. */
export function findStairs(prices: readonly CostSample[]): Stairs {
  const cost = createCostModel(prices.map(({ rows, context, ms }) => ({ rows, context, ms })))
  const context = Math.min(...prices.map((price) => price.context))
  const one = cost.targetMs(1, context)
  const counts = [...new Set(prices.map(({ rows }) => rows))].sort((a, b) => a - b)
  const ratio = (rows: number): number => cost.targetMs(rows, context) / one
  return {
    context,
    cheapRows: cost.cheapRows,
    jumps: findJumps(counts.map((rows) => ({ rows, price: ratio(rows) }))),
    breakEven: TOLD.filter((rows) => counts.includes(rows)).map((rows) => {
      return { rows, ratio: ratio(rows), rate: breakEvenRate(rows - 1, ratio(rows)) }
    }),
  }
}

/** What people should take from it, one sentence each. */
export function describeStairs({ breakEven, jumps, cheapRows, context }: Stairs, measured: number): string[] {
  const prices = breakEven.map(({ rows, ratio }) => `${rows} rows cost ${ratio.toFixed(2)}`)
  const few = cheapRows.length <= 0.7 * measured
  return [
    ...(prices.length > 0 ? [`In passes over one row, at ${context} tokens: ${prices.join(', ')}.`] : []),
    jumps.length > 0
      ? `Stairs: the next row is dear after ${jumps.map(({ rows, next, more }) => `${rows} (${next} rows cost ${percent(more)} of a pass more)`).join(', ')}.`
      : 'No stairs: the price rises evenly from row to row.',
    few
      ? `Budgets choose among ${cheapRows.join(', ')} rows, the last token included; other counts cost nearly as much as the next of these.`
      : `Budgets choose among nearly all row counts up to ${cheapRows.at(-1) ?? 1}: none is much cheaper than its neighbours.`,
    ...breakEven.filter(({ rows }) => rows <= 16).map(describeBreakEven),
  ]
}

/** Chance per guess at which a chain of `depth` guesses brings `tau` tokens; null where even certainty does not. */
export function breakEvenRate(depth: number, tau: number): number | null {
  if (tau > depth + 1) return null
  let [low, high] = [0, 1]
  for (let i = 0; i < 50; i++) {
    const rate = (low + high) / 2
    if (chainTau(rate, depth) < tau) low = rate
    else high = rate
  }
  return (low + high) / 2
}

// ---------------------------------------------------------------------------------------------------------------

function chainTau(rate: number, depth: number): number {
  let tau = 1
  for (let d = 1, reached = 1; d <= depth; d++) tau += reached *= rate
  return tau
}

interface Point {
  readonly rows: number
  readonly price: number
}

function findJumps(points: readonly Point[]): Stairs['jumps'] {
  const steps = points.slice(1).map((point, index) => {
    const before = defined(points[index])
    const more = point.price - before.price
    return { rows: before.rows, next: point.rows, more, perRow: more / (point.rows - before.rows) }
  })
  const usual = Math.max(0, median(steps.map(({ perRow }) => perRow)))
  return steps
    .filter(({ perRow }) => perRow >= DEAR * usual && perRow >= LEAST_JUMP)
    .map(({ rows, next, more }) => ({ rows, next, more }))
}

function describeBreakEven({ rows, ratio, rate }: BreakEven): string {
  const guesses = rows === 2 ? 'a draft of 1 token' : `a draft of ${rows - 1} tokens`
  const needed = Math.max(0, ratio - 1).toFixed(2)
  if (rate === null) return `${rows} rows cost as much as ${ratio.toFixed(2)} passes: ${guesses} never pays.`
  if (rows === 2) return `With 2 rows ${guesses} pays when it is right more often than ${percent(rate)}.`
  return `With ${rows} rows ${guesses} pays when more than ${needed} of them are accepted; a chain, when each is right more often than ${percent(rate)}.`
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}
