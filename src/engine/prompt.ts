/** From what the caller gave to token ids, with every reason to refuse it before work begins. */
import { UsageError } from '../util/errors.ts'
import type { Tool } from '../text/index.ts'
import { encodeChatAside } from '../text/index.ts'
import type { TokenId } from '../tree/index.ts'
import type { Engine, GenerateRequest } from './types.ts'

/** What of an engine decides how a prompt becomes tokens. */
export type PromptParts = Pick<Engine, 'tokenizer' | 'template' | 'spec' | 'context'>

/**
 * The tokens of a prompt as `generate` will read them; a conversation tells of `tools`. Long texts are read on another
 * thread. Throws `bad-prompt`, `prompt-too-long`.
 */
export async function encodePrompt(
  parts: PromptParts,
  prompt: GenerateRequest['prompt'],
  tools: readonly Tool[] = [],
): Promise<readonly TokenId[]> {
  const tokens = await encode(parts, prompt, tools)
  if (tokens.length === 0)
    throw new UsageError('bad-prompt', 'expected a prompt, got an empty one; write at least one word')
  const { context } = parts
  if (tokens.length > context) {
    throw new UsageError(
      'prompt-too-long',
      `expected a prompt of at most ${context} tokens (the context), got ${tokens.length}; shorten it, or raise the context (this model was trained for ${parts.spec.trainedContext})`,
    )
  }
  return tokens
}

// ---------------------------------------------------------------------------------------------------------------

async function encode(
  parts: PromptParts,
  prompt: GenerateRequest['prompt'],
  tools: readonly Tool[],
): Promise<readonly TokenId[]> {
  const { tokenizer, template, spec } = parts
  if (typeof prompt === 'string') return tokenizer.tokenizeAside(prompt)
  if (prompt instanceof Int32Array) return checkIds(prompt, tokenizer.vocabSize)
  if (template) return encodeChatAside(template, tokenizer, prompt, { tools })
  throw new UsageError(
    'bad-prompt',
    `expected a model with a chat template for a conversation, ${spec.name} has none; give the prompt as text`,
  )
}

function checkIds(ids: Int32Array, vocabSize: number): TokenId[] {
  const stranger = ids.find((id) => id < 0 || id >= vocabSize)
  if (stranger === undefined) return [...ids]
  throw new UsageError(
    'bad-prompt',
    `expected token ids from 0 to ${vocabSize - 1}, got ${stranger}; tokenize with this model's tokenizer`,
  )
}
