/**
 * `heterospec calibrate`: what a drafter is worth on this machine, learned from answers of the model and checked against
 * answers that were kept apart; a small file from which budgets start.
 */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Option, type Command } from '@commander-js/extra-typings'
import * as z from 'zod'
import {
  calibrate,
  firstOfGroups,
  identityOf,
  renderCalibration,
  shippedPrompts,
  type Calibrated,
  type CalibratePhase,
  type CalibrateSetup,
  type PromptSet,
} from '../../bench/index.ts'
import { CALIBRATIONS } from '../../engine/index.ts'
import { readPrompts } from '../../train/index.ts'
import { readEnvironment } from '../../util/env.ts'
import { UsageError } from '../../util/errors.ts'
import { checkWritable } from '../bench-flags.ts'
import { describeCalibration } from '../calibration-table.ts'
import { compactJson } from '../compact-json.ts'
import { fileOf, locateDraftFiles } from '../draft-files.ts'
import { parseDrafter } from '../drafter-names.ts'
import { flagsOf, readFlags, type FlagGroup, type Typed } from '../flags.ts'
import { listenForInterrupt } from '../interrupt.ts'
import { locateModel, openFromFlags } from '../open.ts'
import { addFlags, addModelOptions } from '../options.ts'
import { createProgress, type Progress } from '../progress.ts'

const calibrateOptions = z.strictObject({
  drafter: z
    .string()
    .optional()
    .describe(
      'whose drafts are calibrated, with options like lookup:max-ngram=4; default: what has a file, else combined',
    ),
  draftModel: z.string().optional().describe('the draft model of the drafter "model": a name, a path, or hf:...'),
  draftHead: z.string().optional().describe('the draft head of the drafter "eagle3": a name, a path, or hf:...'),
  out: z
    .string()
    .optional()
    .describe('the file to write; default: one in the cache, where engines find it by themselves'),
  perGroup: z.int().min(3).optional().describe('prompts of each group, every third for the check; default: all'),
  maxTokens: z.int().min(2).default(128).describe('most tokens of an answer'),
  topK: z
    .int()
    .min(1)
    .max(64)
    .default(10)
    .describe('nodes expanded per level of the judged trees, and children of each'),
  depth: z.int().min(0).max(42).default(7).describe('levels expanded below the first one, as EAGLE counts'),
  totalTokens: z.int().min(2).max(192).default(60).describe('nodes of a whole tree, the root included'),
  portable: z.boolean().default(false).describe('leave out prices, which belong to this machine'),
  fresh: z.boolean().default(false).describe('do not go on with an interrupted run'),
  html: z.string().optional().describe('write a page with the reliability curve and the price curve to this file'),
  json: z.boolean().default(false).describe('print one JSON document as the last line instead of the tables'),
  quiet: z.boolean().default(false).describe('no progress'),
})

const group: FlagGroup = { title: 'Calibration', flags: flagsOf(calibrateOptions) }

/** Adds argument, options and action. */
export function define(command: Command): void {
  const withModel = command.argument('[model]', 'the model to draft for, instead of --model')
  const prompts = new Option('--prompts <files...>', 'files of your own prompts, instead of the shipped ones')
  withModel.addOption(prompts.helpGroup(`${group.title}:`))
  addFlags(command, group)
  addModelOptions(command)
  withModel.addHelpText('after', notes).action((model, options) => run(options, model))
}

// ---------------------------------------------------------------------------------------------------------------

const notes = `
The model answers prompts plainly, and at every place of its answers the drafter drafts a tree, which the answer judges. Two
thirds of the prompts teach how often drafts of each kind come true, one third checks it. Prompt files hold one JSON
object a line: {"messages": [{"role", "content"}]}, {"prompt"}, {"user"} or {"turns"}; first questions only, and answers in
them are not used. Whatever ends the process, the same command goes on where it stopped.

Budgets of "run", "chat" and the library start from a calibration in the cache when model, drafter and its file are the
same; --calibration FILE names another, also for "bench" and "simulate".

Examples:
  heterospec calibrate --draft-head head.gguf
  heterospec calibrate qwen2.5-coder-1.5b.gguf --draft-model qwen2.5-coder-0.5b.gguf --prompts mine.jsonl
  heterospec calibrate --draft-head head.gguf --portable --out head.calibration.json --html report.html`

type Flags = z.output<typeof calibrateOptions>

async function run(typed: Typed, model: string | undefined): Promise<void> {
  const flags = calibrateOptions.parse(readFlags(typed, group.flags))
  const named = withModelArgument(typed, model)
  const prompts = promptsOf(typed, flags)
  drafterOf(flags, flags) // a wrong name is told before anything is loaded
  if (flags.html !== undefined) checkWritable(flags.html)
  using interrupt = listenForInterrupt()
  const { signal } = interrupt
  const drafter = drafterOf(flags, await locateDraftFiles(flags, signal))
  const located = await locateModel(named, { signal, quiet: flags.quiet })
  await using engine = await openFromFlags(
    { ...named, model: located.path },
    { signal, speculative: 'off', quiet: flags.quiet }, // budgets at work would correct the price list
  )
  const out = flags.out ?? defaultFile({ engine, drafter })
  const report = phaseReport(flags.quiet)
  let found: Calibrated
  try {
    found = await calibrate({
      ...{ engine, drafter, prompts, out, signal },
      ...{ maxTokens: flags.maxTokens, portable: flags.portable, fresh: flags.fresh },
      tree: { topK: flags.topK, depth: flags.depth, totalTokens: flags.totalTokens },
      ...report.listeners,
    })
  } finally {
    report.stop()
  }
  const { calibration, leftOut } = found
  if (leftOut > 0) console.error(`left out: ${leftOut} prompts that do not fit the context with their answer`)
  console.log(flags.json ? compactJson({ file: out, ...calibration }) : describeCalibration(calibration, out))
  if (flags.html !== undefined) writeFileSync(flags.html, renderCalibration(calibration))
}

function withModelArgument(typed: Typed, model: string | undefined): Typed {
  if (model === undefined) return typed
  if (typed['model'] === undefined) return { ...typed, model }
  throw new UsageError('bad-option', `expected one model, got '${model}' and --model; leave one of them out`)
}

function promptsOf(typed: Typed, { perGroup }: Flags): PromptSet {
  const paths = typed['prompts'] as readonly string[] | undefined
  const set = paths === undefined ? shippedPrompts() : ownPrompts(paths)
  return perGroup === undefined ? set : firstOfGroups(set, perGroup)
}

/** Each file is a group. */
function ownPrompts(paths: readonly string[]): PromptSet {
  const files = paths.map((path) => ({ path, ...readPrompts(path) }))
  return {
    name: paths.length === 1 ? 'a file of the user' : `${paths.length} files of the user`,
    sha256: files.map(({ sha256 }) => sha256).join(' '),
    prompts: files.flatMap(({ path, prompts }) =>
      prompts.map(({ system, turns }) => ({
        group: path.replace(/^.*[/\\]/, '').replace(/\.\w+$/, ''),
        messages: [...system, ...turns.slice(0, 1).map((content) => ({ role: 'user', content }) as const)],
      })),
    ),
  }
}

/** Who has a file is meant. */
function drafterOf({ drafter }: Flags, files: Parameters<typeof fileOf>[1]): CalibrateSetup['drafter'] {
  const implied = ['eagle3', 'model'].find((method) => fileOf(method, files) !== undefined) ?? 'combined'
  return parseDrafter(drafter ?? implied, files)
}

const labels = {
  prices: 'measuring prices',
  learning: 'answers to learn from',
  checking: 'answers to check by',
} as const satisfies Readonly<Record<CalibratePhase, string>>

/** A bar per phase, in thousandths of its work, since an answer takes long. */
function phaseReport(quiet: boolean): {
  readonly listeners: Pick<CalibrateSetup, 'onProgress' | 'onResume'>
  stop(): void
} {
  if (quiet) return { listeners: { onProgress: () => undefined, onResume: () => undefined }, stop: () => undefined }
  let current:
    | { readonly phase: CalibratePhase; readonly began: number; readonly from: number; readonly bar: Progress }
    | undefined
  return {
    listeners: {
      onProgress(phase, done, total) {
        if (current?.phase !== phase) {
          current?.bar.stop()
          current = { phase, began: performance.now(), from: done, bar: createProgress(labels[phase], 'milliseconds') }
        }
        // Time so far and time in all: what was done by an earlier run took no time of this one.
        const spent = performance.now() - current.began
        const share = (done - current.from) / Math.max(1e-9, total - current.from)
        if (share > 0) current.bar.update(spent, spent / share)
      },
      onResume: (answers) =>
        console.error(`going on with an interrupted run: ${answers} answers are done (--fresh starts over)`),
    },
    stop: () => current?.bar.stop(),
  }
}

/** Where engines find it by what it holds for, and another drafter has another file. */
function defaultFile(setup: Pick<CalibrateSetup, 'engine' | 'drafter'>): string {
  const identity = identityOf(setup)
  const digest = createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 12)
  const model = identity.model.name.toLowerCase().replace(/[^a-z0-9.]+/g, '-')
  return join(readEnvironment().cacheDir, CALIBRATIONS, `${model}-${identity.drafter.method}-${digest}.json`)
}
