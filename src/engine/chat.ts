/** A conversation: keeps the history, and with it the beginning of the next prompt, so that the cache is reused. */
import type { ChatMessage, ToolCall } from '../text/index.ts'
import type { ChatOptions, ChatSession, Engine, GenerateEvent, GenerateRequest } from './types.ts'

export function openChat(engine: Pick<Engine, 'generate'>, options: ChatOptions): ChatSession {
  const { system, history: given = [], ...defaults } = options
  const opening: readonly ChatMessage[] = system === undefined ? [] : [{ role: 'system', content: system }]
  let history: readonly ChatMessage[] = [...opening, ...given]

  async function* send(
    text: string,
    overrides: Omit<GenerateRequest, 'prompt'> = {},
  ): AsyncGenerator<GenerateEvent, void, undefined> {
    const asked: readonly ChatMessage[] = [...history, { role: 'user', content: text }]
    let answer = ''
    let toolCalls: readonly ToolCall[] = []
    let keep = false
    try {
      for await (const event of engine.generate({ ...defaults, ...overrides, prompt: asked })) {
        if (event.type === 'text') answer += event.text
        if (event.type === 'done') toolCalls = event.toolCalls ?? []
        keep ||= event.type === 'text' || (event.type === 'done' && event.finishReason !== 'aborted')
        yield event
      }
    } finally {
      // A question that was refused (too long, say) or stopped before its first word leaves no trace.
      const calls = toolCalls.length > 0 && { toolCalls }
      if (keep) history = [...asked, { role: 'assistant', content: answer, ...calls }]
    }
  }

  return {
    get history() {
      return history
    },
    send,
    clear() {
      history = opening
    },
  }
}
