/**
 * Colours of pictures and pages, light and dark, and the signs that say the same without colour. Contrast (text 4.5,
 * graphics 3) and the distance between series, also for colour-blind eyes, are checked in `theme.test.ts`.
 */
import {
  symbol,
  symbolCircle,
  symbolCross,
  symbolDiamond,
  symbolSquare,
  symbolStar,
  symbolTriangle,
  symbolWye,
  type SymbolType,
} from 'd3-shape'
import { markup, type Markup } from './markup.ts'

/** Names of the colours that styles may use, as `var(--name)`. */
export interface Colours {
  readonly page: string
  readonly panel: string
  readonly line: string
  /** Borders of controls. */
  readonly edge: string
  readonly text: string
  readonly muted: string
  readonly accent: string
  readonly alarm: string
  readonly 'alarm-panel': string
  readonly 'accept-panel': string
  /** Told apart by normal and by colour-blind eyes; the first is for the baseline. */
  readonly series: readonly string[]
}

/** On white, and on paper. */
export const lightColours: Colours = {
  page: '#ffffff',
  panel: '#f6f6f2',
  line: '#d9dad4',
  edge: '#7b8087',
  text: '#1c2025',
  muted: '#565c65',
  accent: '#1a56b0',
  alarm: '#9c2a10',
  'alarm-panel': '#fdf1ea',
  'accept-panel': '#e3edfb',
  series: ['#2d3138', '#2987fa', '#80422e', '#168876', '#d65ab7', '#9c830c', '#205a75', '#7447ba'],
}

/** Where the reader's system is dark. */
export const darkColours: Colours = {
  page: '#14171a',
  panel: '#1d2125',
  line: '#363c43',
  edge: '#7f8892',
  text: '#e6e9ee',
  muted: '#a5adb7',
  accent: '#8ab8f8',
  alarm: '#ffab91',
  'alarm-panel': '#33211b',
  'accept-panel': '#1d3352',
  series: ['#e6e9ee', '#327cf5', '#ce6006', '#03b882', '#a76ba6', '#e0c64e', '#85cad9', '#a19cf8'],
}

/** How a series looks: three signs, so that colour is never alone. */
export interface SeriesLook {
  /** Class that sets `--ink`. */
  readonly className: string
  /** SVG dash pattern; undefined is a full line. */
  readonly dash: string | undefined
  readonly mark: SymbolType
}

/** Look of the series with this number; 56 of them before one repeats. */
export function lookOf(series: number): SeriesLook {
  return {
    className: `series-${series % lightColours.series.length}`,
    dash: dashes[series % dashes.length],
    mark: marks[series % marks.length] ?? symbolCircle,
  }
}

/** The mark of a series at a point; `hover` appears under the pointer. */
export function mark(series: number, x: number, y: number, area = 42, hover?: string): Markup {
  const look = lookOf(series)
  const path = symbol(look.mark, area).digits(1)() ?? ''
  const words = hover !== undefined && markup`<title>${hover}</title>`
  return markup`<path class="mark ${look.className}" d="${path}" transform="translate(${x} ${y})">${words}</path>`
}

/** Style sheet of all pictures: variables for both themes, then classes. Paper is always light. */
export function plotStyles(): string {
  return [
    `:root{color-scheme:light dark;${variables(lightColours)}}`,
    `@media screen and (prefers-color-scheme:dark){:root{${variables(darkColours)}}}`,
    ...lightColours.series.map((_, index) => `.series-${index}{--ink:var(--series-${index})}`),
    rules,
  ].join('\n')
}

// ------------------------------------------------------------------------------------------------------------------

// Seven marks, eight colours, five dashes: the periods have no common divisor, so pairs repeat late.
const marks = [symbolCircle, symbolSquare, symbolTriangle, symbolDiamond, symbolCross, symbolStar, symbolWye]
const dashes = [undefined, '7 3', '2 3', '9 3 2 3', '14 4']

function variables({ series, ...named }: Colours): string {
  return [
    ...Object.entries(named).map(([name, colour]: [string, string]) => `--${name}:${colour}`),
    ...series.map((colour, index) => `--series-${index}:${colour}`),
  ].join(';')
}

const rules = `svg.plot{display:block;max-width:100%;height:auto;font-family:inherit;font-size:12px;fill:var(--text)}
svg.plot text{font-variant-numeric:tabular-nums}
svg.plot .small{font-size:11px;fill:var(--muted)}
svg.plot .label{fill:var(--muted)}
svg.plot .halo,svg.plot text.alarm{paint-order:stroke;stroke:var(--page);stroke-width:4px;stroke-linejoin:round}
svg.plot .grid{stroke:var(--line);fill:none}
svg.plot .axis{stroke:var(--edge);fill:none}
svg.plot .rule{stroke:var(--muted);stroke-dasharray:4 3;fill:none}
svg.plot .band{fill:var(--panel)}
svg.plot .curve{fill:none;stroke:var(--ink);stroke-width:2;stroke-linejoin:round}
svg.plot .mark{fill:var(--ink);stroke:var(--page);stroke-width:1}
svg.plot .whisker{stroke:var(--ink);stroke-width:2;fill:none}
svg.plot .leader{stroke:var(--edge);fill:none}
svg.plot .segment{stroke:var(--page);stroke-width:1}
svg.plot .part-0{fill:var(--accent)}
svg.plot .part-1{fill:var(--edge)}
svg.plot .part-2{fill:var(--text)}
svg.plot .hatch{stroke:var(--page);stroke-width:2.5;fill:none}
svg.plot .plate{fill:var(--page)}
svg.plot .number{font-size:11px}
svg.plot .alarm{fill:var(--alarm)}
svg.plot .mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre}
svg.plot .node rect{fill:var(--panel);stroke:var(--line)}
svg.plot .node text{fill:var(--muted)}
svg.plot .node.accepted rect{fill:var(--accept-panel);stroke:var(--accent);stroke-width:2}
svg.plot .node.accepted text{fill:var(--text);font-weight:600}
svg.plot .node.root rect{fill:var(--page);stroke:var(--text);stroke-width:1.5}
svg.plot .node.root text{fill:var(--text)}
svg.plot .node.own rect{fill:var(--page);stroke:var(--accent);stroke-width:2;stroke-dasharray:5 3}
svg.plot .node.own text{fill:var(--text);font-weight:600}
svg.plot .node text.chance{font-weight:400;fill:var(--muted);font-size:10.5px}
svg.plot .branch{fill:none;stroke:var(--edge);stroke-width:1;stroke-dasharray:3 3}
svg.plot .branch.accepted{stroke:var(--accent);stroke-width:2.5;stroke-dasharray:none}`
