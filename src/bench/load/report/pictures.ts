/** The charts: speed, waiting and drafting by load, one line per side. Each says in its caption how it is read. */
import { forestChart, lineChart, markup, type ForestRow, type Markup, type Point } from '../../../plot/index.ts'
import { count, milliseconds, nothing, percent } from '../../report/format.ts'
import { plainRows, scroller, section, table } from '../../report/parts.ts'
import { showInterval } from '../../statistics.ts'
import type { Interval } from '../../types.ts'
import type { Spread } from '../types.ts'
import type { LoadView, SideView, View } from './view.ts'

/** Tokens per second by load. */
export function speeds(view: View): Markup {
  const panels = loadPanels(view, {
    id: 'speed',
    title: 'Tokens per second',
    y: { label: 'tokens of whole answers per second', include: [0] },
    point: (load, side) => {
      const speed = view.speedOf(load.name, side.name)
      if (!speed) return undefined
      const { mean, low, high } = speed
      return { y: mean, spread: [low, high], words: `${mean.toFixed(1)} (${low.toFixed(1)} to ${high.toFixed(1)})` }
    },
  })
  return section({
    id: 'speed-section',
    heading: 'Tokens per second',
    body: [
      panels,
      markup`<p class="note">Tokens of whole answers, from the first request of a round to the last answer. A mark is the mean over rounds, its line goes from the slowest round to the fastest.</p>`,
    ],
  })
}

/** Tokens per second against the baseline in the same round. */
export function ratios(view: View): Markup {
  const { loads, baseline } = view
  const others = view.sides.filter((side) => !side.isBaseline)
  if (others.length === 0) return markup``
  const intervalOf = (load: LoadView, side: SideView): Interval | undefined => {
    const interval = view.summaryOf(load.name, side.name)?.goodput
    return interval && !Number.isNaN(interval.mean) ? interval : undefined
  }
  const panels = others.map((side) => {
    // Programs differ by factors, settings of one program by percents: each program has its own scale.
    const kin = others.filter(({ plain }) => plain === side.plain)
    const limits = loads.flatMap((load) => kin.flatMap((one) => ends(intervalOf(load, one))))
    const rows = loads.map((load): ForestRow => {
      const interval = intervalOf(load, side)
      const note = interval ? showInterval(interval) : 'no whole answer'
      return { name: load.short, look: side.look, estimate: interval, note }
    })
    const drawing = forestChart({
      ...{ id: `forest-${side.look}`, width: 490, rule: 1, rows },
      title: `Goodput of ${side.name} over ${baseline}`,
      description: rows.map((row) => `${row.name}: ${row.note}`).join('; '),
      x: { label: `times as many tokens per second as ${baseline} (logarithmic)`, log: true, include: limits },
    })
    return markup`<figure class="panel"><figcaption><b>${side.name}</b></figcaption>${scroller(`Goodput of ${side.name}, chart`, drawing, 'chart narrow')}</figure>`
  })
  return section({
    id: 'goodput',
    heading: `Goodput against ${baseline}`,
    body: [
      markup`<div class="panels">${panels}</div>`,
      markup`<p class="note">Ratios are taken within a round, where all servers answer the same questions within minutes: geometric means over rounds with bootstrap 95 % intervals. The broken line is ${baseline}; ways of one program are on one scale.</p>`,
    ],
  })
}

/** How long the first text takes, and each token after it. */
export function waiting(view: View): Markup {
  const first = spreadPanels(view, 'first', 'Time to the first text', (load, side) => view.summaryOf(load, side)?.firstMs) // prettier-ignore
  const token = spreadPanels(view, 'token', 'Time per token', (load, side) => view.tokenMsOf(load, side))
  const caption = markup`A mark is the median, its line goes up to the 95th percentile; both are means over rounds. In an open load the time to the first text begins when the request was due.`
  return section({
    id: 'waiting',
    heading: 'Waiting',
    body: [
      markup`<h3>Until the first text</h3>`,
      first,
      markup`<p class="note">${caption}</p>`,
      markup`<h3>For each token after it</h3>`,
      token,
    ],
  })
}

/** How often servers drafted, where they tell. */
export function drafting(view: View): Markup {
  const told = view.sides.filter((side) =>
    view.loads.some(({ name }) => (view.roundsOf(name, side.name)?.all ?? 0) > 0),
  )
  if (told.length === 0) return markup``
  const panels = loadPanels(
    { ...view, sides: told },
    {
      id: 'drafting',
      title: 'Rounds that drafted',
      y: { label: 'of all rounds, %', include: [0, 100] },
      point: (load, side) => {
        const rounds = view.roundsOf(load.name, side.name)
        if (!rounds || rounds.all === 0) return undefined
        const share = rounds.drafted / rounds.all
        return { y: 100 * share, words: `${percent(share)} of ${count(rounds.all)} rounds` }
      },
    },
  )
  return section({
    id: 'drafting-section',
    heading: 'Rounds that drafted',
    body: [
      panels,
      markup`<p class="note">A round is one answer's part in a pass. Where many answers share a pass, rows are dear and drafts seldom pay; a server that speculates then decodes plainly.</p>`,
    ],
  })
}

// ---------------------------------------------------------------------------------------------------------------

interface Shown {
  readonly y: number
  readonly spread?: readonly [number, number] | undefined
  /** Under the pointer, and in the table. */
  readonly words: string
}

interface Panels {
  readonly id: string
  readonly title: string
  readonly y: { readonly label: string; readonly include?: readonly number[]; readonly log?: boolean }
  readonly point: (load: LoadView, side: SideView) => Shown | undefined
}

/** Sides beside each other at a load, in parts of the way to the next load. */
const STEP = 0.07

/** A chart for closed loops and one for arrivals, side by side on one scale, and all of it as a table. */
function loadPanels(view: Pick<View, 'loads' | 'sides'>, panels: Panels): Markup {
  const kinds = (['closed', 'open'] as const).filter((kind) => view.loads.some((load) => load.kind === kind))
  const heights = view.loads.flatMap((load) =>
    view.sides.flatMap((side) => {
      const shown = panels.point(load, side)
      return shown ? [shown.y, ...(shown.spread ?? [])] : []
    }),
  )
  const charts = kinds.map((kind) => {
    const words = kind === 'closed' ? 'Clients that ask again at once' : 'Requests that come by chance'
    const drawing = panel(view, panels, kind, { heights, width: kinds.length > 1 ? 490 : 1000 })
    const frame = scroller(`${panels.title}, ${words}, chart`, drawing, kinds.length > 1 ? 'chart narrow' : 'chart')
    return markup`<figure class="panel"><figcaption><b>${words}</b></figcaption>${frame}</figure>`
  })
  const rows = view.loads.map((load) => [load.words, ...view.sides.map((side) => panels.point(load, side)?.words ?? nothing)]) // prettier-ignore
  const figures = table(panels.title, ['Load', ...view.sides.map(({ name }) => name)], plainRows(rows))
  return markup`<div class="panels">${charts}</div><details><summary>The same as a table</summary>${figures}</details>`
}

function panel(
  view: Pick<View, 'loads' | 'sides'>,
  { id, title, y, point }: Panels,
  kind: LoadView['kind'],
  { heights, width }: { readonly heights: readonly number[]; readonly width: number },
): Markup {
  const loads = view.loads.filter((load) => load.kind === kind)
  const shift = (index: number): number => (index - (view.sides.length - 1) / 2) * STEP
  const series = view.sides.map((side, place) => ({
    ...{ name: side.name, look: side.look },
    points: loads.flatMap((load, index): Point[] => {
      const shown = point(load, side)
      const hover = `${side.name}, ${load.words}: ${shown?.words ?? ''}`
      return shown ? [{ x: index + shift(place), y: shown.y, spread: shown.spread, hover }] : []
    }),
  }))
  const lines = series.map(({ name, points }) => `${name}: ${points.map(({ hover = '' }) => hover.slice(name.length + 2)).join(', ')}`) // prettier-ignore
  return lineChart({
    ...{ id: `${id}-${kind}`, width, height: 280, shape: 'curve', series },
    title: `${title}, ${kind === 'closed' ? 'by clients' : 'by rate of arrivals'}`,
    description: lines.join('; '),
    x: {
      label: kind === 'closed' ? 'clients at a time' : 'arrivals, as a share of what plain decoding can answer',
      ticks: loads.map((_, index) => index),
      format: (index) => loads[index]?.tick ?? '',
      include: [-0.4, loads.length - 0.6],
    },
    y: { ...y, include: [...(y.include ?? []), ...heights] },
  })
}

function spreadPanels(
  view: View,
  id: string,
  title: string,
  pick: (load: string, side: string) => Spread | undefined,
): Markup {
  return loadPanels(view, {
    ...{ id, title },
    y: { label: 'milliseconds (logarithmic)', log: true },
    point: (load, side) => {
      const { p50 = null, p95 = null } = pick(load.name, side.name) ?? {}
      if (p50 === null || p95 === null) return undefined
      return { y: p50, spread: [p50, p95], words: `${milliseconds(p50)}, 95 % within ${milliseconds(p95)}` }
    },
  })
}

function ends(interval: Interval | undefined): number[] {
  return interval ? [interval.low, interval.high] : []
}
