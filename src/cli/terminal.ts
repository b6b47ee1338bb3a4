/** The input side of a chat: lines of a terminal, with a history that outlives the program, or lines of a pipe. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface, type Interface } from 'node:readline/promises'
import { readEnvironment } from '../util/env.ts'

/** Lines and a prompt. */
export interface Terminal extends Disposable {
  readonly lines: Interface
  /** True when a person types. */
  readonly interactive: boolean
  /** Asks for the next line; does nothing for a pipe. */
  prompt(): void
}

/** Opens standard input; the prompt goes to the terminal even when stdout goes to a file. */
export function openTerminal(): Terminal {
  const interactive = process.stdin.isTTY
  if (!interactive) {
    const lines = createInterface({ input: process.stdin, terminal: false })
    return { lines, interactive: false, prompt: () => undefined, [Symbol.dispose]: () => lines.close() }
  }
  const file = join(readEnvironment().cacheDir, 'chat-history')
  const output = process.stdout.isTTY ? process.stdout : process.stderr
  const history = readHistory(file)
  const lines = createInterface({
    input: process.stdin,
    output,
    prompt: '> ',
    history,
    historySize: 1000,
    removeHistoryDuplicates: true,
  })
  lines.on('history', (entries: string[]) => writeHistory(file, entries))
  let closed = false
  lines.once('close', () => (closed = true))
  return {
    lines,
    interactive: true,
    prompt() {
      if (!closed) lines.prompt()
    },
    [Symbol.dispose]: () => lines.close(),
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Newest first, as readline keeps it. */
function readHistory(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
  } catch {
    return [] // the first chat on this machine
  }
}

/** A history that cannot be kept is no reason to stop a conversation. */
function writeHistory(file: string, entries: readonly string[]): void {
  try {
    mkdirSync(dirname(file), { recursive: true })
    // For the user's eyes only: questions may be private.
    writeFileSync(file, `${entries.join('\n')}\n`, { mode: 0o600 })
  } catch {
    return
  }
}
