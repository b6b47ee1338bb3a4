/** Frames, scales, axes and legends: what all charts have around their data. */
import { scaleLinear, scaleLog } from 'd3-scale'
import { markup, type Markup, type MarkupValue } from './markup.ts'
import { lookOf, mark } from './theme.ts'
import type { Axis, Box, Frame } from './types.ts'
import { widthOf } from './words.ts'

/** Numbers to places. */
export interface Scale {
  /** The place of a value. */
  readonly at: (value: number) => number
  readonly ticks: readonly number[]
  readonly format: (value: number) => string
}

/** The whole picture: its name and description for those who do not see it, then the drawing. */
export function picture(frame: Frame, width: number, height: number, body: MarkupValue): Markup {
  const { id, title, description } = frame
  const labels = markup`aria-labelledby="${id}-title" aria-describedby="${id}-desc"`
  const size = markup`xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`
  const words = markup`<title id="${id}-title">${title}</title><desc id="${id}-desc">${description}</desc>`
  return markup`<svg class="plot" role="img" ${size} ${labels}>${words}${body}</svg>`
}

/** A scale over `values` (those that cannot be shown are left out), between two places, with about `count` ticks. */
export function createScale(axis: Axis, values: readonly number[], from: number, to: number, count = 6): Scale {
  const shown = [...values, ...(axis.include ?? [])].filter((value) => canShow(axis, value))
  const low = Math.min(...shown)
  const high = Math.max(...shown)
  const [first, last] = shown.length === 0 ? [1, 2] : differ(low, high) ? [low, high] : around(axis, low)
  if (axis.log === true) {
    const scale = scaleLog([first, last], [from, to])
    return { at: scale, ticks: axis.ticks ?? ratioTicks(first, last, count), format: axis.format ?? plain }
  }
  const scale = scaleLinear([first, last], [from, to])
  if (!axis.ticks) scale.nice(count)
  return {
    at: scale,
    ticks: axis.ticks ?? scale.ticks(count).filter((tick) => axis.whole !== true || Number.isInteger(tick)),
    format: axis.format ?? plain,
  }
}

/** Whether an axis has a place for the value. */
export function canShow(axis: Axis, value: number): boolean {
  return Number.isFinite(value) && (axis.log !== true || value > 0)
}

/** The horizontal axis below `box`, its ticks as lines across it. */
export function bottomAxis(scale: Scale, label: string, box: Box): Markup {
  const lines = scale.ticks.map((tick) => markup`M${scale.at(tick)} ${box.top}V${box.bottom}`)
  const numbers = withRoom(scale).map((tick) =>
    textAt('label', scale.at(tick), box.bottom + 17, scale.format(tick), 'middle'),
  )
  const name = textAt('small', (box.left + box.right) / 2, box.bottom + 36, label, 'middle')
  return markup`<path class="grid" d="${lines}"/><path class="axis" d="M${box.left} ${box.bottom}H${box.right}"/>${numbers}${name}`
}

/** The vertical axis at the left of `box`; its label stands above it, where it can be read without turning the head. */
export function leftAxis(scale: Scale, label: string, box: Box): Markup {
  const lines = scale.ticks.map((tick) => markup`M${box.left} ${scale.at(tick)}H${box.right}`)
  const numbers = scale.ticks.map((tick) =>
    textAt('label', box.left - 8, scale.at(tick) + 4, scale.format(tick), 'end'),
  )
  return markup`<path class="grid" d="${lines}"/>${numbers}${textAt('small', 8, box.top - 12, label)}`
}

/** A broken line across the box where a value means something, e.g. 1 for ratios. */
export function levelRule(scale: Scale, value: number, label: string, box: Box): Markup {
  const y = scale.at(value)
  return markup`<path class="rule" d="M${box.left} ${y}H${box.right}"/>${textAt('small', box.right, y - 5, label, 'end')}`
}

/** A text element. */
export function textAt(
  className: string,
  x: number,
  y: number,
  content: MarkupValue,
  anchor: 'start' | 'middle' | 'end' = 'start',
): Markup {
  return markup`<text class="${className}" x="${x}" y="${y}"${anchor !== 'start' && markup` text-anchor="${anchor}"`}>${content}</text>`
}

/** Names of series with their signs, in as many lines as they need; and its height. */
export function legend(
  entries: readonly { readonly name: string; readonly look: number; readonly line: boolean }[],
  left: number,
  right: number,
): { readonly body: Markup; readonly height: number } {
  const rowHeight = 20
  const places: Markup[] = []
  let x = left
  let y = 12
  for (const { name, look, line } of entries) {
    const sign = line ? 34 : 14
    const width = sign + 6 + widthOf(name, 12) + 18
    if (x > left && x + width > right) {
      x = left
      y += rowHeight
    }
    const { className, dash } = lookOf(look)
    const sample = line && markup`<path class="curve" stroke-dasharray="${dash ?? 'none'}" d="M${x} ${y}h${sign}"/>`
    const words = textAt('entry', x + sign + 6, y + 4, name)
    places.push(markup`<g class="${className}">${sample}${mark(look, x + sign / 2, y)}${words}</g>`)
    x += width
  }
  return { body: markup`${places}`, height: entries.length === 0 ? 0 : y + rowHeight }
}

// ------------------------------------------------------------------------------------------------------------------

/** Ticks whose numbers do not cover each other. */
function withRoom(scale: Scale): number[] {
  let end = -Infinity
  return scale.ticks.filter((tick) => {
    const half = widthOf(scale.format(tick), 12) / 2
    if (scale.at(tick) - half < end + 6) return false
    end = scale.at(tick) + half
    return true
  })
}

/** Whether numbers are further apart than rounding puts them: d3 finds no ticks between neighbours among the doubles. */
function differ(low: number, high: number): boolean {
  return high - low > 1e-9 * Math.max(Math.abs(low), Math.abs(high))
}

/** One value alone still needs room around it. */
function around(axis: Axis, value: number): [number, number] {
  if (axis.log === true) return [value / 1.25, value * 1.25]
  return value === 0 ? [0, 1] : [Math.min(0, 2 * value), Math.max(0, 2 * value)]
}

/** d3 puts nine ticks into every decade; ratios within one decade read better with even steps. */
function ratioTicks(low: number, high: number, count: number): number[] {
  if (count <= 4 && high / low > 3 && high / low < 40) return powersOfTwo(low, high)
  if (high / low < 8) return scaleLinear().domain([low, high]).ticks(count)
  return scaleLog()
    .domain([low, high])
    .ticks()
    .filter((tick) => /^[125]/.test(tick.toExponential()))
}

function powersOfTwo(low: number, high: number): number[] {
  const first = Math.ceil(Math.log2(low))
  return Array.from({ length: Math.floor(Math.log2(high)) - first + 1 }, (_, index) => 2 ** (first + index))
}

function plain(value: number): string {
  return String(Math.round(value * 1e6) / 1e6)
}
