/** What the sections of the report share: sides with their looks, groups, and figures by question. Derived once, read only. */
import { groupsOf } from '../suite.ts'
import { decodeRatio, OVERALL, ratiosByQuestion } from '../summary.ts'
import type { BenchDocument, Interval, SideInfo, Summary } from '../types.ts'

/** A side as the report shows it. */
export interface SideView {
  readonly info: SideInfo
  readonly name: string
  /** Number of its look in every picture; 0 is the baseline's. */
  readonly look: number
  readonly isBaseline: boolean
  /** Some output is not that of its plain decoding, and that counts as a failure. */
  readonly failed: boolean
  /** Over all groups; undefined in a document without it. */
  readonly overall: Summary | undefined
  /** Decoding speed-up over the baseline, by question key; empty for failed sides. */
  readonly ratios: ReadonlyMap<string, number>
}

/** One question, as its key in `ratios` means it. */
export interface QuestionView {
  readonly key: string
  readonly id: number | string
  readonly category: string
  readonly group: string
}

/** What an interval of a ratio says; `few` where too few questions stand behind it to say anything. */
export type Verdict = 'faster' | 'slower' | 'same' | 'few'

export interface View {
  readonly document: BenchDocument
  readonly baseline: string
  /** In the order of the document. */
  readonly sides: readonly SideView[]
  /** In the order of the suite, without `overall`. */
  readonly groups: readonly string[]
  readonly questions: readonly QuestionView[]
  readonly summaryOf: (side: string, group: string) => Summary | undefined
  /** Judges an interval over the questions of a group (or `overall`). */
  readonly judge: (interval: Interval, group: string) => Verdict
}

/** A bootstrap over fewer questions takes chance for certainty: four of four on one side happen one time in eight. */
export const fewestQuestions = 5

/** Reads a document once. */
export function createView(document: BenchDocument): View {
  const { baseline } = document.options
  const table = new Map(document.summary.map((row) => [JSON.stringify([row.side, row.group]), row]))
  const summaryOf = (side: string, group: string): Summary | undefined => table.get(JSON.stringify([side, group]))
  const others = document.sides.filter(({ name }) => name !== baseline)
  const sides = document.sides.map((info): SideView => {
    const overall = summaryOf(info.name, OVERALL)
    const failed = overall !== undefined && overall.different > 0 && overall.decodeSpeedup === null
    const ratios = failed
      ? new Map<string, number>()
      : ratiosByQuestion(document.turns, info.name, baseline, decodeRatio)
    const isBaseline = info.name === baseline
    return {
      info,
      name: info.name,
      look: isBaseline ? 0 : 1 + others.indexOf(info),
      isBaseline,
      failed,
      overall,
      ratios,
    }
  })
  const questions = questionsOf(document)
  const judge = ({ low, high }: Interval, group: string): Verdict => {
    const asked = questions.filter((question) => group === OVERALL || question.group === group)
    if (asked.length < fewestQuestions) return 'few'
    return low > 1 ? 'faster' : high < 1 ? 'slower' : 'same'
  }
  return { document, baseline, sides, groups: groupsOf(document.turns), questions, summaryOf, judge }
}

/** The side that decodes fastest, baseline and failed ones aside; undefined when there is nobody to compare. */
export function fastest(view: View): { readonly side: SideView; readonly speedup: Interval } | undefined {
  return view.sides
    .flatMap((side) => {
      const speedup = side.overall?.decodeSpeedup
      return side.isBaseline || side.failed || !speedup ? [] : [{ side, speedup }]
    })
    .sort((a, b) => b.speedup.mean - a.speedup.mean)[0]
}

/** `question 83`, with the turn where there are several. */
export function nameOfTurn({ id, turn }: { readonly id: number | string; readonly turn: number }): string {
  return turn === 0 ? `question ${id}` : `question ${id}, turn ${turn + 1}`
}

// ------------------------------------------------------------------------------------------------------------------

function questionsOf({ turns }: BenchDocument): QuestionView[] {
  const found = new Map<string, QuestionView>()
  for (const { id, category, group } of turns) {
    // The key of `ratiosByQuestion`.
    const key = JSON.stringify([category, id])
    found.set(key, { key, id, category, group })
  }
  return [...found.values()]
}
