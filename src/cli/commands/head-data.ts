/** `heterospec head data`: the target writes the text that its draft head will be trained on. */
import { Option, type Command } from '@commander-js/extra-typings'
import * as z from 'zod'
import { availableParallelism } from 'node:os'
import { contextOf, makeData, openTarget, type DataReport, type MakeDataOptions } from '../../train/index.ts'
import { MOST_THREADS, readEnvironment } from '../../util/env.ts'
import { UsageError } from '../../util/errors.ts'
import { compactJson } from '../compact-json.ts'
import { flagsOf, readFlags, type FlagGroup, type Typed } from '../flags.ts'
import { formatCount, formatDuration } from '../format.ts'
import { listenForInterrupt } from '../interrupt.ts'
import { locateModel } from '../open.ts'
import { addFlags } from '../options.ts'
import { createProgress } from '../progress.ts'

const dataOptions = z.strictObject({
  target: z
    .string()
    .optional()
    .describe('the model that writes: a name, the path of a GGUF file, or hf:...; default: smollm2'),
  out: z.string().describe('the file to write, JSON lines; an unfinished one is gone on with'),
  tokens: z.int().min(1).default(1_000_000).describe('tokens of answers wanted'),
  temperatures: z
    .string()
    .default('0:4,0.3,0.7:2,1')
    .describe('temperatures of the answers, each with a weight if it is to be more or less frequent'),
  promptsOnly: z.boolean().default(false).describe('end when the prompts are used up'),
  repeats: z.int().min(1).max(1000).default(1).describe('how often each prompt is answered'),
  maxAnswer: z.int().min(16).max(65_536).default(256).describe('most tokens of an answer'),
  maxPrompt: z.int().min(16).max(65_536).default(256).describe('prompts of more tokens are left out'),
  candidates: z.int().min(1).max(256).default(50).describe('answers are drawn among so many likeliest tokens'),
  sequences: z.int().min(1).max(512).default(32).describe('conversations at the same time'),
  seed: z.int().min(0).default(0).describe('same seed, same conversations'),
  threads: z.int().min(1).max(MOST_THREADS).optional().describe('threads of the model; default: one per usable core'),
  json: z.boolean().default(false).describe('print one JSON document as the last line'),
  quiet: z.boolean().default(false).describe('no progress'),
})

const group: FlagGroup = { title: 'Data', flags: flagsOf(dataOptions) }

/** Adds options and action. */
export function define(command: Command): void {
  const prompts = new Option('--prompts <files...>', 'files of your own prompts, answered first')
  command.addOption(prompts.helpGroup(`${group.title}:`))
  addFlags(command, group)
  command.addHelpText('after', notes).action((options) => data(options))
}

// ---------------------------------------------------------------------------------------------------------------

const notes = `
Prompt files hold one JSON object a line: {"messages": [{"role", "content"}]}, {"prompt"}, {"user"} or {"turns"} as in
Spec-Bench; answers in them are not used. Without prompts the model writes the user's turns too. Repetitions are cut off,
texts that say the same are kept once. Whatever ends the process, the same command goes on where it stopped; with more
--tokens it makes a finished file longer.

Examples:
  heterospec head data --out chats.jsonl --tokens 3000000
  heterospec head data --target qwen2.5-coder-0.5b.gguf --prompts mine.jsonl --prompts-only --repeats 4 --out data.jsonl
  heterospec head data --out greedy.jsonl --temperatures 0 --max-answer 512`

async function data(typed: Typed): Promise<void> {
  const given = dataOptions.safeParse(readFlags(typed, group.flags))
  if (!given.success) throw new UsageError('bad-option', 'expected --out with a file to write, got none; add it')
  const flags = given.data
  const { out, tokens, quiet, promptsOnly, repeats, maxAnswer, maxPrompt, candidates, sequences, seed } = flags
  const prompts = (typed['prompts'] as readonly string[] | undefined) ?? []
  if (promptsOnly && prompts.length === 0) {
    throw new UsageError('bad-option', 'expected files of --prompts with --prompts-only, got none; add them')
  }
  const temperatures = parseTemperatures(flags.temperatures)
  const sizes = { maxAnswer, maxPrompt, sequences }
  using interrupt = listenForInterrupt()
  const { signal } = interrupt
  const { path } = await locateModel({ model: flags.target }, { signal, quiet })
  await using target = await open(path, sizes, { signal, quiet, threads: flags.threads })
  const report = await write(
    target,
    { out, tokens, prompts, promptsOnly, repeats, temperatures, candidates, seed, ...sizes, signal },
    quiet,
  )
  console.log(describe(report, out))
  if (flags.json) console.log(compactJson({ out, target: target.spec.name, ...report, ...ratesOf(report) }))
}

async function open(
  path: string,
  { maxAnswer, maxPrompt, sequences }: Pick<MakeDataOptions, 'maxAnswer' | 'maxPrompt' | 'sequences'>,
  { signal, quiet, threads }: { signal: AbortSignal; quiet: boolean; threads: number | undefined },
): ReturnType<typeof openTarget> {
  const loading = createProgress('loading', 'bytes')
  try {
    return await openTarget(path, {
      threads: threads ?? readEnvironment().threads ?? Math.min(availableParallelism(), 16),
      context: contextOf({ maxAnswer, maxPrompt }),
      sequences,
      signal,
      onProgress: (done, total) => {
        if (!quiet) loading.update(done, total)
      },
    })
  } finally {
    loading.stop()
  }
}

async function write(
  target: Awaited<ReturnType<typeof openTarget>>,
  options: MakeDataOptions,
  quiet: boolean,
): Promise<DataReport> {
  const progress = createProgress('tokens of answers', 'count')
  try {
    return await makeData(target, {
      ...options,
      onProgress: ({ done, total, tokensPerSecond, millisecondsLeft }) => {
        if (quiet) return
        progress.update(done, Math.max(done, total), {
          rate: `${formatCount(Math.round(tokensPerSecond))} tokens/s`,
          millisecondsLeft,
        })
      },
    })
  } catch (error) {
    progress.stop()
    if (options.signal?.aborted === true && !quiet) {
      console.error(`stopped; ${options.out} holds what is done, and the same command goes on with it`)
    }
    throw error
  } finally {
    progress.stop()
  }
}

function parseTemperatures(text: string): MakeDataOptions['temperatures'] {
  const list = text.split(',').map((part) => {
    const [temperature = '', weight = '1', ...more] = part.split(':').map((word) => word.trim())
    const number = (word: string): number => (word === '' || more.length > 0 ? NaN : Number(word))
    return { temperature: number(temperature), weight: number(weight) }
  })
  const good = list.every(
    ({ temperature, weight }) => temperature >= 0 && temperature <= 10 && weight > 0 && weight < 1e6,
  )
  if (good) return list
  throw new UsageError(
    'bad-option',
    `expected temperatures from 0 to 10 like 0:4,0.7,1 (with weights where wanted) for --temperatures, got '${text}'; leave it out for 0:4,0.3,0.7:2,1`,
  )
}

function ratesOf({ generated, milliseconds, totals }: DataReport): Record<string, number> {
  const { texts, cut, dropped } = totals
  const ended = texts + Object.values(dropped).reduce((sum, count) => sum + count, 0)
  return {
    tokensPerSecond: milliseconds > 0 ? generated / (milliseconds / 1000) : 0,
    /** Of all conversations: shortened or dropped because they repeated. */
    loopShare: ended > 0 ? (cut + dropped.loop) / ended : 0,
  }
}

function describe(report: DataReport, out: string): string {
  const { totals, generated, milliseconds, resumed } = report
  const { tokensPerSecond = 0, loopShare = 0 } = ratesOf(report)
  const { duplicate, empty, 'too-long': long } = totals.dropped
  const run =
    generated === 0
      ? 'nothing was left to do'
      : `${formatCount(generated)} tokens generated in ${formatDuration(milliseconds)}, ${formatCount(Math.round(tokensPerSecond))} tokens/s`
  const earlier = resumed > 0 ? ` (${formatCount(resumed)} of them from an earlier run)` : ''
  return `${out}: ${formatCount(totals.texts)} texts${earlier} with ${formatCount(totals.answerTokens)} tokens of answers; ${(100 * loopShare).toFixed(1)} % of conversations cut or dropped because they repeated, ${duplicate} duplicates, ${empty} empty, ${long} too long; ${run}.`
}
