/**
 * The protocol: every load on every server in rounds. In a round all sides answer the same questions, one side after another in an
 * order that is drawn anew, so that figures of one round are figures of one moment of the machine and their ratios mean
 * something. Servers run all the time; only one of them is asked at a time.
 */
import { mean } from '../../util/math.ts'
import { geometricMean } from '../statistics.ts'
import type { Question } from '../types.ts'
import { measureBlock, runBlock } from './block.ts'
import { arrivals, derived, shuffled } from './draws.ts'
import type {
  Asked,
  Block,
  Load,
  LoadDocument,
  LoadOptions,
  LoadSide,
  LoadSummary,
  RoundCounts,
  Spread,
} from './types.ts'

/** What is measured. */
export interface LoadSetup {
  /** The first one is what the others are compared with. */
  readonly sides: readonly LoadSide[]
  readonly questions: readonly Question[]
  readonly options: LoadOptions
  readonly signal?: AbortSignal | undefined
  /** Blocks done, of how many. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** Runs it. Throws `aborted`; requests that fail are counted. */
export async function runLoads(setup: LoadSetup): Promise<Omit<LoadDocument, 'provenance'>> {
  const { sides, options } = setup
  const run = new Run(setup)
  const { clients, shares, rounds } = options
  // A server's first answers are slow: code is compiled, memory touched for the first time, prices are learned.
  await run.round({ kind: 'closed', clients: Math.max(...clients) }, -1)
  run.blocks.length = 0
  const closed = clients.map((count): Load => ({ kind: 'closed', clients: count }))
  const open = shares.map((share): Load => ({ kind: 'open', share }))
  for (let round = 0; round < rounds; round++) {
    for (const load of [...closed, ...open]) await run.round(load, round)
  }
  const [baseline] = sides
  return {
    kind: 'heterospec-load',
    version: 1,
    options,
    baseline: baseline?.name ?? '',
    sides: sides.map(({ name, plain, body, details }) => ({ name, plain, body, details })),
    summary: summarise(run.blocks, baseline?.name ?? ''),
    blocks: run.blocks,
    failures: [...run.failures].slice(0, MOST_FAILURES),
  }
}

/** As in tables. */
export function loadName(load: Load): string {
  return load.kind === 'closed' ? `${load.clients} clients` : `arrivals ${load.share}`
}

/** One row for each side under each load: ratios to `baseline` within rounds, means over rounds. */
export function summarise(blocks: readonly Block[], baseline: string): LoadSummary[] {
  const groups = new Map<string, Block[]>()
  for (const block of blocks) {
    const key = `${block.load}\n${block.side}`
    groups.set(key, [...(groups.get(key) ?? []), block])
  }
  return [...groups.values()].map((own) => {
    const { load, side } = own[0] as Block
    const ratios = (pick: (block: Block) => number | null) =>
      geometricMean(
        own.flatMap((block) => {
          const base = blocks.find(
            (other) => other.load === load && other.round === block.round && other.side === baseline,
          )
          const [mine, theirs] = [pick(block), base ? pick(base) : null]
          return mine !== null && theirs !== null && mine > 0 && theirs > 0 ? [mine / theirs] : []
        }),
      )
    const sum = (pick: (block: Block) => number): number => own.reduce((total, block) => total + pick(block), 0)
    return {
      ...{ load, side },
      goodput: ratios(({ goodput }) => goodput),
      firstP95: ratios(({ firstMs }) => firstMs.p95),
      tokenMs: ratios(({ tokenMs }) => tokenMs.p50),
      tokensPerSecond: mean(own.map(({ goodput }) => goodput)),
      firstMs: meanSpread(own.map(({ firstMs }) => firstMs)),
      queueMs: meanSpread(own.map(({ queueMs }) => queueMs)),
      requests: sum(({ requests }) => requests),
      errors: sum(({ errors }) => errors),
      different: sum(({ different }) => different),
    }
  })
}

// ---------------------------------------------------------------------------------------------------------------

const MOST_FAILURES = 10

class Run {
  readonly blocks: Block[] = []
  readonly failures = new Set<string>()
  readonly #setup: LoadSetup
  readonly #total: number
  #done = 0

  constructor(setup: LoadSetup) {
    const { clients, shares, rounds } = setup.options
    this.#setup = setup
    this.#total = setup.sides.length * (1 + rounds * (clients.length + shares.length))
  }

  /** One load on all sides. */
  async round(load: Load, round: number): Promise<void> {
    const { sides, options } = this.#setup
    const { seed } = options
    const uses = [round + 1, load.kind === 'closed' ? load.clients : -1 - Math.round(1000 * load.share)]
    const clients = load.kind === 'closed' ? load.clients : Math.max(...options.clients)
    const count = options.perClient * clients
    const questions = this.#questions(derived(seed, 1, ...uses), count)
    const times =
      load.kind === 'open' ? arrivals(derived(seed, 2, ...uses), count, load.share * this.#capacity(load)) : undefined
    const heard = new Map<string, readonly Asked[]>()
    const measured: Parameters<typeof measureBlock>[] = []
    for (const index of shuffled(derived(seed, 3, ...uses), sides.length)) {
      const side = sides[index] as LoadSide
      const { maxTokens } = options
      const before = await side.rounds?.()
      const block = await runBlock({
        ...{ side, order: questions, arrivals: times, clients, maxTokens },
        ...{ questions: this.#setup.questions, signal: this.#setup.signal },
      })
      const rounds = before && side.rounds && between(before, await side.rounds())
      heard.set(side.name, block.asked)
      measured.push([{ load: loadName(load), round, side: side.name, ...(rounds && { rounds }) }, block, new Map()])
      for (const { error } of block.asked) if (error !== undefined) this.failures.add(`${side.name}: ${error}`)
      this.#setup.onProgress?.(++this.#done, this.#total)
    }
    const plainOf = new Map(sides.map(({ name, plain }) => [name, plain]))
    // In the order of the sides, whoever's turn it was.
    const place = ({ side }: { readonly side: string }): number => sides.findIndex(({ name }) => name === side)
    measured.sort(([a], [b]) => place(a) - place(b))
    for (const [about, block] of measured) {
      const plain = heard.get(plainOf.get(about.side) ?? '') ?? []
      const texts = new Map(plain.filter(({ error }) => !error).map(({ question, text }) => [question, text]))
      this.blocks.push(measureBlock(about, block, texts))
    }
  }

  /** Indices, none twice before all were asked. */
  #questions(seed: number, count: number): number[] {
    const order: number[] = []
    for (let lap = 0; order.length < count; lap++) {
      order.push(...shuffled(derived(seed, lap), this.#setup.questions.length))
    }
    return order.slice(0, count)
  }

  /** Requests per second that the baseline answered with the most clients, in all rounds so far. */
  #capacity(load: Load): number {
    const most = loadName({ kind: 'closed', clients: Math.max(...this.#setup.options.clients) })
    const own = this.blocks.filter((block) => block.load === most && block.side === this.#setup.sides[0]?.name)
    const perSecond = mean(own.map(({ requests, errors, ms }) => (1000 * (requests - errors)) / ms))
    if (perSecond > 0) return perSecond
    throw new Error(`internal: ${loadName(load)} before any answer of the baseline`)
  }
}

function between(before: RoundCounts, after: RoundCounts): RoundCounts {
  return { all: after.all - before.all, drafted: after.drafted - before.drafted }
}

function meanSpread(spreads: readonly Spread[]): Spread {
  const of = (key: keyof Spread): number | null => {
    const values = spreads.map((spread) => spread[key]).filter((value) => value !== null)
    return values.length > 0 ? mean(values) : null
  }
  return { p50: of('p50'), p95: of('p95') }
}
