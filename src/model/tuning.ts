/**
 * Which numbers our kernels run best with on this processor: measured once with the first model, remembered with the
 * processor's name. They change the time of a pass, never a result.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { defined } from '../util/assert.ts'
import { cpuName } from '../util/env.ts'
import { median } from '../util/math.ts'
import { readNote, writeNote } from '../util/notes.ts'
import type { Backend } from '../tensor/index.ts'

/** The arguments of `hs_tune` in native/heterospec.h. */
export interface Tuning {
  readonly ahead: number
  readonly directRows: number
  readonly slabFrom: number
}

/** What the kernels begin with: best on the processors that they were written on. */
const DEFAULTS: Tuning = { ahead: 4608, directRows: 9, slabFrom: 16 }

/** One question after the other: other values of one number, and the rows of a pass that shows the difference. */
const QUESTIONS: readonly { readonly rows: number; readonly others: readonly Partial<Tuning>[] }[] = [
  { rows: 1, others: [{ ahead: 2304 }, { ahead: 9216 }] },
  { rows: 8, others: [{ directRows: 4 }, { directRows: 6 }] },
  { rows: 12, others: [{ slabFrom: 10 }] },
  { rows: 20, others: [{ slabFrom: 24 }] },
]

/** Another value must be better by this factor: noise is no reason to change. */
const CLEARLY = 0.97
/** Turns of all candidates; fewer where passes are long. */
const MOST_TURNS = 7
const LEAST_TURNS = 3
const BUDGET_MS = 700

/** Runs the kernels with what an earlier process found out. */
export function applyTuning(backend: Backend, cacheDir: string): boolean {
  if (!backend.kernels) return false
  const known = readNote(join(cacheDir, 'tunings'), tuningKey(backend))
  if (!isTuning(known)) return false
  use(backend, known)
  return true
}

/** Measures and remembers. `timePass`: milliseconds of a pass over so many rows. */
export async function tuneKernels(
  backend: Backend,
  cacheDir: string,
  timePass: (rows: number) => Promise<number>,
): Promise<Tuning | undefined> {
  if (!backend.kernels) return undefined
  let best = DEFAULTS
  use(backend, best)
  const once = await timePass(1)
  for (const { rows, others } of QUESTIONS) {
    const candidates = [best, ...others.map((other) => ({ ...best, ...other }))]
    // Up to 20 rows cost some three times one row.
    const turns = Math.round(BUDGET_MS / (QUESTIONS.length * candidates.length * 2 * once))
    const times = await measureInTurns(backend, candidates, rows, timePass, clamp(turns, LEAST_TURNS, MOST_TURNS))
    const fastest = times.indexOf(Math.min(...times))
    if (defined(times[fastest]) < CLEARLY * defined(times[0])) best = defined(candidates[fastest])
  }
  use(backend, best)
  writeNote(join(cacheDir, 'tunings'), tuningKey(backend), best)
  return best
}

// ---------------------------------------------------------------------------------------------------------------

function isTuning(note: unknown): note is Tuning {
  const { ahead, directRows, slabFrom } = (note ?? {}) as Partial<Tuning>
  return [ahead, directRows, slabFrom].every(Number.isSafeInteger)
}

/** Median time of each candidate, all of them one after the other in each turn. */
async function measureInTurns(
  backend: Backend,
  candidates: readonly Tuning[],
  rows: number,
  timePass: (rows: number) => Promise<number>,
  turns: number,
): Promise<number[]> {
  const times = candidates.map((): number[] => [])
  await timePass(rows)
  for (let turn = 0; turn < turns; turn++) {
    for (const [index, candidate] of candidates.entries()) {
      use(backend, candidate)
      times[index]?.push(await timePass(rows))
    }
  }
  return times.map(median)
}

function use(backend: Backend, { ahead, directRows, slabFrom }: Tuning): void {
  backend.kernels?.tune(ahead, directRows, slabFrom)
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value))
}

function tuningKey({ kernels, threads }: Backend): string {
  const identity = JSON.stringify([kernels?.set, kernels?.path, cpuName(), threads, QUESTIONS])
  return createHash('sha256').update(identity).digest('hex').slice(0, 24)
}
