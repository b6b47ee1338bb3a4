/**
 * Small things worth remembering between processes (what a probe found, what a pass costs), one JSON file each. Losing
 * them only costs time: a file that cannot be read counts as none, a folder that cannot be written is not an error.
 */
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The note `key` of `folder`; undefined when there is none, or a torn one. The reader checks its form. */
export function readNote(folder: string, key: string): unknown {
  try {
    return JSON.parse(readFileSync(join(folder, `${key}.json`), 'utf8')) as unknown
  } catch {
    return undefined
  }
}

/** Writes a note whole or not at all. */
export function writeNote(folder: string, key: string, note: unknown): void {
  const file = join(folder, `${key}.json`)
  try {
    mkdirSync(folder, { recursive: true })
    const temporary = `${file}.${randomUUID()}`
    writeFileSync(temporary, `${JSON.stringify(note, null, 1)}\n`)
    renameSync(temporary, file)
  } catch {
    return
  }
}
