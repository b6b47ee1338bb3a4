/** Contracts of `heterospec study cost`: the completed method against fixed budgets, EAGLE, plain decoding and the oracle. */
import type { Interval } from '../types.ts'
import type { CommonFacts, Variant } from './types.ts'

/** One variant over one group, or over all (`overall`), by prices. */
export interface CostRow {
  readonly variant: string
  readonly group: string
  readonly questions: number
  readonly calls: number
  readonly verified: number
  /** Tokens per call. */
  readonly tau: number
  /** Times as fast, per token: than plain decoding, than the best fixed setting, than EAGLE's tree. Geometric means over questions. */
  readonly overPlain: Interval
  readonly overFixed: Interval
  readonly overEagle: Interval
  /** Share of the way from the best fixed setting to the oracle (`shareOfWay`); null where there is none. */
  readonly share: number | null
}

/** A fixed setting of the sweep: times as fast as plain decoding, on the questions it was chosen by and on the others. */
export interface SweptSetting extends Variant {
  readonly chosenBy: number
  readonly judged: number
}

/** One variant at one price of rows. */
export interface CrossoverSide {
  readonly variant: string
  readonly overPlain: Interval
  /** Per call: nodes verified, and levels drafted. */
  readonly nodes: number
  readonly levels: number
}

/** All variants where each further row costs `slope` of the first one: 0 is flat, 1 is linear. */
export interface CrossoverPoint {
  readonly slope: number
  /** The fixed setting that the sweep chose at this price. */
  readonly best: string
  readonly sides: readonly CrossoverSide[]
}

/** `study cost`. */
export interface CostStudyDocument extends CommonFacts {
  readonly study: 'cost'
  readonly rows: readonly CostRow[]
  /** Name of the chosen setting, and of the one that would have been best on the judged questions. */
  readonly sweep: { readonly best: string; readonly hindsight: string; readonly settings: readonly SweptSetting[] }
  readonly crossover: { readonly rowMs: number; readonly points: readonly CrossoverPoint[] }
}
