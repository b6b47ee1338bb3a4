/** The flags of `heterospec study`, and what they ask for: checked as a whole before anything is loaded. */
import type { Command } from '@commander-js/extra-typings'
import * as z from 'zod'
import {
  checkPrices,
  levelsFor,
  loadSuite,
  sampleQuestions,
  type BenchOptions,
  type PricedDrafter,
  type Question,
  type StudyTree,
  type Variant,
} from '../bench/index.ts'
import { policies } from '../policy/index.ts'
import { UsageError } from '../util/errors.ts'
import type { DraftFiles } from './draft-files.ts'
import { parseDrafter } from './drafter-names.ts'
import { flagsOf, readFlags, type Flag, type FlagGroup, type Typed } from './flags.ts'
import { parseBudget } from './methods.ts'
import { addFlags } from './options.ts'

const studyOptions = z.strictObject({
  draftHead: z.string().optional().describe('a draft head that drafts: a name, a path, or hf:...'),
  draftModel: z.string().optional().describe('a draft model that drafts: a name, a path, or hf:...; may be the target'),
  drafter: z
    .string()
    .optional()
    .describe('the drafter with options, like model:max-width=8; default: the one whose file is given'),
  suite: z.string().optional().describe("file of prompts in Spec-Bench's format; default: Spec-Bench's own 480"),
  sample: z.int().min(1).default(2).describe('questions of each group'),
  calibrationSample: z
    .int()
    .min(0)
    .default(1)
    .describe('other questions of each group, from which bins and budgets learn before'),
  seed: z.int().min(0).default(1).describe('chooses the sample'),
  maxTokens: z.int().min(2).default(128).describe('most tokens of an answer'),
  recording: z
    .string()
    .optional()
    .describe('study this recording of "heterospec simulate --record" instead; no model is needed'),
  fresh: z.boolean().default(false).describe('do not use what an earlier study has recorded'),
  topK: z.int().min(1).max(32).default(10).describe("width of EAGLE's tree"),
  depth: z.int().min(0).max(20).default(7).describe('levels that are expanded below the first one'),
  totalTokens: z.int().min(2).max(192).default(60).describe('nodes of the verified tree, the root included'),
  edges: z
    .array(z.number().min(0), 'a list of at most seven rising numbers of at least 0')
    .max(7)
    .refine((edges) => edges.every((edge, at) => at === 0 || edge > (edges[at - 1] ?? 0)), 'rising numbers')
    .default([])
    .describe('entropies between the bins in nats; default: fitted on the calibration questions'),
  loss: z.enum(['weighted', 'paper']).default('weighted').describe('how bins are fitted'),
  cost: z.string().optional().describe('prices of another machine: what "heterospec cost --json" printed there'),
  curve: z.string().optional().describe('prices of an invented machine, as in "simulate": flat, stairs:8, gpu, ...'),
  rowMs: z.number().gt(0).optional().describe('milliseconds of one row on that curve; default: as recorded'),
  html: z.string().optional().describe('write a page with tables and pictures to this file'),
  json: z.boolean().default(false).describe('print one JSON document as the last line instead of the tables'),
  quiet: z.boolean().default(false).describe('no progress'),
})

/** Budgets that decide by prices. */
const priced = Object.keys(policies).filter((name) => !['off', 'fixed', 'eagle', 'heterospec'].includes(name))

const ablationOptions = z.strictObject({
  budgets: z.string().default(priced.join(',')).describe('further budgets, separated by commas, or none'),
  clock: z.boolean().default(false).describe('also decode with every variant and measure times'),
})

const rankOptions = z.strictObject({
  clock: z.boolean().default(false).describe('also decode with EAGLE’s tree and measure times'),
})

const costOptions = z.strictObject({
  levelMs: z
    .number()
    .gt(0)
    .optional()
    .describe('milliseconds of one level of a draft on the invented machines; default: as recorded'),
})

/** All of them. */
export type StudyName = 'ablation' | 'alpha' | 'rank' | 'bins' | 'cost'

const group: FlagGroup = { title: 'Study', flags: flagsOf(studyOptions) }
const own: Readonly<Record<StudyName, readonly Flag[]>> = {
  ablation: flagsOf(ablationOptions),
  alpha: [],
  rank: flagsOf(rankOptions),
  bins: [],
  cost: flagsOf(costOptions),
}

/** What was asked for. */
export interface StudyPlan {
  readonly flags: z.output<typeof studyOptions>
  readonly tree: StudyTree
  readonly judged: readonly Question[]
  readonly calibration: readonly Question[]
  /** Budgets beside the paper's rows. */
  readonly others: readonly Variant[]
  readonly clock: boolean
  /** Prices that only `cost` asks for. */
  readonly levelMs: number | undefined
  /** For decoding by the clock. */
  readonly options: BenchOptions
}

/** Adds the flags that a study knows. */
export function addStudyFlags(command: Command, study: StudyName): void {
  addFlags(command, { ...group, flags: [...own[study], ...group.flags] })
}

/** Reads and checks them, the suite included. Throws `bad-option`, `bad-file`. */
export function planStudy(study: StudyName, typed: Typed): StudyPlan {
  const flags = studyOptions.parse(readFlags(typed, group.flags))
  const given = readFlags(typed, own[study])
  const { topK, depth, totalTokens, sample, calibrationSample, seed } = flags
  const clock = given['clock'] === true
  if (flags.recording !== undefined) refuseBeside(typed, clock)
  const levelMs = study === 'cost' ? costOptions.parse(given).levelMs : undefined
  checkPrices({ ...flags, levelMs })
  const suite = loadSuite(flags.suite)
  const judged = sampleQuestions(suite.questions, sample, seed)
  // A larger sample holds the smaller one.
  const more = new Set(sampleQuestions(suite.questions, sample + calibrationSample, seed))
  for (const question of judged) more.delete(question)
  return {
    ...{ flags, judged, clock, tree: { topK, depth, totalTokens }, calibration: [...more] },
    levelMs,
    others: study === 'ablation' ? budgetsOf(ablationOptions.parse(given).budgets) : [],
    options: {
      suite: { file: flags.suite ?? 'Spec-Bench', sha256: suite.sha256, questions: judged.length },
      ...{ sample, seed, maxTokens: flags.maxTokens, temperature: 0, baseline: 'off', live: false, synthetic: null },
    },
  }
}

/** The drafter, with room for the deepest tree of all studies unless the user has set a limit. Throws `bad-option`. */
export function drafterOf({ flags, tree }: StudyPlan, files: DraftFiles): PricedDrafter {
  const name = flags.drafter ?? (files.draftHead === undefined ? 'model' : 'eagle3')
  if (flags.drafter === undefined && files.draftHead === undefined && files.draftModel === undefined) {
    throw new UsageError('bad-option', 'expected a drafter to study, got none; add --draft-head or --draft-model')
  }
  const levels = Math.min(32, levelsFor(tree))
  const grows = /^(model|eagle3)(?=:|$)/.test(name)
  const whole = !grows || name.includes(':max-depth=') ? name : `${name}:max-depth=${levels}`
  return { ...parseDrafter(whole, files), name: whole }
}

// ---------------------------------------------------------------------------------------------------------------

function budgetsOf(text: string): Variant[] {
  if (text === 'none') return []
  return text.split(',').map((name) => ({ name: name.trim(), options: parseBudget(name.trim()) }) as Variant)
}

/** What makes a recording has no place beside one that is there. */
function refuseBeside(typed: Typed, clock: boolean): void {
  const making = [
    'draftHead',
    'draftModel',
    'drafter',
    'suite',
    'sample',
    'calibrationSample',
    'seed',
    'maxTokens',
    'model',
  ]
  const other = making.find((name) => typed[name] !== undefined) ?? (clock ? 'clock' : undefined)
  if (other === undefined) return
  const flag = other.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  throw new UsageError('bad-option', `expected no --${flag} beside --recording, got both; leave one of them out`)
}
