/** Which prompts are answered, which of them are learned from, and which are kept for the check. */
import { join } from 'node:path'
import { UsageError } from '../../util/errors.ts'
import { packageRoot } from '../../util/package.ts'
import type { Engine } from '../../engine/index.ts'
import { encodeChat } from '../../text/index.ts'
import { loadSuite } from '../suite.ts'
import type { CalibrationPrompt, PromptSet } from './types.ts'

/** One of so many prompts of a group is kept for the check. */
const CHECK_EVERY = 3

/** The prompts that come with the package: none of them is in Spec-Bench, which is for measuring. */
export function shippedPrompts(): PromptSet {
  const { sha256, questions } = loadSuite(join(packageRoot(), 'data', 'calibration', 'prompts.jsonl'))
  const prompts = questions.map(({ group, turns }) => ({
    group,
    messages: turns.slice(0, 1).map((content) => ({ role: 'user', content }) as const),
  }))
  return { name: 'shipped', sha256, prompts }
}

/** So many prompts of each group, from the first on. */
export function firstOfGroups({ prompts, ...set }: PromptSet, perGroup: number): PromptSet {
  return { ...set, prompts: byGroup(prompts).flatMap((group) => group.slice(0, perGroup)) }
}

/** A prompt as the model reads it. */
export interface EncodedPrompt {
  readonly group: string
  readonly tokens: readonly number[]
}

export interface SplitPrompts {
  readonly learn: readonly EncodedPrompt[]
  readonly check: readonly EncodedPrompt[]
  /** Prompts that do not fit the context with their answer. */
  readonly leftOut: number
}

/** Every third prompt of a group is for the check. Throws `bad-option` when none would be, or none left to learn from. */
export function splitPrompts(engine: Engine, { prompts }: PromptSet, maxTokens: number): SplitPrompts {
  const encoded = prompts.map(({ group, messages }) => ({ group, tokens: encodePrompt(engine, messages) }))
  const fitting = encoded.filter(({ tokens }) => tokens.length + maxTokens <= engine.context)
  const [learn, check]: [EncodedPrompt[], EncodedPrompt[]] = [[], []]
  for (const group of byGroup(fitting)) {
    group.forEach((prompt, index) => (index % CHECK_EVERY === CHECK_EVERY - 1 ? check : learn).push(prompt))
  }
  if (check.length > 0) return { learn, check, leftOut: prompts.length - fitting.length }
  throw new UsageError(
    'bad-option',
    `expected at least ${CHECK_EVERY} prompts of a group that fit ${engine.context} tokens with an answer of ${maxTokens} (every third is kept for the check), got ${fitting.length} of ${prompts.length}; give more or shorter ones`,
  )
}

// ---------------------------------------------------------------------------------------------------------------

/** With the chat template where there is one. */
function encodePrompt({ template, tokenizer }: Engine, messages: CalibrationPrompt['messages']): number[] {
  if (template) return encodeChat(template, tokenizer, messages)
  return tokenizer.tokenize(messages.map(({ content }) => content).join('\n\n'))
}

/** In the order of their first prompts. */
function byGroup<Prompt extends { readonly group: string }>(prompts: readonly Prompt[]): Prompt[][] {
  const groups = new Map<string, Prompt[]>()
  for (const prompt of prompts) groups.set(prompt.group, [...(groups.get(prompt.group) ?? []), prompt])
  return [...groups.values()]
}
