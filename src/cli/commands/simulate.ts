/**
 * `heterospec simulate`: records what a drafter proposes, and judges budgets by it at the prices of machines that are not
 * here. `--validate` decodes for real and tells how wrong the simulation is.
 */
import type { Command } from '@commander-js/extra-typings'
import * as z from 'zod'
import {
  DEFAULT_BUDGETS,
  loadSuite,
  overall,
  recordAnswers,
  recordingHeader,
  runSimulation,
  sampleQuestions,
  validateBudgets,
  withValidation,
  type NamedBudget,
  type PricedDrafter,
  type Recording,
  type SimulationDocument,
} from '../../bench/index.ts'
import { UsageError } from '../../util/errors.ts'
import { compactJson } from '../compact-json.ts'
import { fileOf, locateDraftFiles, pathsOf } from '../draft-files.ts'
import { parseDrafter } from '../drafter-names.ts'
import { flagsOf, readFlags, type FlagGroup, type Typed } from '../flags.ts'
import { listenForInterrupt } from '../interrupt.ts'
import { parseBudget } from '../methods.ts'
import { locateModel, openFromFlags } from '../open.ts'
import { addFlags, addModelOptions } from '../options.ts'
import { createProgress } from '../progress.ts'
import { describeSimulation } from '../simulation-table.ts'
import { openLines } from '../trace.ts'

const recordOptions = z.strictObject({
  record: z.string().optional().describe('write a recording to this file instead of simulating one'),
  drafter: z
    .string()
    .default('combined')
    .describe('whose proposals are recorded, with options like lookup:max-ngram=4'),
  suite: z.string().optional().describe("file of prompts in Spec-Bench's format; default: Spec-Bench's own 480"),
  sample: z.int().min(1).default(2).describe('questions of each group'),
  seed: z.int().min(0).default(1).describe('chooses the sample'),
  maxTokens: z.int().min(2).default(128).describe('most tokens of an answer'),
  scored: z
    .int()
    .min(0)
    .max(255)
    .default(4)
    .describe('nodes scored at every place, for drafters that learn from scores'),
  treeNodes: z.int().min(1).max(255).default(63).describe('nodes asked of the drafter at every place'),
  treeDepth: z.int().min(1).max(64).default(16).describe('levels asked of it'),
  treeWidth: z.int().min(1).max(64).default(4).describe('children per node asked of it'),
})

const simulateOptions = z.strictObject({
  budgets: z.string().optional().describe('budgets to judge, separated by commas; default: goodput,fixed'),
  cost: z.string().optional().describe('prices of another machine: what "heterospec cost --json" printed there'),
  curve: z
    .string()
    .optional()
    .describe('an invented machine: flat, linear, slope:RISE, stairs:ROWS[:RISE], roofline:ROWS, or gpu (roofline:64)'),
  rowMs: z.number().gt(0).optional().describe('milliseconds of one row on the invented machine; default: as recorded'),
  levelMs: z
    .number()
    .gt(0)
    .optional()
    .describe('milliseconds of one level of a draft on the invented machine; default: as recorded'),
  batch: z.int().min(1).max(1024).default(1).describe('sequences that share every pass, all alike'),
  calibration: z
    .string()
    .optional()
    .describe('a file of "heterospec calibrate" from which budgets start at each answer; default: they know nothing'),
  memory: z
    .enum(['question', 'run'])
    .default('question')
    .describe('what budgets remember: nothing of other questions, or all that came before, as one process would'),
  validate: z.boolean().default(false).describe('also decode the recorded prompts here, and tell the error'),
})

const commonOptions = z.strictObject({
  draftModel: z.string().optional().describe('the draft model of the drafter "model": a name, a path, or hf:...'),
  draftHead: z.string().optional().describe('the draft head of the drafter "eagle3": a name, a path, or hf:...'),
  json: z.boolean().default(false).describe('print one JSON document as the last line instead of the tables'),
  quiet: z.boolean().default(false).describe('no progress'),
})

const groups = {
  record: { title: 'Recording', flags: flagsOf(recordOptions) },
  simulate: { title: 'Simulation', flags: flagsOf(simulateOptions) },
  common: { title: 'Both', flags: flagsOf(commonOptions) },
} satisfies Record<string, FlagGroup>

/** Adds argument, options and action. */
export function define(command: Command): void {
  const withFile = command.argument('[file]', 'a recording, or a trace of "heterospec run --trace"')
  for (const group of Object.values(groups)) addFlags(command, group)
  addModelOptions(command)
  withFile.addHelpText('after', examples).action((file, options) => simulate(file, options))
}

// ---------------------------------------------------------------------------------------------------------------

const examples = `
A recording holds, for every place of plain answers, the tree that the drafter would have proposed. Budgets are then
judged on a virtual clock: draft, pass and host work take what a price list says. A trace can only be priced anew.

Examples:
  heterospec simulate --record rec.jsonl --drafter combined --sample 2 --max-tokens 128
  heterospec simulate rec.jsonl --budgets goodput,fixed:nodes=8,fixed:nodes=4:depth=4
  heterospec simulate rec.jsonl --curve gpu --row-ms 12 --batch 8
  heterospec simulate rec.jsonl --cost other-machine.json
  heterospec simulate rec.jsonl --validate`

type RecordFlags = z.output<typeof recordOptions>
type SimulateFlags = z.output<typeof simulateOptions>
type CommonFlags = z.output<typeof commonOptions>

async function simulate(file: string | undefined, typed: Typed): Promise<void> {
  const common = commonOptions.parse(readFlags(typed, groups.common.flags))
  const record = recordOptions.parse(readFlags(typed, groups.record.flags))
  const wanted = simulateOptions.parse(readFlags(typed, groups.simulate.flags))
  if (record.record !== undefined) {
    if (file !== undefined) throw misuse(`no file beside --record`, file, 'simulate in a second step')
    refuseOthers(typed, groups.simulate, '--record', 'simulate in a second step')
    await makeRecording(record.record, record, common, typed)
    return
  }
  if (file === undefined) throw misuse('a recording or --record', 'neither', 'make one with --record FILE')
  refuseOthers(typed, groups.record, 'a recording', 'add --record FILE to make one')
  await judge(file, wanted, common, typed)
}

function misuse(expected: string, got: string, advice: string): UsageError {
  return new UsageError('bad-option', `expected ${expected}, got ${got}; ${advice}`)
}

function refuseOthers(typed: Typed, { flags }: FlagGroup, present: string, advice: string): void {
  const other = flags.find(({ attribute }) => typed[attribute] !== undefined && attribute !== 'record')
  if (other) throw misuse(`flags that go with ${present}`, `--${other.name}`, `${advice}, or leave it out`)
}

// --- recording ---

async function makeRecording(path: string, flags: RecordFlags, common: CommonFlags, typed: Typed): Promise<void> {
  const questions = sampleQuestions(loadSuite(flags.suite).questions, flags.sample, flags.seed)
  parseDrafter(flags.drafter, common) // a wrong name is told before anything is loaded
  using lines = openLines(path, '--record')
  using interrupt = listenForInterrupt()
  const { signal } = interrupt
  const draftFiles = await locateDraftFiles(common, signal)
  const drafter = parseDrafter(flags.drafter, draftFiles)
  const model = await locateModel(typed, { signal, quiet: common.quiet })
  await using engine = await openFromFlags(
    { ...typed, model: model.path },
    { signal, speculative: 'off', quiet: common.quiet }, // budgets at work would correct the price list
  )
  const { maxTokens, scored } = flags
  const tree = { nodes: flags.treeNodes, depth: flags.treeDepth, width: flags.treeWidth }
  const draftModels = pathsOf(draftFiles)
  const command = `heterospec ${process.argv.slice(2).join(' ')}`
  const progress = createProgress('recording places', 'count')
  try {
    lines.write(
      await recordingHeader({ engine, drafter, tree, scored, maxTokens, signal, command, model, draftModels }),
    )
    const { places, leftOut } = await recordAnswers({
      ...{ engine, drafter: drafter.drafter, questions, maxTokens, tree, scored, signal },
      write: (line) => lines.write(line),
      onProgress: (done, total) => {
        if (!common.quiet) progress.update(done, total)
      },
    })
    progress.stop()
    const answers = questions.length - leftOut.length
    for (const { id, reason } of leftOut) console.error(`left out: question ${id}: ${reason}`)
    if (common.json) console.log(compactJson({ kind: 'heterospec-recorded', file: path, answers, places, leftOut }))
    else console.log(`${places} places of ${answers} answers in ${path}; next: heterospec simulate ${path}`)
  } finally {
    progress.stop()
  }
}

// --- simulation ---

async function judge(file: string, flags: SimulateFlags, common: CommonFlags, typed: Typed): Promise<void> {
  const { source, document } = runSimulation(file, { ...flags, budgets: budgetsOf(flags) })
  if (!flags.validate) {
    refuseOthers(
      typed,
      { title: '', flags: groups.common.flags.filter(({ name }) => name.startsWith('draft-')) },
      'a simulation',
      'add --validate',
    )
    print(document, common)
    return
  }
  if (source.kind === 'trace') throw misuse('a recording for --validate', `a trace (${file})`, 'make one with --record')
  print(await validate(document, source.recording, flags, common, typed), common)
}

/** A trace has no budgets; so nothing is chosen for it. */
function budgetsOf({ budgets }: SimulateFlags): NamedBudget[] | undefined {
  return budgets?.split(',').map((text) => ({ name: text.trim(), options: parseBudget(text.trim()) }) as NamedBudget)
}

async function validate(
  document: SimulationDocument,
  recording: Recording,
  flags: SimulateFlags,
  common: CommonFlags,
  typed: Typed,
): Promise<SimulationDocument> {
  if (flags.cost !== undefined || flags.curve !== undefined || flags.batch !== 1) {
    throw misuse('this machine and one sequence for --validate', 'another', 'leave --cost, --curve and --batch out')
  }
  if (flags.memory !== 'question') {
    throw misuse('questions on their own for --validate', '--memory run', 'leave one of them out')
  }
  using interrupt = listenForInterrupt()
  const { signal } = interrupt
  const { options } = recording.drafter
  const path = fileOf(String(options['method']), await locateDraftFiles(common, signal))
  const drafter = { ...options, ...(path === undefined ? {} : { path }) }
  const model = await locateModel(typed, { signal, quiet: common.quiet })
  await using engine = await openFromFlags(
    // Real decoding starts from what the simulation started from, and not from what lies in the cache.
    { ...typed, model: model.path, calibration: flags.calibration ?? 'off' },
    { signal, speculative: 'off', quiet: common.quiet },
  )
  const progress = createProgress('decoding', 'count')
  try {
    const validation = await validateBudgets({
      ...{ engine, recording, signal, predicted: overall(document) },
      budgets: budgetsOf(flags) ?? DEFAULT_BUDGETS,
      drafter: drafter as PricedDrafter['drafter'],
      onProgress: (done, total) => {
        if (!common.quiet) progress.update(done, total)
      },
    })
    return withValidation(document, validation)
  } finally {
    progress.stop()
  }
}

function print(document: SimulationDocument, { json }: CommonFlags): void {
  console.log(json ? compactJson(document) : describeSimulation(document))
}
