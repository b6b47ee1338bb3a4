/** Two results side by side: what changed beyond noise, question by question where both asked the same. */
import * as z from 'zod'
import { omit } from '../util/omit.ts'
import { readResult } from './result-file.ts'
import { geometricMean } from './statistics.ts'
import { groupsOf } from './suite.ts'
import { decodeRatio, OVERALL, ratiosByQuestion } from './summary.ts'
import type { BenchDocument, Interval, Turn } from './types.ts'

/** One side over one group in both results. */
export interface Change {
  readonly side: string
  readonly group: string
  /** Questions that both asked. */
  readonly questions: number
  /** Speed-up over the baseline before and after, and their ratio, over these questions. */
  readonly before: Interval
  readonly after: Interval
  readonly ratio: Interval
  /** The interval of the ratio does not hold 1. */
  readonly beyondNoise: boolean
  /** Tokens per target pass; null where a program does not tell. */
  readonly tau: { readonly before: number | null; readonly after: number | null }
  /** Outputs that are not what they were. */
  readonly otherOutputs: number
}

export interface Comparison {
  readonly kind: 'heterospec-bench-comparison'
  readonly changes: readonly Change[]
  /** Conditions that were not the same, as `name: before -> after`. */
  readonly conditions: readonly string[]
  /** Sides that only one of them has. */
  readonly unmatched: readonly string[]
}

/** Reads a result: a file whose last line is the document (all of standard output may stand before it). Throws `bad-file`. */
export function readDocument(file: string): BenchDocument {
  return readResult(file, { head: documentHead, command: '"heterospec bench"' }) as BenchDocument
}

/** Compares all sides that both results have. */
export function compareDocuments(before: BenchDocument, after: BenchDocument): Comparison {
  const names = (document: BenchDocument): string[] => document.sides.map(({ name }) => name)
  const shared = names(before).filter((name) => names(after).includes(name) && name !== before.options.baseline)
  const common = commonTurns(before, after)
  const changes = shared.flatMap((side) =>
    [...groupsOf(common.map(({ old }) => old)), OVERALL].flatMap((group) => {
      const turns = common.filter(({ old }) => group === OVERALL || old.group === group)
      const change = compareSide(side, group, turns, [before.options.baseline, after.options.baseline])
      return change ? [change] : []
    }),
  )
  const both = [...names(before), ...names(after)]
  const unmatched = [...new Set(both.filter((name) => !names(before).includes(name) || !names(after).includes(name)))]
  return { kind: 'heterospec-bench-comparison', changes, conditions: conditions(before, after), unmatched }
}

// ---------------------------------------------------------------------------------------------------------------

const documentHead = z.object({
  kind: z.literal('heterospec-bench'),
  version: z.literal(1),
  options: z.object({ baseline: z.string() }),
  provenance: z.object({ model: z.object({ sha256: z.string() }) }),
  sides: z.array(z.object({ name: z.string() })),
  summary: z.array(z.object({ side: z.string(), group: z.string() })),
  turns: z.array(z.object({ id: z.union([z.number(), z.string()]), rows: z.array(z.object({ side: z.string() })) })),
})

interface CommonTurn {
  readonly old: Turn
  readonly now: Turn
}

function commonTurns(before: BenchDocument, after: BenchDocument): CommonTurn[] {
  const key = ({ category, id, turn }: Turn): string => JSON.stringify([category, id, turn])
  const later = new Map(after.turns.map((turn) => [key(turn), turn]))
  return before.turns.flatMap((old) => {
    const now = later.get(key(old))
    return now ? [{ old, now }] : []
  })
}

function compareSide(
  side: string,
  group: string,
  turns: readonly CommonTurn[],
  [oldBaseline, newBaseline]: readonly [string, string],
): Change | undefined {
  const old = turns.map((turn) => turn.old)
  const now = turns.map((turn) => turn.now)
  const before = ratiosByQuestion(old, side, oldBaseline, decodeRatio)
  const after = ratiosByQuestion(now, side, newBaseline, decodeRatio)
  const pairs = [...before].flatMap(([key, value]) => {
    const later = after.get(key)
    return later === undefined ? [] : [{ value, later }]
  })
  if (pairs.length === 0) return undefined
  const ratio = geometricMean(pairs.map(({ value, later }) => later / value))
  return {
    side,
    group,
    questions: pairs.length,
    before: geometricMean(pairs.map(({ value }) => value)),
    after: geometricMean(pairs.map(({ later }) => later)),
    ratio,
    beyondNoise: ratio.low > 1 || ratio.high < 1,
    tau: { before: tauOf(old, side), after: tauOf(now, side) },
    otherOutputs: turns.filter((turn) => rowOf(turn.old, side)?.hash !== rowOf(turn.now, side)?.hash).length,
  }
}

function rowOf(turn: Turn, side: string): Turn['rows'][number] | undefined {
  return turn.rows.find((row) => row.side === side)
}

function tauOf(turns: readonly Turn[], side: string): number | null {
  let decoded = 0
  let calls = 0
  for (const turn of turns) {
    const row = rowOf(turn, side)
    if (row?.calls == null) return null
    decoded += row.decoded
    calls += row.calls
  }
  return calls === 0 ? null : decoded / calls
}

/** Everything that the figures depend on, flat, without what always differs. */
function conditions(before: BenchDocument, after: BenchDocument): string[] {
  const flat = ({ provenance, options }: BenchDocument): Map<string, string> => {
    const found = new Map<string, string>()
    const add = (name: string, value: unknown): void => {
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        for (const [key, item] of Object.entries(value)) add(name === '' ? key : `${name}.${key}`, item)
      } else found.set(name, JSON.stringify(value))
    }
    add('', { ...omit(provenance, 'command', 'date'), options })
    return found
  }
  const later = flat(after)
  return [...flat(before)]
    .filter(([name, value]) => later.get(name) !== value)
    .map(([name, value]) => `${name}: ${value} -> ${later.get(name) ?? 'nothing'}`)
}
