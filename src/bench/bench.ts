/** The whole of a benchmark: sides, checkpoint, protocol, summary, one document. */
import { loadavg } from 'node:os'
import { peakMemoryBytes } from '../util/env.ts'
import { DisposeStack } from '../util/dispose.ts'
import { UsageError } from '../util/errors.ts'
import { omit } from '../util/omit.ts'
import type { Engine, SpeculativeOptions } from '../engine/index.ts'
import { openCheckpoint } from './checkpoint.ts'
import { collectProvenance } from './provenance.ts'
import { runTurns } from './run.ts'
import { BASELINE, engineSide } from './sides/engine.ts'
import { judgeNoise, summarise } from './summary.ts'
import type { BenchDocument, BenchOptions, Question, Side } from './types.ts'

/** One way of heterospec to speculate. */
export interface NamedMethod {
  readonly name: string
  readonly speculative: SpeculativeOptions
  /** Keep computation graphs for passes of the same form. Default true. */
  readonly keepGraphs?: boolean | undefined
}

/** Programs beside ours, opened by the caller. */
export interface OpenPeers {
  readonly sides: readonly Side[]
  readonly skipped: BenchDocument['skipped']
  /** Most resident memory of each that is a process of its own. */
  peaks(): Promise<BenchDocument['peakMemory']>
  idleShares(): BenchDocument['noise']['idle']
}

export interface BenchSetup {
  readonly engine: Engine
  readonly model: { readonly name: string; readonly path: string }
  readonly draftModels: readonly string[]
  readonly methods: readonly NamedMethod[]
  readonly peers: OpenPeers
  readonly questions: readonly Question[]
  readonly options: BenchOptions
  /** As it was typed. */
  readonly command: string
  /** Where unfinished runs are kept. */
  readonly cacheDir: string
  /** Forget what an interrupted run has done. */
  readonly fresh: boolean
  readonly signal: AbortSignal
  readonly onProgress: (done: number, total: number) => void
  /** Called once when an earlier run is continued: turns done. */
  readonly onResume: (turns: number) => void
}

/** Sequences that an engine needs for so many methods: one for each answer in the making, and one to measure with. */
export function sequencesFor(methods: number, { synthetic }: Pick<BenchOptions, 'synthetic'>): number {
  return 2 + methods + (synthetic ? SYNTHETIC.length : 0)
}

/** Runs it. An abort throws `aborted`; the same call goes on from there. */
export async function runBench(setup: BenchSetup): Promise<BenchDocument> {
  const { engine, peers, options } = setup
  const { threads, context } = engine
  const needed = sequencesFor(setup.methods.length, options)
  if (engine.sequences < needed) {
    throw new UsageError(
      'bad-option',
      `expected an engine with ${needed} sequences for ${setup.methods.length} methods, got ${engine.sequences}; open it with "sequences"`,
    )
  }
  await using own = new DisposeStack()
  const sides = [...ownSides(setup).map((side) => own.use(side)), ...peers.sides]
  const provenance = await collectProvenance({ ...setup, threads, context })
  const infos = sides.map(({ info }) => info)
  const identity = { ...omit(provenance, 'command', 'date'), options, sides: infos, cost: engine.lab.identity }
  using checkpoint = openCheckpoint(setup.cacheDir, identity, { fresh: setup.fresh })
  if (checkpoint.finished.length > 0) setup.onResume(checkpoint.finished.length)
  const before = load()
  const { turns, leftOut, samples } = await runTurns({ ...setup, sides, checkpoint })
  const judged = judgeNoise(turns, { before, after: load() }, peers.idleShares())
  const document: BenchDocument = {
    kind: 'heterospec-bench',
    version: 1,
    provenance,
    options,
    noise: judged.noise,
    costs: await engine.costTable(),
    sides: infos,
    skipped: peers.skipped,
    leftOut,
    peakMemory: [{ program: 'heterospec', bytes: peakMemoryBytes() }, ...(await peers.peaks())],
    summary: summarise(judged.turns, infos, options.baseline),
    turns: judged.turns,
    samples: fewSamples(samples),
  }
  checkpoint.remove()
  return document
}

// ---------------------------------------------------------------------------------------------------------------

/** Pictures of this many questions per side are enough. */
const SAMPLED_QUESTIONS = 3

/** Budgets under which invented drafts are judged. */
const SYNTHETIC = ['fixed', 'goodput'] as const

function ownSides({ engine, methods, options }: BenchSetup): Side[] {
  const { live } = options
  const names = new Set<string>()
  /** The same method twice is a test of the benchmark itself. */
  const unique = (name: string): string => {
    let free = name
    for (let copy = 2; names.has(free); copy++) free = `${name}#${copy}`
    names.add(free)
    return free
  }
  const synthetic = options.synthetic ?? undefined
  return [
    engineSide(engine, { name: unique(BASELINE), speculative: 'off', live }),
    ...methods.map(({ name, ...method }) => engineSide(engine, { name: unique(name), ...method, live })),
    ...(synthetic
      ? SYNTHETIC.map((policy) =>
          engineSide(engine, {
            name: unique(`synthetic/${policy}`),
            speculative: {
              budget:
                policy === 'fixed'
                  ? { policy, width: 1, depth: synthetic.length, nodes: synthetic.length }
                  : { policy },
            },
            live,
            synthetic,
          }),
        )
      : []),
  ]
}

function load(): number {
  return loadavg()[0] ?? 0
}

function fewSamples(samples: BenchDocument['samples']): BenchDocument['samples'] {
  const questions = new Map<string, Set<number | string>>()
  return samples.filter(({ side, id }) => {
    const seen = questions.get(side) ?? new Set()
    questions.set(side, seen)
    if (seen.size < SAMPLED_QUESTIONS) seen.add(id)
    return seen.has(id)
  })
}
