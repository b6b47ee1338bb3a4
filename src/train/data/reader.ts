/** Data files for the trainer: one text after the other, each checked, whatever the size of the file. */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { createGunzip } from 'node:zlib'
import { UsageError } from '../../util/errors.ts'
import type { TrainingText } from '../types.ts'
import { encodeWritten } from './chat-lines.ts'
import {
  brokenLine,
  chatSchema,
  droppedSchema,
  headerSchema,
  identityOf,
  issueOf,
  parseJson,
  requireIdentity,
  textSchema,
} from './format.ts'
import { DATA_FORMAT, type DataTarget } from './types.ts'

/**
 * The texts of a file in its order: lines of `heterospec head data` as they are, other chats (`{messages}`,
 * `{user, assistant}`; `temperature` and `finished` optional) as the target's template writes them. Names ending in `.gz`
 * are unpacked. A last line without its end, as a killed run leaves it, is not read. Throws `bad-file` with file and line,
 * for another target's data too.
 */
export async function* readTrainingFile(
  path: string,
  target: DataTarget,
): AsyncGenerator<TrainingText, void, undefined> {
  let number = 0
  let header = false
  for await (const { text, whole } of linesOf(path)) {
    number++
    if (text.trim() === '') continue
    const where = `${path}, line ${number}`
    if (!whole && header) return // torn when the run was killed
    const value = parseJson(text, where)
    if (isHeader(value)) {
      if (number > 1) throw brokenLine(where, 'a second header')
      requireHeader(value, target, path)
      header = true
    } else {
      const found = readText(value, target, where)
      if (found) yield found
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Lines with whether their end was there. */
async function* linesOf(path: string): AsyncGenerator<{ text: string; whole: boolean }, void, undefined> {
  const file = createReadStream(path)
  const stream = path.endsWith('.gz') ? file.pipe(createGunzip()) : file
  let endsWhole = true
  stream.on('data', (chunk: Buffer | string) => (endsWhole = chunk.toString('latin1').endsWith('\n')))
  const failed = new Promise<never>((_, reject) => {
    file.once('error', reject)
    stream.once('error', reject)
  })
  failed.catch(() => undefined)
  const lines = createInterface({ input: stream, crlfDelay: Infinity })[Symbol.asyncIterator]()
  let held: string | undefined
  try {
    for (;;) {
      const next = await Promise.race([lines.next(), failed])
      if (held !== undefined) yield { text: held, whole: next.done !== true || endsWhole }
      if (next.done === true) return
      held = next.value
    }
  } catch (error) {
    throw error instanceof UsageError ? error : unreadable(path, error)
  } finally {
    file.destroy()
  }
}

function unreadable(path: string, error: unknown): UsageError {
  const why = error instanceof Error ? error.message : String(error)
  return new UsageError('bad-file', `expected training data at ${path}, got "${why}"; check the path`, { cause: error })
}

function isHeader(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'format' in value && value.format === DATA_FORMAT
}

function requireHeader(value: unknown, target: DataTarget, path: string): void {
  const header = headerSchema.safeParse(value)
  if (!header.success) throw brokenLine(`${path}, line 1`, issueOf(header.error))
  requireIdentity(header.data, identityOf(target), path)
}

function readText(value: unknown, target: DataTarget, where: string): TrainingText | undefined {
  if (typeof value === 'object' && value !== null && 'dropped' in value) {
    const dropped = droppedSchema.safeParse(value)
    if (!dropped.success) throw brokenLine(where, issueOf(dropped.error))
    return undefined
  }
  if (typeof value === 'object' && value !== null && 'tokens' in value && Array.isArray(value.tokens)) {
    const text = textSchema.safeParse(value)
    if (!text.success) throw brokenLine(where, issueOf(text.error))
    checkText(text.data, target, where)
    return text.data
  }
  const chat = chatSchema.safeParse(value)
  if (!chat.success) throw brokenLine(where, 'neither tokens nor a chat with an answer')
  return encodeWritten(target, chat.data, where)
}

function checkText({ tokens, answers }: TrainingText, { spec }: DataTarget, where: string): void {
  const stranger = tokens.find((token) => token >= spec.vocabSize)
  if (stranger !== undefined) {
    throw brokenLine(where, `token ${stranger}, while ${spec.name} has ${spec.vocabSize}`)
  }
  let before = 1 // the first token is never an answer: nothing comes before it
  for (const [from, to] of answers) {
    if (from < before || to <= from || to > tokens.length) {
      throw brokenLine(where, `the answer [${from}, ${to}) among ${tokens.length} tokens`)
    }
    before = to
  }
}
