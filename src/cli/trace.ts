/** `--trace FILE`: one line of JSON for each round, written at once, so that an interrupted run leaves whole lines. */
import { closeSync, openSync, writeSync } from 'node:fs'
import type { RoundTrace } from '../engine/index.ts'
import { UsageError } from '../util/errors.ts'

/** An open trace file. */
export interface TraceFile extends Disposable {
  write(trace: RoundTrace): void
}

/** Creates or empties the file. Throws `bad-option` when it cannot be opened, `output-failed` when a write fails. */
export function openTrace(path: string): TraceFile {
  const fail = (error: unknown, code: 'bad-option' | 'output-failed'): never => {
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError(code, `expected a file that can be written for --trace, got ${path} (${why}); name another`, {
      cause: error,
    })
  }
  let file: number
  try {
    file = openSync(path, 'w')
  } catch (error) {
    return fail(error, 'bad-option')
  }
  return {
    write(trace) {
      try {
        writeSync(file, `${JSON.stringify(trace)}\n`)
      } catch (error) {
        fail(error, 'output-failed')
      }
    },
    [Symbol.dispose]: () => closeSync(file),
  }
}
