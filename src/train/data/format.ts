/** Lines of data files: their schemas, and the one sentence for what does not fit. */
import { createHash } from 'node:crypto'
import * as z from 'zod'
import { UsageError } from '../../util/errors.ts'
import type { ChatMessage } from '../../text/index.ts'
import { DATA_FORMAT, DATA_VERSION, type DataHeader, type DataIdentity, type DataTarget } from './types.ts'

const message = z.object({ role: z.enum(['system', 'user', 'assistant']), content: z.string() })
const whole = z.int().min(0)

/** Ids are checked by hand: there are millions of them. */
const tokenList = z.custom<number[]>(
  (value) => Array.isArray(value) && value.length > 0 && value.every((id) => Number.isSafeInteger(id) && id >= 0),
  'expected a list of token ids',
)

export const headerSchema = z.object({
  format: z.literal(DATA_FORMAT),
  version: z.literal(DATA_VERSION),
  target: z.object({ name: z.string(), fingerprint: z.string(), template: z.string() }),
  options: z.record(z.string(), z.unknown()),
})

export const droppedSchema = z.object({
  conversation: whole,
  dropped: z.enum(['loop', 'duplicate', 'empty', 'too-long']),
  generated: whole,
})

/** What training needs of a line. */
export const textSchema = z.object({
  tokens: tokenList,
  answers: z.array(z.tuple([whole, whole])).min(1),
  temperature: z.number().min(0),
})

/** What a resumed run needs of it besides. */
export const lineSchema = textSchema.extend({
  messages: z.array(message).min(1),
  conversation: whole,
  generated: whole,
  cut: z.boolean(),
})

/** A chat that somebody else wrote down, with its answers. */
export const chatSchema = z
  .union([
    z.object({ messages: z.array(message).min(1) }),
    z
      .object({ user: z.string(), assistant: z.string(), system: z.string().optional() })
      .transform(({ user, assistant, system }) => ({
        messages: [
          ...(system === undefined ? [] : [{ role: 'system', content: system }]),
          { role: 'user', content: user },
          { role: 'assistant', content: assistant },
        ] as ChatMessage[],
      })),
  ])
  .and(
    z.object({
      temperature: z.number().min(0).default(0),
      /** False for a chat whose last answer was cut short. */
      finished: z.boolean().default(true),
    }),
  )

/** Who a target is. Templates are compared by what they write, since the same one may be spelled in two ways. */
export function identityOf({ spec, template }: DataTarget): DataIdentity {
  const probe = [
    { role: 'user', content: 'one' },
    { role: 'assistant', content: 'two' },
    { role: 'user', content: 'three' },
  ] as const
  const text = template?.render(probe) ?? 'no template'
  return {
    name: spec.name,
    fingerprint: spec.fingerprint,
    template: createHash('sha256').update(text).digest('hex').slice(0, 16),
  }
}

/** Throws `bad-file` where a file was written by another model, or for another template. */
export function requireIdentity(header: DataHeader, identity: DataIdentity, file: string): void {
  const { target } = header
  if (target.fingerprint !== identity.fingerprint) {
    throw new UsageError(
      'bad-file',
      `expected training data that ${identity.name} (${identity.fingerprint}) wrote, got ${file} of ${target.name} (${target.fingerprint}); name another file, or that model`,
    )
  }
  if (target.template !== identity.template) {
    throw new UsageError(
      'bad-file',
      `expected training data in the chat format of ${identity.name}, got ${file} in another one; make the data again`,
    )
  }
}

/** JSON of one line. Throws `bad-file`. */
export function parseJson(line: string, where: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    throw brokenLine(where, `no JSON (${error instanceof Error ? error.message : String(error)})`, error)
  }
}

/** What a failed check says, for `brokenLine`. */
export function issueOf(error: z.ZodError): string {
  const issue = error.issues[0]
  return `${issue?.path.join('.') || 'the line'}: ${issue?.message ?? 'something else'}`
}

/** One sentence for a line that is no training text. */
export function brokenLine(where: string, what: string, cause?: unknown): UsageError {
  return new UsageError(
    'bad-file',
    `expected lines of "heterospec head data", or chats as {"messages"} or {"user", "assistant"}, got in ${where}: ${what}; mend or remove the line`,
    { cause },
  )
}
