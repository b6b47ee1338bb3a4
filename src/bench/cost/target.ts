/**
 * t(rows, context), several times over, so that a minute in which the machine was busy is not all that is known of a place.
 *
 * Context by context, row counts upwards, and each time after passes over one row until these get no faster: after a pass
 * over a long text or over many rows the processor's last cache is full of the wrong things, and short passes take up to
 * twice their time, some dozens of passes long. Decoding stays with few rows and finds what it needs; so must what is
 * measured.
 */
import { defined } from '../../util/assert.ts'
import { throwIfAborted } from '../../util/errors.ts'
import { median } from '../../util/math.ts'
import type { EngineLab } from '../../engine/index.ts'
import type { CostSample } from '../../policy/index.ts'
import type { OnShare, TargetPrice } from './types.ts'

/** What is measured. */
export interface CostGrid {
  readonly rows: readonly number[]
  readonly contexts: readonly number[]
  /** Times that each cell is visited. */
  readonly visits: number
}

export interface MeasureSettings {
  readonly signal?: AbortSignal | undefined
  readonly onShare?: OnShare | undefined
}

/** Every count that small trees have, then the ends of the kernels' groups of rows and what lies just behind them. */
const ROWS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20, 24, 25, 28, 32, 33, 40, 48, 56, 64]
const QUICK_ROWS = [1, 2, 3, 4, 5, 6, 8, 9, 12, 16, 17, 24, 32, 48, 64]
const CONTEXTS = [64, 128, 256, 512, 1024, 2048, 4096]
const QUICK_CONTEXTS = [128, 1024, 4096]
const VISITS = 3
const QUICK_VISITS = 2
/** Passes timed per visit. */
const TIMED = 2
/** Passes before them: the first builds the graph, few rows also wait for the cache. */
const warmUps = (rows: number): number => (rows <= 16 ? 2 : 1)
/** The cache is warm when the last so many passes over one row were hardly faster than as many before; a long wait ends it. */
const SETTLE = { passes: 8, gain: 0.97, most: 64, mostMs: 1500 }

/** The cells that fit into a context of `capacity` tokens. */
export function costGrid(capacity: number, quick: boolean): CostGrid {
  const contexts = quick ? QUICK_CONTEXTS : CONTEXTS
  const longest = Math.min(capacity, 4096)
  return {
    rows: quick ? QUICK_ROWS : ROWS,
    contexts: [...contexts.filter((context) => context < longest), longest],
    visits: quick ? QUICK_VISITS : VISITS,
  }
}

/** Measures all cells, ascending by context, then rows. Throws `aborted`. */
export async function measureTarget(
  lab: Pick<EngineLab, 'timePass'>,
  grid: CostGrid,
  { signal, onShare }: MeasureSettings = {},
): Promise<TargetPrice[]> {
  const samples: CostSample[] = []
  const all = sumOver(grid, typicalPrice)
  let done = 0
  for (let visit = 0; visit < grid.visits; visit++) {
    for (const context of grid.contexts) {
      await settle(lab, context)
      for (const rows of grid.rows) {
        throwIfAborted(signal)
        for (let pass = 0; pass < warmUps(rows); pass++) await lab.timePass(rows, context)
        for (let pass = 0; pass < TIMED; pass++) {
          samples.push({ rows, context, ms: await lab.timePass(rows, context) })
        }
        onShare?.((done += typicalPrice(rows, context)) / (grid.visits * all))
      }
    }
  }
  return [...byCell(evenedOut(samples))].map(([, own]) => {
    const { rows, context } = defined(own[0])
    return { rows, context, ...middle(own.map(({ ms }) => ms)) }
  })
}

/** Median and its spread: the median deviation as a share. */
export function middle(times: readonly number[]): { ms: number; spread: number } {
  const ms = median(times)
  return { ms, spread: median(times.map((time) => Math.abs(time - ms))) / ms }
}

/** Whether times of the same pass differed so much that the list is not worth remembering. */
export function isRestless(prices: readonly TargetPrice[]): boolean {
  return median(prices.map(({ spread }) => spread)) > 0.15
}

// ---------------------------------------------------------------------------------------------------------------

/** Fills the caches with what this context needs. */
async function settle(lab: Pick<EngineLab, 'timePass'>, context: number): Promise<void> {
  let before = Infinity
  let spentMs = 0
  for (let done = 0; done < SETTLE.most && spentMs < SETTLE.mostMs; done += SETTLE.passes) {
    const times: number[] = []
    for (let pass = 0; pass < SETTLE.passes; pass++) times.push(await lab.timePass(1, context))
    spentMs += times.reduce((sum, ms) => sum + ms, 0)
    const now = median(times)
    if (now > SETTLE.gain * before) return
    before = now
  }
}

/** Neighbours in time on either side by which the speed of the machine is judged, and how often that is refined. */
const NEIGHBOURS = 4
const REFINEMENTS = 4

/**
 * Times as if the machine had been as fast all along as it was in the middle. A pass tells by its own usual time how fast
 * the machine was just then; the median of its neighbours tells it better. On a busy machine of two cores that halved the
 * scatter of a table; the least time of each cell scattered more than the median.
 */
function evenedOut(samples: readonly CostSample[]): CostSample[] {
  let slowness = samples.map(() => 1)
  const corrected = (): CostSample[] =>
    samples.map((sample, index) => ({ ...sample, ms: sample.ms / defined(slowness[index]) }))
  for (let round = 0; round < REFINEMENTS; round++) {
    const usual = new Map([...byCell(corrected())].map(([cell, own]) => [cell, median(own.map(({ ms }) => ms))]))
    const ratios = samples.map((sample) => sample.ms / defined(usual.get(cellOf(sample))))
    slowness = ratios.map((_, index) => median(ratios.slice(Math.max(0, index - NEIGHBOURS), index + NEIGHBOURS + 1)))
  }
  return corrected()
}

/** Ascending by context, then rows. */
function byCell(samples: readonly CostSample[]): Map<string, CostSample[]> {
  const cells = new Map<string, CostSample[]>()
  for (const sample of [...samples].sort((a, b) => a.context - b.context || a.rows - b.rows)) {
    const own = cells.get(cellOf(sample))
    if (own) own.push(sample)
    else cells.set(cellOf(sample), [sample])
  }
  return cells
}

function cellOf({ rows, context }: CostSample): string {
  return `${rows} ${context}`
}

function sumOver({ rows, contexts }: CostGrid, price: (rows: number, context: number) => number): number {
  return contexts.reduce((sum, context) => rows.reduce((all, count) => all + price(count, context), sum), 0)
}

/** In no unit: only so that the time left can be told before the dear cells have been seen. */
function typicalPrice(rows: number, context: number): number {
  return 8 + 0.6 * rows + (2 + 0.7 * rows) * (context / 1024)
}
