/**
 * The data file while it grows: whole lines, each in the file before the next conversation's ends. Whatever kills the
 * process, the same command goes on from there; a torn last line is cut off.
 */
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { takePidLock } from '../../util/pid-lock.ts'
import { UsageError } from '../../util/errors.ts'
import type { ChatMessage } from '../../text/index.ts'
import { brokenLine, droppedSchema, headerSchema, issueOf, lineSchema, parseJson, requireIdentity } from './format.ts'
import type { DataHeader, DataLine, DropReason, DroppedLine } from './types.ts'

/** Sums over a file. */
export interface DataTotals {
  texts: number
  /** Tokens of answers that are in the file: what a trainer learns from. */
  answerTokens: number
  /** Tokens that were generated for them and for what was dropped. */
  generated: number
  /** Texts whose end was cut off because it repeated. */
  cut: number
  readonly dropped: Record<DropReason, number>
}

/** A file that is being written. */
export interface DataFile extends Disposable {
  readonly totals: Readonly<DataTotals>
  /** Numbers of conversations that are done. */
  readonly done: ReadonlySet<number>
  /** Adds what came of a conversation; a text that the file already holds is noted as a duplicate. */
  add(entry: DataLine | DroppedLine): void
}

/**
 * Opens or begins the file. Throws `bad-file` for another target's file, for a file made with other options and for one
 * that is no data file; `busy` when another process writes to it; `output-failed`.
 */
export function openDataFile(path: string, header: DataHeader): DataFile {
  const lock = guarded(path, () =>
    takePidLock(
      `${path}.lock`,
      (owner) => `expected to be the only one who writes ${path}, got process ${owner} at it; wait for it or stop it`,
    ),
  )
  try {
    const file = new GrowingFile(path, lock)
    if (existsSync(path) && wholeText(path) !== '') file.read(header)
    else guarded(path, () => writeFileSync(path, `${JSON.stringify(header)}\n`))
    return file
  } catch (error) {
    lock[Symbol.dispose]()
    throw error
  }
}

// ---------------------------------------------------------------------------------------------------------------

class GrowingFile implements DataFile {
  readonly totals: DataTotals = {
    ...{ texts: 0, answerTokens: 0, generated: 0, cut: 0 },
    dropped: { loop: 0, duplicate: 0, empty: 0, 'too-long': 0 },
  }
  readonly done = new Set<number>()
  /** Hashes of what texts say. */
  readonly #known = new Set<string>()
  readonly #path: string
  readonly #lock: Disposable

  constructor(path: string, lock: Disposable) {
    this.#path = path
    this.#lock = lock
  }

  add(entry: DataLine | DroppedLine): void {
    const { conversation, generated } = entry
    const known = 'messages' in entry && this.#known.has(sayingOf(entry.messages))
    const line: DataLine | DroppedLine = known ? { conversation, dropped: 'duplicate', generated } : entry
    guarded(this.#path, () => appendFileSync(this.#path, `${JSON.stringify(line)}\n`))
    this.#count(line)
  }

  /** What an earlier run has left. */
  read(header: DataHeader): void {
    const [first = '', ...lines] = guarded(this.#path, () => wholeText(this.#path))
      .trimEnd()
      .split('\n')
    requireOptions(this.#path, first, header)
    lines.forEach((text, index) => {
      const where = `${this.#path}, line ${index + 2}`
      const value = parseJson(text, where)
      const dropped = droppedSchema.safeParse(value)
      if (dropped.success) {
        this.#count(dropped.data)
        return
      }
      const line = lineSchema.safeParse(value)
      if (!line.success) throw brokenLine(where, issueOf(line.error))
      this.#count(line.data)
    })
  }

  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]()
  }

  #count(entry: DataLine | DroppedLine): void {
    const { totals } = this
    this.done.add(entry.conversation)
    totals.generated += entry.generated
    if ('dropped' in entry) {
      totals.dropped[entry.dropped]++
      return
    }
    this.#known.add(sayingOf(entry.messages))
    totals.texts++
    totals.cut += entry.cut ? 1 : 0
    totals.answerTokens += answerTokens(entry)
  }
}

/** Tokens that the target wrote as answers. */
export function answerTokens({ answers }: Pick<DataLine, 'answers'>): number {
  return answers.reduce((sum, [from, to]) => sum + to - from, 0)
}

/** The file without a torn last line, which is cut off on the disk too. */
function wholeText(path: string): string {
  const bytes = readFileSync(path)
  const end = bytes.lastIndexOf(10) + 1
  if (end < bytes.length) truncateSync(path, end)
  return bytes.subarray(0, end).toString('utf8')
}

/** Two texts that differ in case and spaces say the same. */
function sayingOf(messages: readonly ChatMessage[]): string {
  const text = messages.map(({ content }) => content.toLowerCase().replace(/\s+/g, ' ').trim()).join('\n')
  return createHash('sha256').update(text).digest('base64').slice(0, 16)
}

function requireOptions(path: string, line: string, wanted: DataHeader): void {
  const header = headerSchema.safeParse(parseJson(line, `${path}, line 1`))
  if (!header.success) {
    throw new UsageError(
      'bad-file',
      `expected a new file or one of "heterospec head data", got ${path}, which begins otherwise; name another file`,
    )
  }
  requireIdentity(header.data, wanted.target, path)
  const [old, now] = [header.data.options, wanted.options]
  const other = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter(
    (key) => JSON.stringify(old[key]) !== JSON.stringify(now[key]),
  )
  if (other.length === 0) return
  const list = (options: Readonly<Record<string, unknown>>): string =>
    other.map((key) => `${key} ${JSON.stringify(options[key])}`).join(', ')
  throw new UsageError(
    'bad-file',
    `expected the options that ${path} was begun with (${list(old)}), got ${list(now)}; repeat those or name another file`,
  )
}

function guarded<Result>(path: string, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    if (error instanceof UsageError) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError('output-failed', `expected to write ${path}, got "${why}"; name another place or free space`, {
      cause: error,
    })
  }
}
