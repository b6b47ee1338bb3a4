/** Charts of named lines: curves, stairs, and values sorted from best to worst. */
import { line } from 'd3-shape'
import { bottomAxis, canShow, createScale, leftAxis, legend, levelRule, picture } from './axes.ts'
import { markup, type Markup } from './markup.ts'
import { lookOf, mark } from './theme.ts'
import type { Axis, Box, Frame, Point, Series } from './types.ts'

export interface LineChart extends Frame {
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly Series[]
  /**
   * `curve` joins points. `stairs` draws each point as a step of width 1 around its x and joins the steps, so that
   * neighbouring counts make a staircase and counts that were left out a slope.
   */
  readonly shape: 'curve' | 'stairs'
  /** A level that means something, with its name. */
  readonly rule?: { readonly value: number; readonly label: string } | undefined
  /** A range of y that is as it should be. */
  readonly band?: readonly [number, number] | undefined
  /** Places that need attention, marked by a cross. */
  readonly alarms?: readonly Point[] | undefined
  readonly height?: number | undefined
  /** Names of series above the chart. Default true. */
  readonly legend?: boolean | undefined
}

/** Lines over a common axis. Points that are no numbers are left out; series without points too. */
export function lineChart(chart: LineChart): Markup {
  const { x, y, rule, alarms = [], shape, width = 1000 } = chart
  const series = chart.series
    .map((one) => ({ ...one, points: one.points.filter((point) => canShow(x, point.x) && canShow(y, point.y)) }))
    .filter((one) => one.points.length > 0)
  const names = legend(
    chart.legend === false ? [] : series.map(({ name, look }) => ({ name, look, line: true })),
    8,
    width,
  )
  const box: Box = { left: 52, right: width - 12, top: names.height + 30, bottom: names.height + (chart.height ?? 320) }
  const points = [...series.flatMap((one) => one.points), ...alarms]
  const reach = shape === 'stairs' ? 0.5 : 0
  const columns = points.flatMap((point) => [point.x - reach, point.x + reach])
  const across = createScale(x, columns, box.left + 8, box.right, 10)
  const heights = points.flatMap((point) => [point.y, ...(point.spread ?? [])])
  const levels = [...heights, ...(chart.band ?? []), ...(rule ? [rule.value] : [])]
  const up = createScale(y, levels, box.bottom, box.top)
  return picture(chart, width, box.bottom + 46, [
    names.body,
    chart.band && drawBand(chart.band, up.at, box),
    bottomAxis(across, x.label, box),
    leftAxis(up, y.label, box),
    rule && levelRule(up, rule.value, rule.label, box),
    series.map((one) => drawSeries(one, shape, across.at, up.at)),
    alarms.map((alarm) => drawAlarm(across.at(alarm.x), up.at(alarm.y), alarm.hover)),
  ])
}

/** What a sorted chart shows: one list of values per series, in any order. */
export interface SortedChart extends Frame {
  readonly y: Axis
  readonly what: string
  readonly series: readonly {
    readonly name: string
    readonly look: number
    readonly values: readonly { readonly value: number; readonly hover: string }[]
  }[]
  readonly rule?: LineChart['rule']
}

/** Values from greatest to least, each series in its own order: where a line crosses the rule is how often it wins. */
export function sortedChart({ series, what, ...chart }: SortedChart): Markup {
  const most = Math.max(0, ...series.map(({ values }) => values.length))
  return lineChart({
    ...chart,
    x: { label: `${what}, sorted for each line by itself`, include: [1, Math.max(2, most)], whole: true },
    shape: 'curve',
    series: series.map(({ name, look, values }) => ({
      name,
      look,
      points: [...values]
        .sort((a, b) => b.value - a.value)
        .map(({ value, hover }, index) => ({ x: index + 1, y: value, hover })),
    })),
  })
}

// ------------------------------------------------------------------------------------------------------------------

/** More marks than this on one line say nothing more. */
const mostMarks = 64

const cross = 'M-5 -3.5L-3.5 -5L0 -1.5L3.5 -5L5 -3.5L1.5 0L5 3.5L3.5 5L0 1.5L-3.5 5L-5 3.5L-1.5 0Z'

function drawBand([low, high]: readonly [number, number], y: (value: number) => number, box: Box): Markup {
  return markup`<rect class="band" x="${box.left}" width="${box.right - box.left}" y="${y(high)}" height="${y(low) - y(high)}"/>`
}

function drawAlarm(x: number, y: number, hover: string | undefined): Markup {
  const words = hover !== undefined && markup`<title>${hover}</title>`
  return markup`<path class="alarm" d="${cross}" transform="translate(${x} ${y})">${words}</path>`
}

function drawSeries(
  { look, points }: Series,
  shape: LineChart['shape'],
  x: (value: number) => number,
  y: (value: number) => number,
): Markup {
  const { className, dash } = lookOf(look)
  const corners: (readonly [number, number])[] = points.flatMap((point): (readonly [number, number])[] =>
    shape === 'curve'
      ? [[x(point.x), y(point.y)]]
      : [
          [x(point.x - 0.5), y(point.y)],
          [x(point.x + 0.5), y(point.y)],
        ],
  )
  const path = line<readonly [number, number]>(([left]) => left, ([, top]) => top).digits(1)(corners) ?? '' // prettier-ignore
  const every = Math.ceil(points.length / mostMarks)
  const area = points.length > 24 ? 20 : 34
  const marks = points
    .filter((_, index) => index % every === 0)
    .map((point) => mark(look, x(point.x), y(point.y), area, point.hover))
  const whiskers = points.map((point) => point.spread && drawWhisker(x(point.x), point.spread.map(y)))
  return markup`<g class="${className}"><path class="curve" stroke-dasharray="${dash ?? 'none'}" d="${path}"/>${whiskers}${marks}</g>`
}

function drawWhisker(x: number, [low = 0, high = 0]: readonly number[]): Markup {
  return markup`<path class="whisker" d="M${x - 4} ${low}h8M${x} ${low}V${high}M${x - 4} ${high}h8"/>`
}
