/** Horizontal bars of stacked parts: what a whole is made of, one bar per name. */
import { stack } from 'd3-shape'
import { bottomAxis, createScale, picture, textAt } from './axes.ts'
import { markup, type Markup } from './markup.ts'
import type { Axis, Box, Frame } from './types.ts'
import { shorten, widthOf } from './words.ts'

export interface BarChart extends Frame {
  readonly x: Axis
  /** At most three; each has a colour and a pattern of its own. */
  readonly parts: readonly string[]
  readonly bars: readonly {
    readonly name: string
    /** One per part, none negative. */
    readonly values: readonly number[]
    /** Stands at the end of the bar. */
    readonly note: string
  }[]
}

/** Stacked bars. A part's number stands in it where it fits. */
export function barChart(chart: BarChart): Markup {
  const { id, parts, bars, x, width = 1000 } = chart
  const rowHeight = 32
  const nameWidth = Math.min(width * 0.3, Math.max(60, ...bars.map((bar) => widthOf(bar.name, 13))))
  const noteWidth = Math.max(40, ...bars.map((bar) => widthOf(bar.note, 12) + 12))
  const box: Box = { left: nameWidth + 18, right: width - noteWidth, top: 34, bottom: 40 + bars.length * rowHeight }
  const totals = bars.map(({ values }) => values.reduce((sum, value) => sum + value, 0))
  const scale = createScale({ ...x, include: [0, ...(x.include ?? [])] }, totals, box.left, box.right)
  const layers = stack<undefined, (typeof bars)[number], number>()
    .keys(parts.keys())
    .value((bar, part) => bar.values[part] ?? 0)(bars)
  const segments = layers.map((layer) =>
    layer.map(([from, to], row) => {
      const place = { left: scale.at(from), width: scale.at(to) - scale.at(from), y: 40 + row * rowHeight }
      return drawSegment(id, layer.key, scale.format(to - from), place)
    }),
  )
  const names = bars.map((bar, row) => {
    const y = 40 + row * rowHeight + 15
    const name = markup`${shorten(bar.name, Math.floor(nameWidth / 7.5))}<title>${bar.name}</title>`
    const end = scale.at(totals[row] ?? 0) + 8
    return [textAt('entry', nameWidth + 6, y, name, 'end'), textAt('remark', end, y, bar.note)]
  })
  return picture(chart, width, box.bottom + 46, [
    markup`<defs>${patterns.map((pattern, part) => pattern(patternName(id, part)))}</defs>`,
    partLegend(id, parts),
    bottomAxis(scale, x.label, box),
    segments,
    names,
  ])
}

// ------------------------------------------------------------------------------------------------------------------

const barHeight = 22

/** Lines over the colour; the middle part has none. */
const patterns = [
  (name: string): Markup =>
    markup`<pattern id="${name}" width="9" height="9" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="hatch" d="M0 0V9"/></pattern>`,
  (): Markup => markup``,
  (name: string): Markup =>
    markup`<pattern id="${name}" width="6" height="6" patternUnits="userSpaceOnUse"><path class="hatch" d="M0 0H6"/></pattern>`,
]

function patternName(id: string, part: number): string {
  return `${id}-hatch-${part}`
}

function filled(id: string, part: number, rectangle: Markup): Markup {
  const hatch = part !== 1 && markup`<rect fill="url(#${patternName(id, part)})" ${rectangle}/>`
  return markup`<rect class="segment part-${part}" ${rectangle}/>${hatch}`
}

function drawSegment(
  id: string,
  part: number,
  text: string,
  place: { readonly left: number; readonly width: number; readonly y: number },
): Markup {
  const { left, width, y } = place
  if (!(width > 0)) return markup``
  const bar = filled(id, part, markup`x="${left}" y="${y}" width="${width}" height="${barHeight}"`)
  const room = widthOf(text, 11) + 8
  if (width < room + 6) return bar
  const middle = left + width / 2
  const plate = markup`<rect class="plate" x="${middle - room / 2}" y="${y + 3}" width="${room}" height="16" rx="3"/>`
  return markup`${bar}${plate}${textAt('number', middle, y + 15, text, 'middle')}`
}

function partLegend(id: string, parts: readonly string[]): Markup {
  let x = 8
  return markup`${parts.map((name, part) => {
    const left = x
    x += 44 + widthOf(name, 12)
    const sample = filled(id, part, markup`x="${left}" y="6" width="20" height="14"`)
    return markup`${sample}${textAt('entry', left + 26, 17, name)}`
  })}`
}
