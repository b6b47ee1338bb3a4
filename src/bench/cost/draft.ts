/**
 * What drafts and the work around passes take, timed while short answers are decoded for real: drafters are timed in
 * the state that real texts put them in.
 */
import { defined } from '../../util/assert.ts'
import { throwIfAborted } from '../../util/errors.ts'
import { median } from '../../util/math.ts'
import type { Engine, GenerateRequest, RoundTrace, SpeculativeOptions } from '../../engine/index.ts'
import { middle, type MeasureSettings } from './target.ts'
import type { DraftCost, HostCost } from './types.ts'

/** A drafter to be priced. */
export interface PricedDrafter {
  readonly name: string
  readonly drafter: Exclude<SpeculativeOptions, string | false>['drafter']
}

export interface DraftSettings extends MeasureSettings {
  readonly quick?: boolean | undefined
}

/** A list with repetitions and new words, so that every drafter has something to propose. */
const TEXT =
  'The three rivers of the valley are the Alder, the Birch and the Cedar. The Alder is long, the Birch is wide and the Cedar is deep. The three bridges of the valley are'
const TOKENS = 40
const REPEATS = 3
/** Nodes asked of drafters that propose a tree at once. */
const NODES = [4, 16, 48]
/** Widths and depths of trees that grow level by level: two depths, because every draft also has a beginning. */
const WIDTHS = [1, 2, 4, 8]
const [SHALLOW, DEEP] = [2, 6]
const LEVEL_NODES = 16
const HOST_NODES = 16

/** Prices every drafter, whole and by level; the engine remembers what its budgets use. Throws `aborted`. */
export async function measureDrafts(
  engine: Engine,
  drafters: readonly PricedDrafter[],
  { signal, onShare, quick = false }: DraftSettings = {},
): Promise<DraftCost[]> {
  const found: DraftCost[] = []
  for (const [index, { name, drafter }] of drafters.entries()) {
    throwIfAborted(signal)
    const { levelMs } = await engine.lab.draftPrice({ drafter, budget: { policy: 'fixed' } }, { anew: true })
    const budgets = levelMs === null ? NODES.map(wholeTree) : WIDTHS.flatMap(levelTrees)
    const times = await timeBudgets(engine, drafter, budgets, { signal, quick }, (share) =>
      onShare?.((index + share) / drafters.length),
    )
    const costs = budgets.map((budget, at) => ({ drafter: name, ...budget, ...middle(defined(times[at])) }))
    found.push(...costs.map((cost) => ({ ...cost, levelMs: levelMs === null ? null : levelPrice(cost, costs) })))
  }
  return found
}

/** Times rounds without a draft and with trees of sixteen nodes. Throws `aborted`. */
export async function measureHost(engine: Engine, { signal, onShare }: MeasureSettings = {}): Promise<HostCost> {
  const tree = { policy: 'fixed', depth: 16, width: 4, nodes: HOST_NODES } as const
  const plain: RoundTrace[] = []
  const wide: RoundTrace[] = []
  const between: number[] = []
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const off = await decode(engine, { speculative: 'off', signal })
    plain.push(...off.rounds)
    between.push((off.ms - sumMs(off.rounds)) / off.rounds.length)
    const { rounds } = await decode(engine, { speculative: { drafter: { method: 'combined' }, budget: tree }, signal })
    wide.push(...rounds.filter(({ drafted }) => drafted >= 0.75 * HOST_NODES))
    onShare?.((repeat + 1) / REPEATS)
  }
  const hostMs = (rounds: readonly RoundTrace[]): number => median(rounds.map((round) => round.hostMs))
  const plainMs = hostMs(plain)
  return {
    plainMs,
    treeMs: wide.length > 0 ? hostMs(wide) : plainMs,
    treeNodes: HOST_NODES,
    betweenMs: Math.max(0, median(between)),
  }
}

// ---------------------------------------------------------------------------------------------------------------

type Shape = Pick<DraftCost, 'depth' | 'width' | 'nodes'>

const wholeTree = (nodes: number): Shape => ({ depth: 16, width: 4, nodes })
const levelTrees = (width: number): Shape[] => [SHALLOW, DEEP].map((depth) => ({ depth, width, nodes: LEVEL_NODES }))

/** [budgets] draft times of all rounds but a session's first, which reads the prompt. */
async function timeBudgets(
  engine: Engine,
  drafter: PricedDrafter['drafter'],
  budgets: readonly Shape[],
  { signal, quick }: DraftSettings,
  onShare: (share: number) => void,
): Promise<number[][]> {
  const times = budgets.map(() => [] as number[])
  const repeats = quick ? 1 : REPEATS
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (let turn = 0; turn < budgets.length; turn++) {
      const at = (turn + repeat) % budgets.length
      const speculative = { drafter, budget: { policy: 'fixed', ...defined(budgets[at]) } as const }
      await engine.lab.forget()
      const { rounds } = await decode(engine, { speculative, signal })
      defined(times[at]).push(...rounds.slice(1).map(({ draftMs }) => draftMs))
      onShare((repeat * budgets.length + turn + 1) / (repeats * budgets.length))
    }
  }
  await engine.lab.forget()
  return times
}

async function decode(
  engine: Engine,
  request: Omit<GenerateRequest, 'prompt'>,
): Promise<{ readonly rounds: RoundTrace[]; readonly ms: number }> {
  const rounds: RoundTrace[] = []
  let ms = 0
  const whole = { prompt: TEXT, maxTokens: TOKENS, ignoreEos: true, cachePrompt: false, ...request }
  for await (const event of engine.generate(whole)) {
    if (event.type === 'round') rounds.push(event.trace)
    else if (event.type === 'done') ms = event.timings.predicted_ms
  }
  throwIfAborted(request.signal)
  return { rounds, ms }
}

function sumMs(rounds: readonly RoundTrace[]): number {
  return rounds.reduce((sum, { draftMs, targetMs, hostMs }) => sum + draftMs + targetMs + hostMs, 0)
}

/** One level of a tree of this width: what the deeper tree takes more than the shallow one, shared out. */
function levelPrice({ width }: Shape, costs: readonly (Shape & { readonly ms: number })[]): number {
  const msOf = (depth: number): number => defined(costs.find((cost) => cost.width === width && cost.depth === depth)).ms
  return Math.max(0, (msOf(DEEP) - msOf(SHALLOW)) / (DEEP - SHALLOW))
}
