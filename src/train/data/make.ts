/** `heterospec head data` without its flags: from options to a file of texts. */
import { UsageError, throwIfAborted } from '../../util/errors.ts'
import type { TargetModel } from '../../model/index.ts'
import { openDataFile, type DataTotals } from './file.ts'
import { generateTexts } from './generate.ts'
import { identityOf } from './format.ts'
import { readPrompts } from './prompts.ts'
import { startOf, type Start, type Weighted } from './starts.ts'
import { DATA_FORMAT, DATA_VERSION, type DataHeader, type DataTarget } from './types.ts'

export interface MakeDataOptions {
  readonly out: string
  /** Prompt files; the target writes user turns too once they are used up, unless `promptsOnly`. */
  readonly prompts: readonly string[]
  readonly promptsOnly: boolean
  readonly repeats: number
  /** Tokens of answers wanted. */
  readonly tokens: number
  readonly temperatures: readonly Weighted[]
  readonly seed: number
  readonly sequences: number
  readonly maxPrompt: number
  readonly maxAnswer: number
  readonly candidates: number
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: DataProgress) => void) | undefined
}

export interface DataProgress {
  /** Tokens of answers in the file. */
  readonly done: number
  readonly total: number
  /** Tokens generated per second of this run, user turns included. */
  readonly tokensPerSecond: number
  /** By the pace of this run; undefined until that says something. */
  readonly millisecondsLeft: number | undefined
}

/** What a run did. */
export interface DataReport {
  readonly totals: DataTotals
  /** Of this run: tokens generated, and milliseconds. */
  readonly generated: number
  readonly milliseconds: number
  /** Texts that an earlier run left. */
  readonly resumed: number
}

/** Tokens that a conversation may hold: a prompt, an answer, and a short second round. */
export function contextOf({ maxPrompt, maxAnswer }: Pick<MakeDataOptions, 'maxPrompt' | 'maxAnswer'>): number {
  return maxPrompt + maxAnswer + 128
}

/** Makes the file, or goes on with it. Throws `bad-option`, `bad-file`, `busy`, `output-failed`, `aborted`. */
export async function makeData(
  target: DataTarget & { readonly model: TargetModel },
  options: MakeDataOptions,
): Promise<DataReport> {
  const { template, tokenizer, model, spec } = target
  if (!template) {
    throw new UsageError('bad-option', `expected a model with a chat template, ${spec.name} has none; take another one`)
  }
  const files = options.prompts.map(readPrompts)
  const prompts = files.flatMap((file) => file.prompts)
  const { seed, temperatures, repeats, maxPrompt, maxAnswer, candidates, promptsOnly } = options
  const header: DataHeader = {
    ...{ format: DATA_FORMAT, version: DATA_VERSION, target: identityOf(target) },
    options: {
      ...{ seed, temperatures, maxPrompt, maxAnswer, candidates, promptsOnly, repeats },
      prompts: files.map(({ sha256 }) => sha256),
    },
  }
  using file = openDataFile(options.out, header)
  const { totals } = file
  const resumed = totals.texts
  const before = totals.answerTokens
  const started = performance.now()
  let generated = 0
  let conversation = 0
  /** Generated for conversations under way: what they may still add to the answers. */
  let underWay = 0
  const next = (): Start | undefined => {
    // What is under way is finished, the slow ones too: else long answers would be rarer than they are.
    if (totals.answerTokens + underWay >= options.tokens) return undefined
    while (file.done.has(conversation)) conversation++
    return startOf({ seed, temperatures, prompts, repeats, own: !promptsOnly }, conversation++)
  }
  const rules = { tokenizer, template, context: contextOf(options), maxPrompt, maxAnswer }
  const settings = {
    ...{ model, rules, candidates, next, signal: options.signal, sequences: options.sequences },
    onPass: (drawn: number) => {
      generated += drawn
      underWay += drawn
      options.onProgress?.(paceOf(totals.answerTokens, before, options.tokens, generated, performance.now() - started))
    },
  }
  throwIfAborted(options.signal)
  for await (const { start, result, generated: own } of generateTexts(settings)) {
    underWay -= own
    file.add('dropped' in result ? { conversation: start.conversation, ...result, generated: own } : result)
  }
  return { totals, generated, milliseconds: performance.now() - started, resumed }
}

// ---------------------------------------------------------------------------------------------------------------

/** The first conversations to end are the short ones: an estimate by them is far too long. */
const LEAST_SHARE = 0.02

function paceOf(done: number, before: number, total: number, generated: number, milliseconds: number): DataProgress {
  const own = done - before
  return {
    ...{ done, total, tokensPerSecond: generated / (milliseconds / 1000) },
    millisecondsLeft:
      own > LEAST_SHARE * (total - before) ? (milliseconds * Math.max(0, total - done)) / own : undefined,
  }
}
