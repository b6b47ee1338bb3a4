/** The flags of `heterospec bench`, and what they ask for: checked as a whole before anything is loaded. */
import { writeFileSync } from 'node:fs'
import { Option, type Command } from '@commander-js/extra-typings'
import * as z from 'zod'
import {
  loadSuite,
  parsePeers,
  peerNames,
  sampleQuestions,
  sequencesFor,
  type BenchOptions,
  type PeerOptions,
  type Question,
} from '../bench/index.ts'
import { UsageError } from '../util/errors.ts'
import { refuseUnusedFiles, type DraftFiles } from './draft-files.ts'
import { flagsOf, readFlags, type FlagGroup, type Typed } from './flags.ts'
import { parseMethods } from './methods.ts'
import { addFlags } from './options.ts'

const benchOptions = z.strictObject({
  suite: z.string().optional().describe("file of prompts in Spec-Bench's format; default: Spec-Bench's own 480"),
  sample: z.int().min(1).optional().describe('questions of each group; default: 2 of Spec-Bench, all of another file'),
  all: z.boolean().default(false).describe('ask every question of the suite'),
  seed: z.int().min(0).default(1).describe('chooses the sample, and the tokens where they are sampled'),
  methods: z
    .string()
    .optional()
    .describe(
      'ways to speculate, separated by commas, each drafter/budget; default: auto, and the drafters whose files are given',
    ),
  draftModel: z
    .string()
    .optional()
    .describe('the draft model of the method "model": a name, a path, or hf:user/repo:quant'),
  draftHead: z.string().optional().describe('the draft head of the method "eagle3": a name, a path, or hf:...'),
  maxTokens: z.int().min(2).default(128).describe('most tokens of an answer'),
  temperature: z.number().min(0).default(0).describe('0 takes the most likely token'),
  live: z
    .boolean()
    .default(false)
    .describe('budgets see real times and remember from question to question, as in daily use; counts then vary'),
  synthetic: z
    .string()
    .optional()
    .describe('chances, by depth, that an invented drafter is right, e.g. 0.8,0.6: what kernels alone are worth'),
  peers: z
    .string()
    .optional()
    .describe(`other programs on the same weights, separated by commas (${peerNames.join(', ')})`),
  installPeers: z.boolean().default(false).describe('fetch node-llama-cpp with npm if it is not there (about 250 MB)'),
  llamaServer: z.string().optional().describe('path of the program for the peer llama-server'),
  serverUrl: z.string().optional().describe('address of an OpenAI-compatible server for the peer server'),
  serverModel: z.string().optional().describe('the name under which that server knows the model'),
  serverKey: z.string().optional().describe('its key'),
  fresh: z.boolean().default(false).describe('do not go on with an interrupted run of the same benchmark'),
  markdown: z.boolean().default(false).describe('print the table as Markdown'),
  html: z.string().optional().describe('write a page with tables and pictures to this file'),
  quiet: z.boolean().default(false).describe('no progress'),
})

const group: FlagGroup = { title: 'Benchmark', flags: flagsOf(benchOptions) }

export type BenchFlags = z.output<typeof benchOptions>

/** What was asked for. */
export interface BenchPlan {
  readonly flags: BenchFlags & { readonly methods: string }
  readonly questions: readonly Question[]
  readonly options: BenchOptions
  /** That the engine has to have. */
  readonly sequences: number
  readonly peers: readonly string[]
  readonly peerOptions: PeerOptions
}

/** Adds them to the command. */
export function addBenchFlags(command: Command): void {
  addFlags(command, group)
  command.addOption(llamaServerArgs())
}

/** Reads and checks them, the suite included. Throws `bad-option`, `bad-file`. */
export function planBench(typed: Typed): BenchPlan {
  const given = benchOptions.parse(readFlags(typed, group.flags))
  const flags = { ...given, methods: given.methods ?? usualMethods(given) }
  const suite = loadSuite(flags.suite)
  const sample = flags.all ? null : (flags.sample ?? (flags.suite === undefined ? 2 : null))
  const questions = sampleQuestions(suite.questions, sample, flags.seed)
  const synthetic = flags.synthetic === undefined ? null : parseRates(flags.synthetic)
  const methods = parseMethods(flags.methods, flags)
  const peers = flags.peers?.split(',') ?? []
  // Other programs may draft by them.
  if (peers.length === 0) refuseUnusedFiles(flags, methods, flags.methods)
  const peerOptions: PeerOptions = {
    ...flags,
    install: flags.installPeers,
    llamaServerArgs: typed['llamaServerArgs'] as readonly string[] | undefined,
  }
  parsePeers(peers, peerOptions)
  if (flags.html !== undefined) checkWritable(flags.html)
  const options: BenchOptions = {
    suite: { file: flags.suite ?? 'Spec-Bench', sha256: suite.sha256, questions: questions.length },
    ...{ sample, seed: flags.seed, maxTokens: flags.maxTokens, temperature: flags.temperature },
    ...{ baseline: 'off', live: flags.live, synthetic },
  }
  return { flags, questions, options, sequences: sequencesFor(methods.length, options), peers, peerOptions }
}

/** The command as it was typed, for the record, without keys. */
export function commandLine(args: readonly string[]): string {
  const shown = args.map((text, index) => {
    if (args[index - 1] === '--server-key') return '***'
    return text.startsWith('--server-key=') ? '--server-key=***' : quoted(text)
  })
  return ['heterospec', ...shown].join(' ')
}

/** Hours of work must not end in a file that cannot be written. Throws `bad-option`. */
export function checkWritable(file: string): void {
  try {
    writeFileSync(file, '', { flag: 'a' })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError(
      'bad-option',
      `expected a file that can be written for --html, got ${file} (${why}); name another`,
    )
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** What is compared unless methods are named: whoever gives a file wants to know what it is worth. */
function usualMethods({ draftModel, draftHead }: DraftFiles): string {
  const given = [draftHead === undefined ? [] : 'eagle3', draftModel === undefined ? [] : 'model'].flat()
  return ['auto', ...given].join(',')
}

function quoted(text: string): string {
  return /^[\w./:,=+@%-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/** Several sets make several sides. */
function llamaServerArgs(): Option {
  const meaning = "flags for llama-server, e.g. '--spec-type ngram-simple'; may be given several times"
  return new Option('--llama-server-args <flags>', meaning)
    .argParser((text: string, previous: unknown) => [...((previous as string[] | undefined) ?? []), text])
    .helpGroup(`${group.title}:`)
}

function parseRates(text: string): number[] {
  const rates = text.split(',').map(Number)
  if (rates.every((rate) => rate >= 0 && rate <= 1)) return rates
  throw new UsageError('bad-option', `expected --synthetic like 0.8,0.6 (chances from 0 to 1), got '${text}'`)
}
