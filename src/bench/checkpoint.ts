/**
 * Finished turns on disk, so that an interrupted run goes on where it stopped: a header, then one line per turn, each
 * written before the next begins. A torn last line is as good as none. The name depends on everything that the figures
 * depend on: another model, suite, method or version starts another file.
 */
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { UsageError } from '../util/errors.ts'
import { takePidLock } from '../util/pid-lock.ts'
import type { TreeSample, Turn } from './types.ts'

/** One finished turn, with what later turns and pictures need. */
export interface FinishedTurn {
  readonly turn: Turn
  /** What the baseline said: later turns of the question go on from it. */
  readonly answer: string
  readonly samples: readonly TreeSample[]
}

export interface Checkpoint extends Disposable {
  /** Turns that an earlier run has finished, in order. */
  readonly finished: readonly FinishedTurn[]
  add(turn: FinishedTurn): void
  /** The run is complete: the file is no longer needed. */
  remove(): void
}

/**
 * Opens the checkpoint of a run that is described by `identity`. `fresh` forgets what an earlier run has done. Throws
 * `busy` when the same run is in progress elsewhere, `output-failed` when nothing can be written.
 */
export function openCheckpoint(cacheDir: string, identity: unknown, options: { readonly fresh: boolean }): Checkpoint {
  const text = JSON.stringify(identity)
  const name = createHash('sha256').update(text).digest('hex').slice(0, 24)
  const file = join(cacheDir, 'bench', `${name}.jsonl`)
  try {
    mkdirSync(dirname(file), { recursive: true })
    const lock = takePidLock(
      `${file}.lock`,
      (owner) =>
        `expected to be the only run of this benchmark, got process ${owner} at the same work; wait for it or stop it`,
    )
    if (options.fresh) rmSync(file, { force: true })
    const finished = existsSync(file) ? readTurns(readFileSync(file, 'utf8')) : []
    // Written anew, so that a torn line does not stand before the next one.
    writeFileSync(file, [`${text}\n`, ...finished.map((turn) => `${JSON.stringify(turn)}\n`)].join(''))
    return {
      finished,
      add: (turn) => guarded(file, () => appendFileSync(file, `${JSON.stringify(turn)}\n`)),
      remove: () => rmSync(file, { force: true }),
      [Symbol.dispose]: () => lock[Symbol.dispose](),
    }
  } catch (error) {
    throw error instanceof UsageError ? error : unwritable(file, error)
  }
}

// ---------------------------------------------------------------------------------------------------------------

function readTurns(text: string): FinishedTurn[] {
  const turns: FinishedTurn[] = []
  for (const line of text.split('\n').slice(1)) {
    try {
      turns.push(JSON.parse(line) as FinishedTurn)
    } catch {
      break // the last line, torn when the run was killed
    }
  }
  return turns
}

function guarded(file: string, write: () => void): void {
  try {
    write()
  } catch (error) {
    throw unwritable(file, error)
  }
}

function unwritable(file: string, error: unknown): UsageError {
  const why = error instanceof Error ? error.message : String(error)
  return new UsageError(
    'output-failed',
    `expected to note finished work in ${file}, got "${why}"; free some space or name another folder in HETEROSPEC_CACHE`,
    { cause: error },
  )
}
