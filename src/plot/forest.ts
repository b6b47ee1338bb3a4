/** Estimates with their intervals, one row each, around a line that means "no difference" (a forest plot). */
import { bottomAxis, createScale, picture, textAt } from './axes.ts'
import { markup, type Markup } from './markup.ts'
import { lookOf, mark } from './theme.ts'
import type { Axis, Box, Estimate, Frame } from './types.ts'
import { shorten, widthOf } from './words.ts'

export interface ForestRow {
  readonly name: string
  readonly look: number
  readonly estimate: Estimate | undefined
  /** Stands at the right, or in place of an estimate that does not exist. */
  readonly note: string
}

export interface ForestChart extends Frame {
  readonly x: Axis
  readonly rows: readonly ForestRow[]
  /** Where no difference is. */
  readonly rule: number
}

/** Dots with whiskers. Give the same `x.include` to charts that stand side by side, and they share their scale. */
export function forestChart(chart: ForestChart): Markup {
  const { rows, x, rule, width = 1000 } = chart
  const rowHeight = 26
  const nameWidth = Math.min(width * 0.36, Math.max(60, ...rows.map((row) => widthOf(row.name, 13))))
  const noteWidth = 138
  const box: Box = { left: nameWidth + 22, right: width - noteWidth, top: 8, bottom: 14 + rows.length * rowHeight }
  const values = rows.flatMap(({ estimate }) => (estimate ? [estimate.low, estimate.mean, estimate.high] : []))
  const scale = createScale(x, [...values, rule], box.left + 6, box.right - 10, width < 600 ? 4 : 8)
  const lines = rows.map((row, index) => {
    const y = box.top + (index + 0.5) * rowHeight + 2
    const name = markup`${shorten(row.name, Math.floor(nameWidth / 7.5))}<title>${row.name}</title>`
    const words = textAt('entry', nameWidth + 6, y + 4, name, 'end')
    return markup`<g class="${lookOf(row.look).className}">${words}${drawEstimate(row, y, scale.at, box, width)}</g>`
  })
  return picture(chart, width, box.bottom + 46, [
    bottomAxis(scale, x.label, box),
    markup`<path class="rule" d="M${scale.at(rule)} ${box.top}V${box.bottom}"/>`,
    lines,
  ])
}

// ------------------------------------------------------------------------------------------------------------------

function drawEstimate(row: ForestRow, y: number, at: (value: number) => number, box: Box, width: number): Markup {
  const { estimate, look, note } = row
  if (!estimate) return textAt('alarm', box.left + 10, y + 4, note)
  const left = at(estimate.low)
  const right = at(estimate.high)
  const whisker = markup`<path class="whisker" d="M${left} ${y - 4}v8M${left} ${y}H${right}M${right} ${y - 4}v8"/>`
  return markup`${whisker}${mark(look, at(estimate.mean), y, 60)}${textAt('remark', width - 4, y + 4, note, 'end')}`
}
