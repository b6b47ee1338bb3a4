/** The user's own prompts: what people ask is the best sign of what they will ask. Only the questions are read. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as z from 'zod'
import { UsageError } from '../../util/errors.ts'
import { parseJson } from './format.ts'
import type { Prompt } from './starts.ts'

const message = z.object({ role: z.string(), content: z.string() })

/** Chats in the forms that go around; answers in them are left out, since the target shall give its own. */
const line = z.union([
  z
    .object({ messages: z.array(message).min(1) })
    .transform(({ messages }) => ({ system: contents(messages, 'system'), turns: contents(messages, 'user') })),
  // Spec-Bench, MT-bench and others.
  z.object({ turns: z.array(z.string()).min(1) }).transform(({ turns }) => ({ system: [], turns })),
  z.object({ prompt: z.string() }).transform(({ prompt }) => ({ system: [], turns: [prompt] })),
  z.object({ user: z.string() }).transform(({ user }) => ({ system: [], turns: [user] })),
])

/** Prompts of a file and what identifies it. */
export interface PromptFile {
  readonly sha256: string
  readonly prompts: readonly Prompt[]
}

/** Reads a prompt file. Throws `bad-file` with file and line. */
export function readPrompts(file: string): PromptFile {
  const bytes = readBytes(file)
  const lines = new TextDecoder().decode(bytes).split('\n')
  const prompts = lines.flatMap((text, index): Prompt[] => {
    if (text.trim() === '') return []
    const where = `${file}, line ${index + 1}`
    const parsed = line.safeParse(parseJson(text, where))
    if (!parsed.success) throw broken(where, 'none of these')
    const { system, turns } = parsed.data
    if (turns.length === 0 || turns.some((turn) => turn.trim() === '')) throw broken(where, 'an empty question')
    return [{ system: system.map((content) => ({ role: 'system', content })), turns }]
  })
  if (prompts.length === 0) throw broken(file, 'no prompt at all')
  return { sha256: createHash('sha256').update(bytes).digest('hex'), prompts }
}

// ---------------------------------------------------------------------------------------------------------------

function contents(messages: readonly z.infer<typeof message>[], role: string): string[] {
  return messages.filter((entry) => entry.role === role).map(({ content }) => content)
}

function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError('bad-file', `expected prompts at ${file}, got "${why}"; check the path`, { cause: error })
  }
}

function broken(where: string, what: string): UsageError {
  return new UsageError(
    'bad-file',
    `expected {"messages"}, {"prompt"}, {"user"} or {"turns"} one a line, got in ${where}: ${what}; mend the file`,
  )
}
