/** Figures of every two methods against each other, for the script of the page. Numbers only. */
import { createEstimator, showInterval } from '../statistics.ts'
import { OVERALL } from '../summary.ts'
import { count, milliseconds, nothing, percent, ratio } from './format.ts'
import type { Interval } from '../types.ts'
import { fewestQuestions, type SideView, type View } from './view.ts'

/** Mean, low and high; null where no question has a figure of both. */
export type PackedInterval = readonly [number, number, number] | null

/** What the script reads. */
export interface PairData {
  /** `overall` first. */
  readonly groups: readonly string[]
  /** Names of what `sides.figures` holds. */
  readonly figures: readonly string[]
  readonly sides: readonly { readonly name: string; readonly failed: boolean; readonly figures: readonly string[] }[]
  readonly questions: readonly { readonly id: string; readonly category: string; readonly group: string }[]
  /** [side][question] decoding speed over the baseline's. */
  readonly ratios: readonly (readonly (number | null)[])[]
  /** [pair][group] speed of the first over that of the second; pairs (0,1), (0,2) ... (1,2) ... The other way round is its inverse. */
  readonly pairs: readonly (readonly PackedInterval[])[]
  /** Fewer questions say nothing. */
  readonly fewest: number
  /** The two to begin with. */
  readonly start: readonly [number, number]
}

/** Everything for any two methods. The ratio of two methods on a question is that of their ratios to the baseline. */
export function pairData(view: View, start: readonly [number, number]): PairData {
  const { sides, questions } = view
  const groups = view.groups.length > 1 ? [OVERALL, ...view.groups] : [OVERALL]
  const estimate = createEstimator()
  const pairs = sides.flatMap((first, index) =>
    sides.slice(index + 1).map((second) =>
      groups.map((group) => {
        const ratios = questions
          .filter((question) => group === OVERALL || question.group === group)
          .map(({ key }) => (first.ratios.get(key) ?? NaN) / (second.ratios.get(key) ?? NaN))
          .filter((value) => Number.isFinite(value))
        return ratios.length === 0 ? null : pack(estimate(ratios))
      }),
    ),
  )
  return {
    groups,
    figures: figureNames,
    sides: sides.map((side) => ({ name: side.name, failed: side.failed, figures: figuresOf(side) })),
    questions: questions.map(({ id, category, group }) => ({ id: String(id), category, group })),
    ratios: sides.map((side) => questions.map(({ key }) => round(side.ratios.get(key)))),
    pairs,
    fewest: fewestQuestions,
    start,
  }
}

// ------------------------------------------------------------------------------------------------------------------

const figureNames = [
  'Decoding, times the baseline',
  'End to end, times the baseline',
  'First token, times the baseline',
  'tau',
  'Accepted',
  'Calls',
  'Rows verified',
  'Draft per round',
  'Target per round',
  'Host per round',
  'First token, median',
  'Outputs as plain',
]

function figuresOf({ overall, info, name, isBaseline }: SideView): string[] {
  if (!overall) return figureNames.map(() => nothing)
  const speed = (interval: Interval | null): string =>
    isBaseline ? '1' : interval ? showInterval(interval) : overall.different > 0 ? 'failed' : nothing
  const show = (value: number | null, format: (value: number) => string): string =>
    value === null ? nothing : format(value)
  return [
    speed(overall.decodeSpeedup),
    speed(overall.endToEndSpeedup),
    speed(overall.firstTokenSpeedup),
    show(overall.tau, ratio),
    show(overall.acceptanceRate, percent),
    show(overall.calls, count),
    show(overall.verified, count),
    show(overall.draftMs, milliseconds),
    show(overall.targetMs, milliseconds),
    show(overall.hostMs, milliseconds),
    show(overall.firstTokenMs, milliseconds),
    info.plain === name ? 'is plain' : `${overall.turns - overall.different} of ${overall.turns}`,
  ]
}

function pack({ mean, low, high }: Interval): PackedInterval {
  return [round(mean) ?? NaN, round(low) ?? NaN, round(high) ?? NaN]
}

/** Four digits: what is shown has three. */
function round(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : Number(value.toPrecision(4))
}
