/** Checks of conversations. They come from files and from other programs: their types are not to be trusted. */
import { UsageError } from '../util/errors.ts'
import type { ChatMessage } from './types.ts'

const roles: readonly unknown[] = ['system', 'user', 'assistant', 'tool'] satisfies ChatMessage['role'][]

/** Throws `bad-prompt` for what is no conversation, with the message at fault. */
export function checkMessages(messages: readonly ChatMessage[]): void {
  const unknown: unknown = messages
  if (!Array.isArray(unknown) || unknown.length === 0) {
    throw new UsageError('bad-prompt', 'expected a conversation of at least one message, got none; add a message')
  }
  for (const [index, message] of unknown.entries()) {
    const { role, content } = (message ?? {}) as Record<keyof ChatMessage, unknown>
    if (!roles.includes(role)) {
      throw new UsageError(
        'bad-prompt',
        `expected message ${index} to have the role ${roles.join(', ')}, got ${JSON.stringify(role)}; change it`,
      )
    }
    if (typeof content !== 'string') {
      throw new UsageError(
        'bad-prompt',
        `expected the content of message ${index} as text, got ${typeof content}; change it`,
      )
    }
  }
}
