/**
 * Measures what a target pass costs on this machine by rows and context, in at most a second, and remembers it with
 * the identity of all that it depends on. Budgets read prices; while the engine runs, real passes correct them.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import * as z from 'zod'
import { realClock, type Clock } from '../util/clock.ts'
import { cpuName } from '../util/env.ts'
import { throwIfAborted } from '../util/errors.ts'
import { readNote, writeNote } from '../util/notes.ts'
import type { PricedModel, Sequence } from '../model/index.ts'
import { costSamples, type CostSample, type DraftPrice } from '../policy/index.ts'
import type { CostIdentity } from './types.ts'

export interface MeasureOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((done: number, total: number) => void) | undefined
  /** What the second is measured with. */
  readonly clock?: Clock | undefined
}

/** Row counts of the price list: every place where kernels change their tiling, coarser where trees are rare. */
const ROWS = [1, 2, 3, 4, 5, 6, 8, 9, 12, 16, 20, 24, 32]
/** Lists that were measured in another way are not read: a new number lets everybody measure again. */
const FORM = 2
const SHORT_CONTEXT = 128
const LONG_CONTEXT = 2048
const BUDGET_MS = 900
const SETTLE_PASSES = 8
const SETTLE_MS = 100
/** Passes of one row vary by some 10 % on an idle machine. */
const STEADY = 1.4

export interface MeasuredCosts {
  readonly samples: readonly CostSample[]
  /** False when the same pass took different times: the machine was busy, and the list is not worth remembering. */
  readonly steady: boolean
}

const draftPrices = z.strictObject({ roundMs: z.number().min(0), levelMs: z.number().min(0).nullable() })

/** Prices in milliseconds. The cheap ones first, repeated while the second lasts; the least of several is kept. */
export async function measureCosts(
  model: PricedModel,
  sequence: Sequence,
  options: MeasureOptions = {},
): Promise<MeasuredCosts> {
  const clock = options.clock ?? realClock
  const plan = passPlan(sequence.capacity)
  const oneRowKey = `1/${plan[0]?.context ?? 0}`
  const best = new Map<string, CostSample>()
  const oneRow: number[] = []
  const started = clock()
  await settle(model, sequence)
  for (let index = 0; index < plan.length; index++) {
    throwIfAborted(options.signal)
    const { rows, context } = plan[index] as { rows: number; context: number }
    const key = `${rows}/${context}`
    const expected = best.get(key)?.ms ?? expectedMs(best, rows)
    if (index >= 2 && clock() - started + expected > BUDGET_MS) continue
    const ms = await model.timePass(sequence, rows, context)
    if (key === oneRowKey) oneRow.push(ms)
    const known = best.get(key)
    if (!known || ms < known.ms) best.set(key, { rows, context, ms })
    options.onProgress?.(index + 1, plan.length)
  }
  options.onProgress?.(plan.length, plan.length)
  const context = plan[0]?.context ?? 0
  if ([...best.values()].some((sample) => sample.context > context)) await settle(model, sequence)
  oneRow.push(await model.timePass(sequence, 1, context))
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

/** The remembered price of a draft by the drafter `key` (its options as text); undefined when there is none. */
export function readDraftPrice(cacheDir: string, identity: CostIdentity, key: string): DraftPrice | undefined {
  const note = readNote(join(cacheDir, 'costs'), draftKey(identity, key)) as { price?: unknown } | null | undefined
  const price = draftPrices.safeParse(note?.price)
  return price.success ? price.data : undefined
}

/** Remembers the price of a draft. */
export function writeDraftPrice(cacheDir: string, identity: CostIdentity, key: string, price: DraftPrice): void {
  writeNote(join(cacheDir, 'costs'), draftKey(identity, key), { identity, cpu: cpuName(), drafter: key, price })
}

// ---------------------------------------------------------------------------------------------------------------

/**
 * The first pass pays for page faults, the next ones until the processor's last cache holds what passes need: with 260 MiB of
 * it, half a dozen passes of a 94 MB model become twice as fast one after the other. A large model settles nothing.
 */
async function settle(model: PricedModel, sequence: Sequence): Promise<void> {
  let spentMs = 0
  for (let pass = 0; pass < SETTLE_PASSES && spentMs < SETTLE_MS; pass++) {
    spentMs += await model.timePass(sequence, 1, 0)
  }
}

/**
 * The list twice, up, and each time down again over the small row counts, which decide most rounds. Up and down, because
 * wide passes turn the weights out of the cache for some passes to come; long contexts come last for the same reason.
 */
function passPlan(capacity: number): { rows: number; context: number }[] {
  const short = Math.min(SHORT_CONTEXT, capacity - 1)
  const long = Math.min(LONG_CONTEXT, capacity - 1)
  const list = ROWS.map((rows) => ({ rows, context: short }))
  const small = list.filter(({ rows }) => rows <= 8).reverse()
  const tail = [1, 8, 1, 8].map((rows) => ({ rows, context: long }))
  return [...list, ...small, ...list, ...small, ...tail]
}

/** A safe guess for a row count that was not timed yet: in proportion to the largest that was. */
function expectedMs(known: ReadonlyMap<string, CostSample>, rows: number): number {
  let largest: CostSample | undefined
  for (const sample of known.values()) if (!largest || sample.rows > largest.rows) largest = sample
  return largest ? (largest.ms * rows) / largest.rows : 0
}

function costKey(identity: CostIdentity): string {
  return digest([identity, cpuName(), FORM])
}

function draftKey(identity: CostIdentity, drafter: string): string {
  return digest([identity, cpuName(), 'draft', drafter])
}

function digest(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 24)
}
