/** Chats in words to training texts: rendered by the target's template, with the ranges of the answers. */
import { encodeChat, type ChatMessage } from '../../text/index.ts'
import type { TokenId } from '../../tree/index.ts'
import type { TrainingText } from '../types.ts'
import { brokenLine } from './format.ts'
import type { DataTarget } from './types.ts'

/** A chat with answers. */
export interface WrittenChat {
  readonly messages: readonly ChatMessage[]
  readonly temperature: number
  /** False when the last answer was cut short: then its end is no lesson. */
  readonly finished: boolean
}

/**
 * Tokens and answers of a chat. What follows the last answer is dropped. Throws `bad-file`, naming `where`, for a chat
 * without answers and for a template that rewrites earlier turns.
 */
export function encodeWritten(target: DataTarget, chat: WrittenChat, where: string): TrainingText {
  const { template, tokenizer } = target
  if (!template) throw brokenLine(where, `a chat, but ${target.spec.name} has no chat template`)
  const last = chat.messages.findLastIndex(({ role }) => role === 'assistant')
  if (last < 0) throw brokenLine(where, 'a chat without an answer')
  const tokens = encodeChat(template, tokenizer, chat.messages.slice(0, last + 1), { addGenerationPrompt: false })
  const answers: [from: number, to: number][] = []
  chat.messages.slice(0, last + 1).forEach(({ role }, index) => {
    if (role !== 'assistant') return
    if (index === 0) throw brokenLine(where, 'an answer before any question')
    const prompt = encodeChat(template, tokenizer, chat.messages.slice(0, index))
    if (!startsWith(tokens, prompt)) throw brokenLine(where, 'a chat whose earlier turns the chat template rewrites')
    const end = tokens.findIndex((token, at) => at >= prompt.length && tokenizer.isEnd(token))
    const withEnd = index < last || chat.finished
    const to = end < 0 ? tokens.length : withEnd ? end + 1 : end
    if (to > prompt.length) answers.push([prompt.length, to])
  })
  const to = answers.at(-1)?.[1]
  if (to === undefined) throw brokenLine(where, 'a chat with empty answers only')
  return { tokens: tokens.slice(0, to), answers, temperature: chat.temperature }
}

/** Whether `tokens` begin with `start`. */
export function startsWith(tokens: readonly TokenId[], start: readonly TokenId[]): boolean {
  return start.length <= tokens.length && start.every((token, index) => tokens[index] === token)
}
