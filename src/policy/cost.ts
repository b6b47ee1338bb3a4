/**
 * The price list of one model on one machine: what a target pass costs by rows and by tokens in the cache.
 * Fitted from a short measurement, then corrected by every real pass. Pure arithmetic: it times nothing and stores
 * nothing; the engine does both.
 *
 * price(rows, context) = base(rows) + slope(rows) * context: both are non-decreasing lines through the measured row counts.
 * The slope is the price of attention to one more token; it grows more slowly than the rows, which share the reading of
 * keys and values.
 */
import * as z from 'zod'
import { UsageError } from '../util/errors.ts'
import { mean, median } from '../util/math.ts'
import { Drift } from './drift.ts'
import { interpolate, isotonic, locate } from './isotonic.ts'
import type { CostModel, CostSample } from './types.ts'

/** What a stored measurement must look like. */
export const costSamples = z.array(
  z.strictObject({
    rows: z.int().min(1),
    context: z.int().min(0),
    ms: z.number().positive(),
  }),
)

/** A cost model that can be written down. */
export interface MeasuredCost extends CostModel {
  /** Prices as they are believed now, at every measured (rows, context), ascending: what to show and what to store. */
  costTable(): CostSample[]
}

/**
 * A cost model from measured passes; several samples of one (rows, context) count by their median. Without any sample
 * it starts from a guess and learns from the first passes. Throws `bad-option` on samples that are no prices.
 */
export function createCostModel(samples: readonly CostSample[] = []): MeasuredCost {
  const checked = costSamples.safeParse(samples)
  if (!checked.success) {
    const where = checked.error.issues[0]
    throw new UsageError(
      'bad-option',
      `expected prices as {rows, context, ms}, got ${where?.message ?? 'something else'} at ${where?.path.join('.') ?? 'the root'}; measure again`,
    )
  }
  return new FittedCost(checked.data)
}

// ---------------------------------------------------------------------------------------------------------------

/** The guess where nothing was measured: a CPU on which two rows cost one and a half times one row. */
const GUESS_ROWS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32]
const GUESS_MS = 20
const guess = (rows: number): number => 0.5 + 0.5 * rows

/**
 * A count is no end of a stair when the next one costs less than 3 % more: its rows come nearly free. Small enough that
 * skipping a count which a smooth curve would have offered loses at most these 3 %.
 */
const NEARLY_FREE = 1.03

/** Measured prices are off by some 10 % and the machine's speed may have changed since; a guess is worth little. */
const MEASURED = { common: 0.3, own: 0.1 }
const GUESSED = { common: 2, own: 0.5 }

class FittedCost implements MeasuredCost {
  readonly #samples: readonly CostSample[]
  /** [knots] measured row counts, ascending, 1 first. */
  readonly #rows: number[]
  /** [knots] milliseconds at an empty cache. */
  readonly #base: number[]
  /** [knots] milliseconds per token in the cache. */
  readonly #slopes: number[]
  readonly #longest: number
  readonly #drift: Drift
  #curve: { readonly context: number; readonly prices: number[] } | undefined
  #cheapRows: number[] | undefined

  constructor(measured: readonly CostSample[]) {
    this.#samples = mergeRepeats(measured)
    const slope = fitSlope(this.#samples)
    const base = completeBase(fitBase(this.#samples, slope))
    this.#rows = [...base.keys()]
    this.#base = isotonic([...base.values()])
    this.#slopes = this.#rows.map(slope)
    this.#longest = Math.max(0, ...this.#samples.map((sample) => sample.context))
    this.#drift = new Drift(this.#rows.length, measured.length > 0 ? MEASURED : GUESSED)
  }

  targetMs(rows: number, context: number): number {
    const prices = this.#prices(context)
    const last = this.#rows.at(-1) as number
    const top = prices.at(-1) as number
    if (rows <= last) return interpolate(prices, locate(this.#rows, rows))
    const before = prices.length - 2
    const step = (top - (prices[before] as number)) / (last - (this.#rows[before] as number))
    const mean = (top - (prices[0] as number)) / (last - 1)
    return top + (rows - last) * Math.max(step, mean)
  }

  get cheapRows(): readonly number[] {
    this.#cheapRows ??= stairEnds(this.#rows, this.#prices(this.#longest))
    return this.#cheapRows
  }

  observe(rows: number, context: number, ms: number): void {
    if (!(ms > 0)) return
    const at = locate(this.#rows, rows)
    const last = this.#rows.at(-1) as number
    // Above the table the extrapolated price is compared, and what differs is laid to the last count.
    const known = interpolate(this.#base, at) + interpolate(this.#slopes, at) * context
    const beyond = rows > last ? this.targetMs(rows, context) / this.targetMs(last, context) : 1
    this.#drift.observe(at, Math.log(ms / (known * beyond)))
    this.#curve = undefined
    this.#cheapRows = undefined
  }

  costTable(): CostSample[] {
    return this.#samples.map(({ rows, context }) => ({ rows, context, ms: this.targetMs(rows, context) }))
  }

  /** [knots] prices at `context`, non-decreasing. Kept for the next question: a round asks for one context many times. */
  #prices(context: number): number[] {
    if (this.#curve?.context !== context) {
      const now = this.#rows.map(
        (_, i) => ((this.#base[i] as number) + (this.#slopes[i] as number) * context) * this.#drift.factor(i),
      )
      const weights = this.#rows.map((_, i) => this.#drift.certainty(i))
      this.#curve = { context, prices: isotonic(now, weights) }
    }
    return this.#curve.prices
  }
}

/** One sample per (rows, context), ascending by rows. */
function mergeRepeats(samples: readonly CostSample[]): CostSample[] {
  const groups = groupBy(samples, ({ rows, context }) => `${rows} ${context}`)
  return [...groups.values()]
    .map((group) => ({ ...(group[0] as CostSample), ms: median(group.map((sample) => sample.ms)) }))
    .sort((a, b) => a.rows - b.rows || a.context - b.context)
}

/** Milliseconds per token of context, as a function of the row count. */
type Slope = (rows: number) => number

/**
 * Slopes of the counts that were measured at several contexts; the others lie on the lines between and above
 * them, below in proportion to the rows. All 0 when one context was measured.
 */
function fitSlope(samples: readonly CostSample[]): Slope {
  const measured = [...groupBy(samples, ({ rows }) => rows)].flatMap(([rows, group]) => {
    const slope = slopeOf(group)
    return slope === undefined ? [] : [{ rows, slope, weight: group.length }]
  })
  const [first] = measured
  const last = measured.at(-1)
  if (first === undefined || last === undefined) return () => 0
  const knots = measured.map(({ rows }) => rows)
  const weights = measured.map(({ weight }) => weight)
  const slopes = isotonic(
    measured.map(({ slope }) => slope),
    weights,
  )
  const [least, most] = [slopes[0] as number, slopes.at(-1) as number]
  const perRow = last.rows > first.rows ? (most - least) / (last.rows - first.rows) : most / last.rows
  const curve: Slope = (rows) => {
    if (rows < first.rows) return least * (rows / first.rows)
    return interpolate(slopes, locate(knots, rows)) + Math.max(0, rows - last.rows) * perRow
  }
  // Attention is never the whole price, whatever the noise says: the base stays positive.
  const share = (sample: CostSample): number => (curve(sample.rows) * sample.context) / sample.ms
  const excess = Math.max(1, ...samples.map((sample) => share(sample) / 0.9))
  return (rows) => curve(rows) / excess
}

/** Least squares through the prices of one row count; undefined when all were taken at one context. */
function slopeOf(group: readonly CostSample[]): number | undefined {
  const meanContext = mean(group.map(({ context }) => context))
  const meanMs = mean(group.map(({ ms }) => ms))
  let covariance = 0
  let variance = 0
  for (const { context, ms } of group) {
    covariance += (context - meanContext) * (ms - meanMs)
    variance += (context - meanContext) ** 2
  }
  return variance > 0 ? Math.max(0, covariance / variance) : undefined
}

/** Milliseconds at an empty cache by row count. */
function fitBase(samples: readonly CostSample[], slope: Slope): Map<number, number> {
  const groups = groupBy(samples, (sample) => sample.rows)
  return new Map(
    [...groups].map(([rows, group]) => [rows, mean(group.map(({ context, ms }) => ms - slope(rows) * context))]),
  )
}

/** The same with what a curve needs at least: a price of one row and of one larger count. */
function completeBase(base: Map<number, number>): Map<number, number> {
  const [first] = base
  const [rows, ms] = first ?? [1, GUESS_MS]
  const unit = ms / guess(rows)
  const full = new Map([[1, unit * guess(1)], ...base])
  if (full.size === 1) for (const more of GUESS_ROWS) full.set(more, unit * guess(more))
  return full
}

/** Counts whose next one is not nearly free, seen from the top; 1 and the largest count always. */
function stairEnds(rows: readonly number[], prices: readonly number[]): number[] {
  const ends: number[] = []
  let next = Infinity
  for (let i = rows.length - 1; i >= 0; i--) {
    const price = prices[i] as number
    if (i > 0 && next < price * NEARLY_FREE) continue
    ends.unshift(rows[i] as number)
    next = price
  }
  return ends
}

function groupBy<K>(samples: readonly CostSample[], key: (sample: CostSample) => K): Map<K, CostSample[]> {
  const groups = new Map<K, CostSample[]>()
  for (const sample of samples) {
    const group = groups.get(key(sample))
    if (group === undefined) groups.set(key(sample), [sample])
    else group.push(sample)
  }
  return groups
}
