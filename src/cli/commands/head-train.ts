/** `heterospec head train`: a draft head for a model, from text that the model wrote. */
import { availableParallelism, totalmem } from 'node:os'
import { resolve } from 'node:path'
import type { Command } from '@commander-js/extra-typings'
import * as z from 'zod'
import type { GgufModel } from '../../gguf/index.ts'
import { createTemplate, loadTokenizer } from '../../text/index.ts'
import {
  openTrainer,
  readHeadType,
  readTrainingFile,
  trainHead,
  type HeadRunSettings,
  type HeadRunSummary,
  type TrainingText,
} from '../../train/index.ts'
import { MOST_THREADS, readEnvironment } from '../../util/env.ts'
import { UsageError } from '../../util/errors.ts'
import { compactJson } from '../compact-json.ts'
import { flagsOf, readFlags, type FlagGroup, type Typed } from '../flags.ts'
import { describeSummary, summaryDocument, trainReport } from '../head-report.ts'
import { listenForInterrupt } from '../interrupt.ts'
import { locateModel } from '../open.ts'
import { addFlags } from '../options.ts'
import { headTypeHelp, readVocabularyText, writePage } from '../head-files.ts'

const fileOptions = z.strictObject({
  target: z
    .string()
    .optional()
    .describe('the model to draft for: a name, the path of a GGUF file, or hf:...; default: smollm2'),
  data: z.string().optional().describe('training text of "heterospec head data", or chats as JSON lines (required)'),
  out: z.string().optional().describe('the file to write (required)'),
  from: z.string().optional().describe('a head to train further, on your own conversations for example'),
  type: z.string().default('q8_0').describe(headTypeHelp),
  html: z.string().optional().describe('also write loss and agreement as a page to this file'),
  restart: z.boolean().default(false).describe('forget an unfinished run, and replace a finished head'),
})

const headOptions = z.strictObject({
  draftVocab: z
    .int()
    .min(16)
    .max(1 << 20)
    .default(8192)
    .describe('most frequent tokens that the head can propose'),
  vocabText: z.string().optional().describe('a text file whose tokens count, too, when these are chosen'),
  taps: z
    .string()
    .optional()
    .describe('three layers whose incoming streams the head reads; default: early, middle, late'),
})

const learningOptions = z.strictObject({
  epochs: z
    .number()
    .gt(0)
    .max(1000)
    .optional()
    .describe('how often all text is read; default: 4, or until --minutes are over'),
  minutes: z.number().gt(0).max(1e6).optional().describe('end after so many minutes of training'),
  batch: z.int().min(1).max(1024).default(4).describe('windows per step'),
  length: z.int().min(16).max(4096).default(256).describe('positions of a window'),
  unroll: z.int().min(1).max(16).default(3).describe('depths that are trained'),
  candidates: z
    .int()
    .min(0)
    .default(0)
    .describe('draft tokens that a step of learning looks at, the likeliest ones and some others; 0 for all'),
  learningRate: z
    .number()
    .gt(0)
    .max(1)
    .optional()
    .describe('peak of the learning rate; default: 1e-3, with --from 2e-4'),
  decay: z.enum(['linear', 'cosine']).default('cosine').describe('how it falls to a tenth'),
  warmUp: z.number().min(0).max(0.5).default(0.03).describe('share of the run in which it rises'),
  stateLoss: z
    .number()
    .min(0)
    .max(100)
    .optional()
    .describe("weight of the distance to the target's stream at first; default: 20, with --from 0"),
  evaluations: z.int().min(1).max(10_000).default(24).describe('how often held-out text is looked at'),
  patience: z.int().min(1).max(10_000).default(8).describe('looks without a better one before the run ends early'),
  seed: z.int().min(0).default(0).describe('same seed, same head'),
})

const machineOptions = z.strictObject({
  heldOut: z
    .number()
    .gt(0)
    .max(0.5)
    .default(0.02)
    .describe('share of texts to judge by, never trained on; at most 400'),
  cacheSize: z.number().min(0).default(16).describe('GB of features kept on the disk for later epochs and runs'),
  memory: z.number().gt(0).optional().describe('GB of memory that may be needed; default: all but a tenth'),
  checkpoint: z.number().min(0).default(3).describe('minutes between checkpoints'),
  threads: z.int().min(1).max(MOST_THREADS).optional().describe('threads; default: one per usable core'),
  json: z.boolean().default(false).describe('print one JSON document as the last line'),
  quiet: z.boolean().default(false).describe('no progress'),
})

const groups = {
  files: { title: 'Files', flags: flagsOf(fileOptions) },
  head: { title: 'Head', flags: flagsOf(headOptions) },
  learning: { title: 'Learning', flags: flagsOf(learningOptions) },
  machine: { title: 'Machine', flags: flagsOf(machineOptions) },
} satisfies Record<string, FlagGroup>

/** Adds options and action. */
export function define(command: Command): void {
  for (const group of Object.values(groups)) addFlags(command, group)
  command.addHelpText('after', notes).action((options) => train(options))
}

// ---------------------------------------------------------------------------------------------------------------

const notes = `
Whatever ends the process, the same command goes on where the last checkpoint was (OUT.training beside the head). The best
head so far is always at OUT. Text is the limit, not time: a run says at its end what more text would bring.

Examples:
  heterospec head data --out chats.jsonl --tokens 1000000
  heterospec head train --data chats.jsonl --out head.gguf
  heterospec head train --target qwen2.5-coder-0.5b.gguf --data data.jsonl --out head.gguf --minutes 120 --html curves.html
  heterospec head train --data my-chats.jsonl --from head.gguf --out my-head.gguf
  heterospec run --draft-head head.gguf "Why is the sky blue?"`

async function train(typed: Typed): Promise<void> {
  const files = fileOptions.parse(readFlags(typed, groups.files.flags))
  const head = headOptions.parse(readFlags(typed, groups.head.flags))
  const learning = learningOptions.parse(readFlags(typed, groups.learning.flags))
  const machine = machineOptions.parse(readFlags(typed, groups.machine.flags))
  const { data, out } = files
  if (data === undefined) throw missing('--data', 'text that the model wrote, made by "heterospec head data"')
  if (out === undefined) throw missing('--out', 'the file to write')
  if (files.from !== undefined) refuseHeadFlags(typed)
  using interrupt = listenForInterrupt({ terminate: true })
  const { signal } = interrupt
  const { quiet } = machine
  const target = (await locateModel({ model: files.target }, { signal, quiet })).path
  const from = files.from === undefined ? undefined : (await locateModel({ model: files.from }, { signal, quiet })).path
  const settings = settingsOf({ ...files, data, out, target, from }, head, learning, machine)
  const report = trainReport(quiet, out)
  let summary: HeadRunSummary
  try {
    summary = await trainHead({
      ...{ settings, signal, createTrainer: openTrainer, ...report.listeners },
      texts: (file) => readTexts(data, file),
      vocabularyTokens: head.vocabText === undefined ? undefined : await readVocabularyText(head.vocabText, target),
    })
  } catch (error) {
    report.stop()
    if (signal.aborted && !quiet) console.error('stopped; the same command goes on where the last checkpoint was')
    throw error
  } finally {
    report.stop()
  }
  if (files.html !== undefined) writePage(files.html, summary, `heterospec ${process.argv.slice(2).join(' ')}`)
  console.log(describeSummary(summary, resolve(out)))
  if (machine.json) console.log(compactJson(summaryDocument(summary, resolve(out))))
}

/** Texts as the target's tokenizer and template say. */
async function* readTexts(path: string, file: GgufModel): AsyncGenerator<TrainingText, void, undefined> {
  using tokenizer = await loadTokenizer(file)
  const { metadata, fingerprint } = file
  const spec = { name: metadata.string('general.name') ?? 'the target', fingerprint, vocabSize: tokenizer.vocabSize }
  yield* readTrainingFile(path, { spec, tokenizer, template: createTemplate(metadata, tokenizer) })
}

function settingsOf(
  files: Pick<HeadRunSettings, 'data' | 'out' | 'target' | 'from' | 'restart'> & { readonly type: string },
  head: z.output<typeof headOptions>,
  learning: z.output<typeof learningOptions>,
  machine: z.output<typeof machineOptions>,
): HeadRunSettings {
  const isNew = files.from === undefined
  const { epochs, minutes } = learning
  const environment = readEnvironment()
  return {
    ...{ data: files.data, out: files.out, target: files.target, from: files.from },
    ...{ type: readHeadType(files.type), restart: files.restart, draftVocab: head.draftVocab },
    taps: head.taps === undefined ? undefined : parseTaps(head.taps),
    heldOut: machine.heldOut,
    mostHeldOut: 400,
    learning: {
      ...learning,
      epochs: epochs ?? (minutes === undefined ? 4 : undefined),
      minutes,
      learningRate: learning.learningRate ?? (isNew ? 1e-3 : 2e-4),
      stateLoss: learning.stateLoss ?? (isNew ? 20 : 0),
    },
    threads: machine.threads ?? environment.threads ?? Math.min(availableParallelism(), 16),
    cacheDir: environment.cacheDir,
    cacheBytes: machine.cacheSize * 1e9,
    memoryBytes: machine.memory === undefined ? 0.9 * totalmem() : machine.memory * 1e9,
    checkpointMs: 60_000 * machine.checkpoint,
  }
}

/** A head that is trained further keeps its shape. */
function refuseHeadFlags(typed: Typed): void {
  const given = groups.head.flags.find(({ attribute }) => typed[attribute] !== undefined)
  if (!given) return
  const message = `expected no --${given.name} beside --from, got one; a head that is trained further keeps its tokens and layers`
  throw new UsageError('bad-option', message)
}

function parseTaps(text: string): number[] {
  const layers = text.split(',').map((word) => (word.trim() === '' ? NaN : Number(word)))
  if (layers.length === 3 && layers.every((layer) => Number.isInteger(layer) && layer >= 0)) return layers
  throw new UsageError(
    'bad-option',
    `expected three layers like 2,15,27 for --taps, got '${text}'; leave it out for the default`,
  )
}

function missing(flag: string, meaning: string): UsageError {
  return new UsageError('bad-option', `expected ${flag}, got none; name ${meaning}`)
}
