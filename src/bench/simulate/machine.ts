/** Machines that are pretended: measured price lists, or curves by name. Pure arithmetic. */
import { defined } from '../../util/assert.ts'
import { UsageError } from '../../util/errors.ts'
import { createCostModel, type Budget, type CostModel, type DraftPrice } from '../../policy/index.ts'
import { hostMs } from '../cost/host.ts'
import type { DraftCost } from '../cost/types.ts'
import type { PriceList } from './types.ts'

/** What a virtual clock needs to know. */
export interface VirtualMachine {
  /** In words. */
  readonly name: string
  readonly cost: CostModel
  /** One draft under a budget; `widths` are the nodes that each level expanded, for trees that grew level by level. */
  draftMs(budget: Budget, widths?: readonly number[]): number
  /** Work around a round that verifies `nodes` nodes. */
  hostMs(nodes: number): number
}

/** A machine by its measured prices; drafts are those of `drafter`. */
export function measuredMachine(name: string, prices: PriceList, drafter: string): VirtualMachine {
  const list = createCostModel(prices.target.map(({ rows, context, ms }) => ({ rows, context, ms })))
  return { name, cost: fixedPrices(list), ...aroundPasses(prices, drafter) }
}

/** A machine by a curve: `rowMs` for one row, drafts and host work as on the machine of `prices`. Throws `bad-option`. */
export function curveMachine(
  text: string,
  settings: { readonly rowMs: number; readonly batch: number; readonly prices: PriceList; readonly drafter: string },
): VirtualMachine {
  const { rowMs, batch, prices, drafter } = settings
  const curve = parseCurve(text)
  const cost: CostModel = {
    targetMs: (rows) => rowMs * curve(rows),
    cheapRows: cheapRows(curve, batch),
    observe: () => undefined,
  }
  return { name: `curve ${text}, one row ${rowMs.toFixed(2)} ms`, cost, ...aroundPasses(prices, drafter) }
}

/** The same prices, but each draft takes `levelMs` for each of its levels, however wide; for drafters that grow by levels. */
export function pricedLevels(prices: PriceList, levelMs: number): PriceList {
  const draft = prices.draft.map((cost) =>
    cost.levelMs === null ? cost : { ...cost, levelMs, ms: cost.depth * levelMs },
  )
  return { ...prices, draft }
}

/** What the engine's own budgets would be told of drafts: one price each, for a tree of `limits`. */
export function typicalDraftPrice({ draft }: PriceList, drafter: string, limits: Budget): DraftPrice {
  const own = draft.filter((cost) => cost.drafter === drafter)
  const byLevels = own.some(({ levelMs }) => levelMs !== null)
  return {
    roundMs: byLevels ? levelDraft(own, levelsOf(limits, limits.depth)) : wholeDraft(own, limits),
    levelMs: byLevels ? levelDraft(own, levelsOf(limits, 2)) - levelDraft(own, levelsOf(limits, 1)) : null,
  }
}

/** The price of n rows in passes over one. Throws `bad-option`. */
export function parseCurve(text: string): (rows: number) => number {
  const [name = '', ...parts] = text.split(':')
  const numbers = parts.map((part) => (part.trim() === '' ? NaN : Number(part)))
  const known =
    name === 'gpu' ? parts.length === 0 : Object.hasOwn(SHAPES, name) && numbers.every((number) => number > 0)
  const shape = SHAPES[name === 'gpu' ? 'roofline' : name]
  const curve = known ? shape?.(name === 'gpu' ? [64] : numbers) : undefined
  if (curve) return curve
  throw new UsageError(
    'bad-option',
    `expected a curve like flat, linear, slope:0.1, stairs:8, stairs:8:0.5, roofline:64 or gpu, got "${text}"; or give a measured list with --cost`,
  )
}

// ---------------------------------------------------------------------------------------------------------------

type Curve = (rows: number) => number

/** By name; undefined for a wrong number of parameters. */
const SHAPES: Readonly<Record<string, (numbers: readonly number[]) => Curve | undefined>> = {
  flat: (numbers) => (numbers.length === 0 ? () => 1 : undefined),
  linear: (numbers) => (numbers.length === 0 ? (rows) => rows : undefined),
  /** Each further row costs so much of the first one. */
  slope: ([rise, ...rest]) => (rise !== undefined && rest.length === 0 ? (rows) => 1 + rise * (rows - 1) : undefined),
  /** Every started group of so many rows costs `rise` passes over one row more. */
  stairs: ([step, rise = 1, ...rest]) =>
    step !== undefined && Number.isInteger(step) && rest.length === 0
      ? (rows) => 1 + rise * (Math.ceil(rows / step) - 1)
      : undefined,
  /** Bound by memory up to so many rows, by arithmetic beyond. */
  roofline: ([knee, ...rest]) =>
    knee !== undefined && rest.length === 0 ? (rows) => Math.max(1, rows / knee) : undefined,
}

/** Most draft nodes of any budget, and the root. */
const MOST_ROWS = 256

/** Row counts of a whole batch after which the price rises. */
function cheapRows(curve: Curve, batch: number): number[] {
  const counts = Array.from({ length: MOST_ROWS }, (_, nodes) => batch * (nodes + 1))
  const ends = counts.filter((rows) => curve(rows + batch) > curve(rows) * (1 + 1e-9))
  return [...new Set([1, ...ends, batch * MOST_ROWS])]
}

/** The list as it is: virtual passes take what it says, so there is nothing to learn. */
function fixedPrices(list: CostModel): CostModel {
  const { cheapRows: cheap } = list
  return { targetMs: (rows, context) => list.targetMs(rows, context), cheapRows: cheap, observe: () => undefined }
}

function aroundPasses({ draft, host }: PriceList, drafter: string): Pick<VirtualMachine, 'draftMs' | 'hostMs'> {
  const own = draft.filter((cost) => cost.drafter === drafter)
  return {
    draftMs: (budget, widths) => (widths === undefined ? wholeDraft(own, budget) : levelDraft(own, widths)),
    hostMs: (nodes) => hostMs(host, nodes),
  }
}

/** A draft in one go: a straight line between the measured numbers of nodes. */
function wholeDraft(costs: readonly DraftCost[], { nodes }: Budget): number {
  const points = [...costs].sort((a, b) => a.nodes - b.nodes).map((cost) => ({ x: cost.nodes, y: cost.ms }))
  return along(points, nodes)
}

/** So many levels at a budget's full width. */
function levelsOf({ width }: Budget, levels: number): number[] {
  return Array<number>(levels).fill(width)
}

/** A draft by levels: its beginning, and each level by the nodes that it expanded. */
function levelDraft(costs: readonly DraftCost[], widths: readonly number[]): number {
  const byWidth = [...costs].sort((a, b) => a.width - b.width)
  const levels = byWidth.map((cost) => ({ x: cost.width, y: cost.levelMs ?? 0 }))
  const starts = byWidth.map((cost) => ({ x: cost.width, y: Math.max(0, cost.ms - cost.depth * (cost.levelMs ?? 0)) }))
  const widest = Math.max(0, ...widths)
  // The first level expands the root alone; beginnings were measured as if it were as wide as the others.
  const priced = widths.map((width, level) => (level === 0 ? widest : width))
  return priced.reduce((sum, width) => sum + along(levels, width), along(starts, widest))
}

interface Point {
  readonly x: number
  readonly y: number
}

/** On the line through points ascending by x, level beyond both ends; 0 without points. */
function along(points: readonly Point[], x: number): number {
  const [first] = points
  const last = points.at(-1)
  if (first === undefined || last === undefined) return 0
  if (x <= first.x) return first.y
  const next = points.findIndex((point) => point.x >= x)
  if (next < 0) return last.y
  const [low, high] = [defined(points[next - 1]), defined(points[next])]
  return low.y + ((high.y - low.y) * (x - low.x)) / (high.x - low.x)
}
