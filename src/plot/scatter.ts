/** Points over two axes, the important ones with their names beside them. */
import { line } from 'd3-shape'
import { bottomAxis, canShow, createScale, leftAxis, legend, picture, textAt, type Scale } from './axes.ts'
import { markup, type Markup } from './markup.ts'
import { mark } from './theme.ts'
import type { Axis, Box, Frame, Point } from './types.ts'
import { widthOf } from './words.ts'

export interface ScatterPoint extends Point {
  readonly name: string
  readonly look: number
  /** Small and without a name: detail behind the main points. */
  readonly minor?: boolean | undefined
}

export interface ScatterChart extends Frame {
  readonly x: Axis
  readonly y: Axis
  readonly points: readonly ScatterPoint[]
  /** A line to compare the points with. It does not widen the axes. */
  readonly guide?: { readonly label: string; readonly points: readonly Point[] } | undefined
  readonly height?: number | undefined
}

/** Points with marks by look; a legend names them all, main points are named in place too. */
export function scatterChart(chart: ScatterChart): Markup {
  const { x, y, guide, width = 1000 } = chart
  const points = chart.points.filter((point) => canShow(x, point.x) && canShow(y, point.y))
  const main = points.filter((point) => point.minor !== true)
  const names = legend(
    main.map(({ name, look }) => ({ name, look, line: false })),
    8,
    width,
  )
  const box: Box = { left: 52, right: width - 24, top: names.height + 30, bottom: names.height + (chart.height ?? 360) }
  const across = createScale(x, points.map((point) => point.x), box.left + 8, box.right, 10) // prettier-ignore
  const up = createScale(y, points.map((point) => point.y), box.bottom, box.top) // prettier-ignore
  const dot = (point: ScatterPoint): Markup =>
    mark(point.look, across.at(point.x), up.at(point.y), point.minor === true ? 20 : 90, point.hover)
  return picture(chart, width, box.bottom + 46, [
    names.body,
    bottomAxis(across, x.label, box),
    leftAxis(up, y.label, box),
    guide && drawGuide(chart.id, guide, across, up, box),
    markup`<g class="minor">${points.filter((point) => point.minor === true).map(dot)}</g>`,
    main.map(dot),
    drawNames(main, across, up, box),
  ])
}

// ------------------------------------------------------------------------------------------------------------------

function drawGuide(id: string, guide: NonNullable<ScatterChart['guide']>, across: Scale, up: Scale, box: Box): Markup {
  const places = guide.points.map(({ x, y }): [number, number] => [across.at(x), up.at(y)])
  const last = places.filter(([x, y]) => x <= box.right && y >= box.top).at(-1)
  const area = markup`x="${box.left}" y="${box.top}" width="${box.right - box.left}" height="${box.bottom - box.top}"`
  return markup`${[
    markup`<clipPath id="${id}-clip"><rect ${area}/></clipPath>`,
    markup`<path class="rule" clip-path="url(#${id}-clip)" d="${line().digits(1)(places) ?? ''}"/>`,
    last && textAt('small', Math.min(last[0], box.right - 4), Math.max(last[1] - 8, box.top + 10), guide.label, 'end'),
  ]}`
}

/** A name further from its point than this belongs to nobody. */
const farthest = 46

/** Names right of their points (left of them at the right edge), moved down until none covers another; in a crowd only the legend names them. */
function drawNames(points: readonly ScatterPoint[], across: Scale, up: Scale, box: Box): Markup {
  const taken: { readonly left: number; readonly right: number; readonly y: number }[] = []
  const sorted = [...points].sort((a, b) => up.at(a.y) - up.at(b.y))
  return markup`${sorted.map((point) => {
    const x = across.at(point.x)
    const width = widthOf(point.name, 12)
    const atEdge = x + 12 + width > box.right
    const left = atEdge ? x - 12 - width : x + 12
    const start = up.at(point.y) + 4
    let y = start
    for (const other of taken) {
      if (other.right > left && other.left < left + width && Math.abs(other.y - y) < 15) y = other.y + 15
    }
    if (y - start > farthest) return []
    taken.push({ left, right: left + width, y })
    const end = atEdge ? x - 9 : x + 9
    const leader = y - start > 6 && markup`<path class="leader" d="M${x} ${start - 4}L${end} ${y - 4}"/>`
    return [leader, textAt('halo', left, y, point.name)]
  })}`
}
