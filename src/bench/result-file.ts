/** Results of benchmarks from files: their last line is one JSON document, all of standard output may stand before it. */
import { readFileSync } from 'node:fs'
import type * as z from 'zod'
import { UsageError } from '../util/errors.ts'

/** What a file has to hold. */
export interface ResultKind {
  /** What the document must have at least. */
  readonly head: z.ZodType
  /** The command that writes it. */
  readonly command: string
}

/** The document in `file`, of which `head` was checked. Throws `bad-file`. */
export function readResult(file: string, { head, command }: ResultKind): unknown {
  const refuse = (got: string): UsageError =>
    new UsageError(
      'bad-file',
      `expected the output of ${command} in ${file} (its last line is the result), got ${got}; run the benchmark again`,
    )
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error))
  }
  let json: unknown
  try {
    json = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '')
  } catch {
    throw refuse('a last line that is no JSON')
  }
  if (!head.safeParse(json).success) throw refuse('another document')
  return json
}
