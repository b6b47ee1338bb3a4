/**
 * Measures what a target pass costs on this machine by rows and context, in at most a second, and remembers it with
 * the identity of all that it depends on. Budgets read prices; while the engine runs, real passes correct them.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { cpuName } from '../util/env.ts'
import { throwIfAborted } from '../util/errors.ts'
import { readNote, writeNote } from '../util/notes.ts'
import type { PricedModel, Sequence } from '../model/index.ts'
import { costSamples, type CostSample } from '../policy/index.ts'

export interface CostIdentity {
  readonly model: string
  readonly library: string
  readonly threads: number
  readonly kvType: string
}

export interface MeasureOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** Row counts of the price list: every place where kernels change their tiling, coarser where trees are rare. */
const ROWS = [1, 2, 3, 4, 5, 6, 8, 9, 12, 16, 20, 24, 32]
const SHORT_CONTEXT = 128
const LONG_CONTEXT = 2048
const BUDGET_MS = 900
/** Passes of one row vary by some 10 % on an idle machine. */
const STEADY = 1.4

export interface MeasuredCosts {
  readonly samples: readonly CostSample[]
  /** False when the same pass took different times: the machine was busy, and the list is not worth remembering. */
  readonly steady: boolean
}

/** Prices in milliseconds. The cheap ones first, repeated while the second lasts; the least of several is kept. */
export async function measureCosts(
  model: PricedModel,
  sequence: Sequence,
  options: MeasureOptions = {},
): Promise<MeasuredCosts> {
  const plan = passPlan(sequence.capacity)
  const oneRowKey = `1/${plan[0]?.context ?? 0}`
  const best = new Map<string, CostSample>()
  const oneRow: number[] = []
  const started = performance.now()
  await model.timePass(sequence, 1, 0) // the first pass pays for page faults
  for (let index = 0; index < plan.length; index++) {
    throwIfAborted(options.signal)
    const { rows, context } = plan[index] as { rows: number; context: number }
    const key = `${rows}/${context}`
    const expected = best.get(key)?.ms ?? expectedMs(best, rows)
    if (index >= 2 && performance.now() - started + expected > BUDGET_MS) continue
    const ms = await model.timePass(sequence, rows, context)
    if (key === oneRowKey) oneRow.push(ms)
    const known = best.get(key)
    if (!known || ms < known.ms) best.set(key, { rows, context, ms })
    options.onProgress?.(index + 1, plan.length)
  }
  options.onProgress?.(plan.length, plan.length)
  oneRow.push(await model.timePass(sequence, 1, plan[0]?.context ?? 0))
  return {
    samples: [...best.values()].sort((a, b) => a.context - b.context || a.rows - b.rows),
    steady: Math.max(...oneRow) <= STEADY * Math.min(...oneRow),
  }
}

/** The remembered price list, or undefined when there is none (or none that can be read). */
export function readCosts(cacheDir: string, identity: CostIdentity): CostSample[] | undefined {
  const note = readNote(join(cacheDir, 'costs'), costKey(identity)) as { samples?: unknown } | null | undefined
  const samples = costSamples.safeParse(note?.samples)
  return samples.success && samples.data.length > 1 ? samples.data : undefined
}

/** Remembers a price list. */
export function writeCosts(cacheDir: string, identity: CostIdentity, samples: readonly CostSample[]): void {
  writeNote(join(cacheDir, 'costs'), costKey(identity), { identity, cpu: cpuName(), samples })
}

// ---------------------------------------------------------------------------------------------------------------

/** The whole list twice, then the small row counts again: they decide most rounds. */
function passPlan(capacity: number): { rows: number; context: number }[] {
  const short = Math.min(SHORT_CONTEXT, capacity - 1)
  const long = Math.min(LONG_CONTEXT, capacity - 1)
  const list = [
    ...ROWS.map((rows) => ({ rows, context: short })),
    { rows: 1, context: long },
    { rows: 8, context: long },
  ]
  const small = list.filter(({ rows }) => rows <= 8)
  return [...list, ...small, ...list, ...small]
}

/** A safe guess for a row count that was not timed yet: in proportion to the largest that was. */
function expectedMs(known: ReadonlyMap<string, CostSample>, rows: number): number {
  let largest: CostSample | undefined
  for (const sample of known.values()) if (!largest || sample.rows > largest.rows) largest = sample
  return largest ? (largest.ms * rows) / largest.rows : 0
}

function costKey(identity: CostIdentity): string {
  const hash = createHash('sha256').update(JSON.stringify([identity, cpuName(), ROWS, SHORT_CONTEXT, LONG_CONTEXT]))
  return hash.digest('hex').slice(0, 24)
}
