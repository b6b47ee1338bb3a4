/**
 * Unfinished calibrations on disk: the whole state after each answer, so that a killed run goes on where it stopped and
 * comes to the same file. It stands beside the file that it will become.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { UsageError } from '../../util/errors.ts'
import { takePidLock } from '../../util/pid-lock.ts'
import type { Calibration, CalibrationPrices, PolicyMemory } from '../../policy/index.ts'
import type { PriceList } from '../simulate/types.ts'
import type { HeldAnswer } from './types.ts'

/** What decides the result: work of another plan is not gone on with. */
export type CalibrationPlan = Pick<Calibration, 'identity' | 'tree'> & {
  readonly program: string
  readonly promptsSha256: string
  readonly prompts: number
  readonly maxTokens: number
  readonly portable: boolean
  /** Null in portable ones. */
  readonly machine: CalibrationPrices['machine'] | null
}

export interface CalibrationState {
  prices: CalibrationPrices | null
  /** For the virtual clock of the check. */
  list: PriceList | null
  readonly memory: PolicyMemory
  /** Answers learned from, and their places. */
  learned: number
  places: number
  readonly held: HeldAnswer[]
}

export interface Unfinished extends Disposable {
  readonly state: CalibrationState
  save(): void
  /** Writes the finished file and forgets the state. */
  finish(text: string): void
}

/** Opens the state beside `out`. Throws `bad-file` for work of another plan, `busy`, `output-failed`. */
export function openUnfinished(
  out: string,
  plan: CalibrationPlan,
  { fresh, empty }: { readonly fresh: boolean; readonly empty: () => CalibrationState },
): Unfinished {
  const file = `${out}.part`
  guarded(out, () => mkdirSync(dirname(out), { recursive: true }))
  const lock = guarded(out, () =>
    takePidLock(
      `${out}.lock`,
      (owner) =>
        `expected to be the only run that writes ${out}, got process ${owner} at the same work; wait for it or stop it`,
    ),
  )
  try {
    const known = fresh ? undefined : readState(file, plan)
    const state = known ?? empty()
    const save = (): void => writeWhole(file, JSON.stringify({ plan, state }))
    if (known === undefined) save()
    return {
      state,
      save,
      finish: (text) => {
        writeWhole(out, text)
        rmSync(file, { force: true })
      },
      [Symbol.dispose]: () => lock[Symbol.dispose](),
    }
  } catch (error) {
    lock[Symbol.dispose]()
    throw error
  }
}

// ---------------------------------------------------------------------------------------------------------------

function readState(file: string, plan: CalibrationPlan): CalibrationState | undefined {
  if (!existsSync(file)) return undefined
  const found = guarded(
    file,
    () => JSON.parse(readFileSync(file, 'utf8')) as { plan: CalibrationPlan; state: CalibrationState },
  )
  // Through JSON, as the other one went.
  if (isDeepStrictEqual(found.plan, JSON.parse(JSON.stringify(plan)))) return found.state
  throw new UsageError(
    'bad-file',
    `expected unfinished work of the same calibration in ${file}, got that of another (${describeDifference(found.plan, plan)}); repeat its command, name another --out, or start over with --fresh`,
  )
}

function describeDifference(before: CalibrationPlan, now: CalibrationPlan): string {
  const [old, own] = [before.identity, now.identity]
  if (old.model.fingerprint !== own.model.fingerprint) return `of the model ${old.model.name}`
  if (!isDeepStrictEqual(old, own)) return `of another drafter, ${old.drafter.method}`
  const keys = (Object.keys(now) as (keyof CalibrationPlan)[]).filter(
    (key) => JSON.stringify(before[key]) !== JSON.stringify(now[key]),
  )
  return `with other ${keys.join(', ')}`
}

/** Whole or not at all, also when the process is killed. */
function writeWhole(file: string, text: string): void {
  guarded(file, () => {
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  })
}

function guarded<Result>(file: string, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    if (error instanceof UsageError) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError('output-failed', `expected to write ${file}, got "${why}"; name another --out or free space`, {
      cause: error,
    })
  }
}
