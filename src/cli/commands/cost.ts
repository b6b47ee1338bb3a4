/**
 * `heterospec cost`: what passes over n rows, drafts, and the work around them take on this machine. Budgets use what it
 * finds from then on.
 */
import type { Command } from '@commander-js/extra-typings'
import * as z from 'zod'
import {
  describeStairs,
  runCost,
  type ChainRow,
  type CostDocument,
  type CostPhase,
  type PricedDrafter,
} from '../../bench/index.ts'
import { UsageError } from '../../util/errors.ts'
import { compactJson } from '../compact-json.ts'
import { costTable } from '../cost-table.ts'
import { fileOf, locateDraftFiles, pathsOf, type DraftFiles } from '../draft-files.ts'
import { parseDrafters } from '../drafter-names.ts'
import { flagsOf, readFlags, type FlagGroup, type Typed } from '../flags.ts'
import { formatTable } from '../format.ts'
import { listenForInterrupt } from '../interrupt.ts'
import { locateModel, openFromFlags } from '../open.ts'
import { addFlags, addModelOptions } from '../options.ts'
import { createProgress, type Progress } from '../progress.ts'

const costOptions = z.strictObject({
  quick: z.boolean().default(false).describe('fewer row counts, contexts and repeats: some ten seconds'),
  synthetic: z
    .string()
    .optional()
    .describe('also decode with invented guesses that are right with these chances by depth, e.g. 0.8,0.6'),
  drafters: z
    .string()
    .default('lookup,recycling,combined')
    .describe('drafters to price, separated by commas, with options like lookup:max-ngram=4'),
  draftModel: z
    .string()
    .optional()
    .describe('the draft model of the drafter "model", which is then priced too: a name, a path, or hf:...'),
  draftHead: z
    .string()
    .optional()
    .describe('the draft head of the drafter "eagle3", which is then priced too: a name, a path, or hf:...'),
  json: z.boolean().default(false).describe('print one JSON document as the last line instead of the tables'),
  quiet: z.boolean().default(false).describe('no progress'),
})

const group: FlagGroup = { title: 'Measurement', flags: flagsOf(costOptions) }

/** Adds options and action. */
export function define(command: Command): void {
  addFlags(command, group)
  addModelOptions(command)
  command.addHelpText('after', notes).action((options) => cost(options))
}

// ---------------------------------------------------------------------------------------------------------------

const notes = `
What it stores: the price list and the price of a draft by each drafter, in the folder "costs" of the cache, under this
model, library, set of kernels, number of threads, cache type and processor. "goodput" decides by them from then on, and
"doctor" shows them. When the same pass took different times the machine was busy, and the list of passes is not
stored. Close other programs first.

Examples:
  heterospec cost
  heterospec cost --threads 1 --synthetic 0.8,0.6,0.5
  heterospec cost --json > this-machine.json     for "heterospec simulate --cost", here or elsewhere`

async function cost(typed: Typed): Promise<void> {
  const flags = costOptions.parse(readFlags(typed, group.flags))
  const rates = flags.synthetic === undefined ? null : parseRates(flags.synthetic)
  draftersOf(flags.drafters, flags) // wrong names are told before anything is loaded
  using interrupt = listenForInterrupt()
  const { signal } = interrupt
  const draftFiles = await locateDraftFiles(flags, signal)
  const model = await locateModel(typed, { signal, quiet: flags.quiet })
  await using engine = await openFromFlags(
    { ...typed, model: model.path },
    { signal, speculative: 'off', quiet: flags.quiet },
  )
  const report = phaseReport(flags.quiet)
  let document: CostDocument
  try {
    document = await runCost({
      ...{ engine, model, rates, signal, quick: flags.quick },
      drafters: draftersOf(flags.drafters, draftFiles),
      draftModels: pathsOf(draftFiles),
      command: `heterospec ${process.argv.slice(2).join(' ')}`,
      onProgress: (phase, share) => report.update(phase, share),
    })
  } finally {
    report.stop()
  }
  console.log(flags.json ? compactJson(document) : describe(document))
}

/** The drafters named, and those whose file was given. */
function draftersOf(names: string, files: DraftFiles): PricedDrafter[] {
  const named = parseDrafters(names, files)
  const missing = ['model', 'eagle3'].filter(
    (method) => fileOf(method, files) !== undefined && !named.some(({ drafter }) => drafter?.method === method),
  )
  return [...named, ...missing.flatMap((method) => parseDrafters(method, files))]
}

function parseRates(text: string): number[] {
  const rates = text.split(',').map((rate) => (rate.trim() === '' ? NaN : Number(rate)))
  if (rates.length <= 64 && rates.every((rate) => rate >= 0 && rate <= 1)) return rates
  throw new UsageError(
    'bad-option',
    `expected chances from 0 to 1 for --synthetic, like 0.8,0.6, got '${text}'; leave it out for none`,
  )
}

const labels: Readonly<Record<CostPhase, string>> = {
  passes: 'measuring passes',
  drafts: 'measuring drafts',
  host: 'measuring the work around passes',
  chains: 'decoding with invented guesses',
}

/** One bar per phase; the time left is what the share done so far took, continued. */
function phaseReport(quiet: boolean): { update(phase: CostPhase, share: number): void; stop(): void } {
  let current: { readonly phase: CostPhase; readonly began: number; readonly bar: Progress } | undefined
  return {
    update(phase, share) {
      if (quiet) return
      if (current?.phase !== phase) {
        current?.bar.stop()
        current = { phase, began: performance.now(), bar: createProgress(labels[phase], 'milliseconds') }
      }
      const spent = performance.now() - current.began
      current.bar.update(spent, spent / share)
    },
    stop: () => current?.bar.stop(),
  }
}

function describe(document: CostDocument): string {
  const { target, stairs, misfit, chains, stored } = document
  const counts = new Set(target.map(({ rows }) => rows)).size
  const longest = Math.max(...target.map(({ context }) => context))
  const sentences = [
    ...describeStairs(stairs, counts),
    `Between the measured places budgets take a straight line by context for each row count; no measured price is more than ${percent(misfit)} off it.`,
    stored
      ? `Remembered for budgets, with contexts up to ${longest}.`
      : 'NOT remembered: the same pass took different times, the machine was busy. Measure again when it is quiet.',
  ]
  return [
    costTable(target),
    sentences.join('\n'),
    `Drafts:\n${draftTable(document)}`,
    hostSentence(document),
    ...(chains === null ? [] : [`Invented guesses, prices against decoding:\n${chainTable(chains)}`]),
  ].join('\n\n')
}

function draftTable({ draft, target }: CostDocument): string {
  const plain = target.find(({ rows }) => rows === 1)?.ms ?? NaN
  const rows = draft.map(({ drafter, depth, width, nodes, ms, levelMs, spread }) => [
    drafter,
    levelMs === null ? `${nodes} nodes` : `${depth} levels of width ${width}`,
    ms.toFixed(2),
    levelMs?.toFixed(2) ?? '',
    percent(ms / plain),
    percent(spread),
  ])
  return formatTable([['DRAFTER', 'ASKED FOR', 'MS', 'MS/LEVEL', 'OF A PASS', 'SPREAD'], ...rows], [2, 3, 4, 5])
}

function hostSentence({ host: { plainMs, treeMs, treeNodes, betweenMs } }: CostDocument): string {
  return `Work around a pass (choosing tokens, keeping cache rows, learning): ${plainMs.toFixed(2)} ms without a draft, ${treeMs.toFixed(2)} ms with ${treeNodes} nodes; ${betweenMs.toFixed(2)} ms between rounds.`
}

function chainTable(chains: readonly ChainRow[]): string {
  const rows = chains.map(({ name, tau, speedup, error, priceError }) => [
    name,
    tau.predicted.toFixed(2),
    tau.measured.toFixed(2),
    speedup.predicted.toFixed(2),
    speedup.measured.toFixed(2),
    signed(error),
    signed(priceError),
  ])
  const heading = ['', 'TAU', 'MEASURED', 'SPEED-UP', 'MEASURED', 'ERROR', 'OF PRICES']
  return formatTable([heading, ...rows], [1, 2, 3, 4, 5, 6])
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`
}

function signed(share: number): string {
  return `${share < 0 ? '' : '+'}${(100 * share).toFixed(1)} %`
}
