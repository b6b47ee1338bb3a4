/** Contracts of pictures: numbers in, SVG out. Nothing here knows what the numbers mean. */

/** What every picture has. */
export interface Frame {
  /** Unique on the page. */
  readonly id: string
  /** One line: what is shown. Read aloud, and shown under the pointer. */
  readonly title: string
  /** One or more sentences: what there is to see, for those who do not see it. */
  readonly description: string
  /** Units of the drawing; the page scales it. */
  readonly width?: number | undefined
}

/** One axis. */
export interface Axis {
  readonly label: string
  /** Logarithmic: for ratios, so that twice as fast and half as fast are equally far from 1. */
  readonly log?: boolean | undefined
  /** Values that must be on the axis besides those of the data. */
  readonly include?: readonly number[] | undefined
  readonly format?: ((value: number) => string) | undefined
  /** Counts: no ticks between whole numbers. */
  readonly whole?: boolean | undefined
  /** Where the ticks stand, instead of round numbers. */
  readonly ticks?: readonly number[] | undefined
}

/** A place in a chart. */
export interface Point {
  readonly x: number
  readonly y: number
  /** Shown under the pointer. */
  readonly hover?: string | undefined
  /** From where to where on the y axis a whisker goes through the point. Lines only. */
  readonly spread?: readonly [low: number, high: number] | undefined
}

/** A named row of points. */
export interface Series {
  readonly name: string
  /** Number of its look (`lookOf`); the same on the whole page. */
  readonly look: number
  readonly points: readonly Point[]
}

/** A figure with its interval. */
export interface Estimate {
  readonly mean: number
  readonly low: number
  readonly high: number
}

/** The inner part of a chart, in units of the drawing. */
export interface Box {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}
