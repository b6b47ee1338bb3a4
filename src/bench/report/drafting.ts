/** The charts of what drafting brings and costs: acceptance by depth, tau against rows, the price of a pass. */
import { lineChart, markup, scatterChart, type Markup, type Point, type ScatterPoint } from '../../plot/index.ts'
import { median } from '../../util/math.ts'
import type { BenchDocument, Row } from '../types.ts'
import { milliseconds, nothing, percent, plural, ratio } from './format.ts'
import { figure, plainRows, section, table } from './parts.ts'
import type { SideView, View } from './view.ts'

/** How far down a draft holds. */
export function acceptance(view: View): Markup {
  const sides = view.sides.flatMap((side) => {
    const depths = depthsOf(view.document, side)
    return depths.length > 0 ? [{ side, depths }] : []
  })
  if (sides.length === 0) return markup``
  const deepest = Math.max(...sides.map(({ depths }) => depths.length))
  const drawing = lineChart({
    id: 'depth',
    title: 'Acceptance by depth of the draft',
    description: sides
      .map(
        ({ side, depths }) =>
          `${side.name}: ${depths.map(({ share }) => percent(share)).join(', ')} at depths 1 to ${depths.length}`,
      ) // prettier-ignore
      .join('; '),
    x: { label: 'depth below the root', ticks: upTo(deepest) },
    y: { label: 'accepted', include: [0, 1], format: percent },
    shape: 'curve',
    series: sides.map(({ side, depths }) => ({
      name: side.name,
      look: side.look,
      points: depths.map(({ share, passes }, depth) => ({
        x: depth + 1,
        y: share,
        hover: `${side.name}, depth ${depth + 1}: ${percent(share)} of ${plural(passes, 'pass')}`,
      })),
    })),
  })
  const figures = table(
    'Acceptance by depth',
    ['Method', ...upTo(deepest).map((depth) => `depth ${depth}`)],
    plainRows(
      sides.map(({ side, depths }) => [
        side.name,
        ...upTo(deepest).map((depth) => {
          const found = depths[depth - 1]
          return found ? `${percent(found.share)} of ${found.passes}` : nothing
        }),
      ]),
    ),
  )
  return section({
    id: 'acceptance',
    heading: 'Acceptance by depth',
    body: figure(
      'Acceptance by depth',
      drawing,
      markup`Of the passes whose draft reached a depth, the share that accepted a token there. Depths that fewer than ${fewestPasses} passes reached are left out.`,
      figures,
    ),
  })
}

/** What the rows of a pass bring, beside what they cost. */
export function tauAgainstRows(view: View): Markup {
  const points = view.sides.flatMap((side): ScatterPoint[] => {
    const { name, look } = side
    const groups = view.groups.length > 1 ? view.groups : []
    const minor = groups.flatMap((group) => {
      const place = placeOf(view, side, group)
      return place ? [{ ...place, name, look, minor: true, hover: `${name}, ${group}: ${hoverOf(place)}` }] : []
    })
    const place = placeOf(view, side)
    return place ? [...minor, { ...place, name, look, hover: `${name}: ${hoverOf(place)}` }] : []
  })
  const main = points.filter(({ minor }) => minor !== true)
  // Plain decoding alone is one point at (1, 1).
  if (main.every(({ x }) => x <= 1)) return markup``
  const prices = relativePrices(view.document)
  const drawing = scatterChart({
    id: 'tau',
    title: 'tau against rows verified per pass',
    description: main.map((point) => `${point.name}: ${hoverOf(point)}`).join('; '),
    x: { label: 'rows verified per pass, root included', include: [1] },
    y: { label: 'tau: tokens per pass', include: [0.5] },
    points,
    guide: prices.points.length > 1 ? { label: 't(n)/t(1): break even', points: prices.points } : undefined,
  })
  const guide =
    prices.points.length > 1 &&
    markup` The broken line is the measured price of a pass over so many rows, t(n)/t(1), at a context of ${prices.context}: a method below it cannot win, even if drafting were free.`
  return section({
    id: 'tau-rows',
    heading: 'What the rows bring',
    body: figure(
      'What the rows bring',
      drawing,
      markup`Large marks: all questions; small ones: groups. Up and to the left is better.${guide}`,
    ),
  })
}

/** The staircase of t(n). */
export function prices({ document }: View): Markup {
  const { costs } = document
  if (costs.length === 0) return markup``
  const contexts = [...new Set(costs.map(({ context }) => context))].sort((a, b) => a - b)
  const rows = [...new Set(costs.map((cost) => cost.rows))].sort((a, b) => a - b)
  const priceAt = (count: number, context: number): number | undefined =>
    costs.find((cost) => cost.rows === count && cost.context === context)?.ms
  const cell = (count: number, context: number): string => {
    const price = priceAt(count, context)
    const one = priceAt(1, context)
    if (price === undefined) return nothing
    return one === undefined ? milliseconds(price) : `${milliseconds(price)} (${ratio(price / one)} t(1))`
  }
  const drawing = lineChart({
    id: 'prices',
    title: 'Price of a target pass by rows',
    description: contexts
      .map(
        (context) => `context ${context}: ${rows.map((count) => `${count} rows ${cell(count, context)}`).join(', ')}`,
      )
      .join('; '),
    x: { label: 'rows of the pass', whole: true },
    y: { label: 'milliseconds', include: [0] },
    shape: 'stairs',
    series: contexts.map((context, index) => ({
      name: `context ${context}`,
      look: index + 1,
      points: costs
        .filter((cost) => cost.context === context)
        .sort((a, b) => a.rows - b.rows)
        .map((cost) => ({
          x: cost.rows,
          y: cost.ms,
          hover: `${cost.rows} rows, context ${context}: ${milliseconds(cost.ms)}`,
        })),
    })),
  })
  const figures = table(
    'Price of a target pass',
    ['Rows', ...contexts.map((context) => `context ${context}`)],
    plainRows(rows.map((count) => [String(count), ...contexts.map((context) => cell(count, context))])),
  )
  return section({
    id: 'prices-section',
    heading: 'Price of a pass, t(n)',
    body: figure(
      'Price of a pass',
      drawing,
      markup`Measured on this machine; budgets decide by it. Flat steps are rows that cost nothing more, slopes join counts that were not measured in between.`,
      figures,
    ),
  })
}

// ------------------------------------------------------------------------------------------------------------------

/** A share of less says nothing. */
const fewestPasses = 5

interface Depth {
  readonly share: number
  readonly passes: number
}

function depthsOf({ turns }: BenchDocument, { name }: SideView): Depth[] {
  const offered: number[] = []
  const accepted: number[] = []
  const add = (sums: number[], values: readonly number[]): void =>
    values.forEach((value, depth) => (sums[depth] = (sums[depth] ?? 0) + value))
  for (const row of turns.flatMap((turn): readonly Row[] => turn.rows)) {
    if (row.side !== name) continue
    add(offered, row.offeredByDepth)
    add(accepted, row.acceptedByDepth)
  }
  const enough = offered.findIndex((passes) => passes < fewestPasses)
  return offered
    .slice(0, enough < 0 ? undefined : enough)
    .map((passes, depth) => ({ share: (accepted[depth] ?? 0) / passes, passes }))
}

function placeOf(view: View, side: SideView, group?: string): Point | undefined {
  const row = group === undefined ? side.overall : view.summaryOf(side.name, group)
  return row?.tau != null && row.verified !== null && row.calls
    ? { x: row.verified / row.calls, y: row.tau }
    : undefined
}

function hoverOf({ x, y }: Point): string {
  return `tau ${ratio(y)} with ${x.toFixed(1)} rows per pass`
}

/** t(n)/t(1) at the measured context that is nearest to the usual prompt's. */
function relativePrices({ costs, turns }: BenchDocument): { readonly points: Point[]; readonly context: number } {
  const usual = median(turns.map(({ promptTokens }) => promptTokens))
  const contexts = costs.map(({ context }) => context)
  const context = contexts.sort((a, b) => Math.abs(a - usual) - Math.abs(b - usual))[0] ?? 0
  const list = costs.filter((cost) => cost.context === context).sort((a, b) => a.rows - b.rows)
  const one = list.find(({ rows }) => rows === 1)
  return { context, points: one ? list.map(({ rows, ms }) => ({ x: rows, y: ms / one.ms })) : [] }
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1)
}
