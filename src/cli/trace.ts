/** Files of one line of JSON per event (`--trace`, `--record`), each written at once, so that an interrupted run leaves whole lines. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { UsageError } from '../util/errors.ts'
import { compactJson } from './compact-json.ts'

/** An open file of lines. */
export interface LineFile extends Disposable {
  write(line: object): void
}

/** Creates or empties the file. Throws `bad-option` when it cannot be opened, `output-failed` when a write fails. */
export function openLines(path: string, flag: string): LineFile {
  const fail = (error: unknown, code: 'bad-option' | 'output-failed'): never => {
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError(code, `expected a file that can be written for ${flag}, got ${path} (${why}); name another`, {
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
    write(line) {
      try {
        writeSync(file, `${compactJson(line)}\n`)
      } catch (error) {
        fail(error, 'output-failed')
      }
    },
    [Symbol.dispose]: () => closeSync(file),
  }
}
