/** From turns to a table: each side over each group, paired with the baseline turn by turn. */
import { defined } from '../util/assert.ts'
import { mean, median } from '../util/math.ts'
import { createEstimator } from './statistics.ts'
import { groupsOf } from './suite.ts'
import type { Interval, Noise, Row, SideInfo, Summary, Turn } from './types.ts'

/** The row that counts all groups. */
export const OVERALL = 'overall'

/** A reference time this far from the run's median marks a turn. */
const DRIFT_LIMIT = 0.15
/** A run in which more than this share of the turns is marked is not to be trusted. */
const NOISY_SHARE = 0.2
/** A program that takes more than this of a processor while others are measured spoils their figures. */
const IDLE_LIMIT = 0.02

/** Every side over every group, sides first. */
export function summarise(turns: readonly Turn[], sides: readonly SideInfo[], baseline: string): Summary[] {
  const groups = [...groupsOf(turns), OVERALL]
  const estimate = createEstimator()
  return sides.flatMap((side) => {
    const failed = turns.some((turn) => rowOf(turn, side.name).difference !== null)
    return groups.map((group) => {
      const own = turns.filter((turn) => group === OVERALL || turn.group === group)
      return summariseOne(side, group, own, { baseline, estimate, failed })
    })
  })
}

/** How quiet the machine was, and the turns with their marks. */
export function judgeNoise(
  turns: readonly Turn[],
  load: Noise['load'],
  idle: Noise['idle'] = [],
): { readonly noise: Noise; readonly turns: readonly Turn[] } {
  const medianMs = median(turns.map((turn) => turn.referenceMs))
  const ratios = turns.map((turn) => turn.referenceMs / medianMs)
  const marked = turns.map((turn) => ({ ...turn, drifted: Math.abs(turn.referenceMs / medianMs - 1) > DRIFT_LIMIT }))
  const driftedTurns = marked.filter(({ drifted }) => drifted).length
  const reference = { low: Math.min(...ratios), median: 1, high: Math.max(...ratios), medianMs } as const
  return {
    turns: marked,
    noise: {
      ...{ reference, load, idle, driftedTurns, limit: DRIFT_LIMIT },
      noisy: driftedTurns > NOISY_SHARE * turns.length || idle.some(({ share }) => share > IDLE_LIMIT),
    },
  }
}

/** One side's row of a turn beside the baseline's. */
export interface Pair {
  readonly row: Row
  readonly base: Row
}

/** Ratios by question: the turns of one conversation are one observation. NaN-free. */
export function ratiosByQuestion(
  turns: readonly Turn[],
  side: string,
  baseline: string,
  ratio: (pair: Pair) => number,
): Map<string, number> {
  const logs = new Map<string, number[]>()
  for (const turn of turns) {
    const value = ratio({ row: rowOf(turn, side), base: rowOf(turn, baseline) })
    if (!(value > 0) || !Number.isFinite(value)) continue // an answer of one token was not decoded
    const key = JSON.stringify([turn.category, turn.id])
    logs.set(key, [...(logs.get(key) ?? []), Math.log(value)])
  }
  return new Map([...logs].map(([key, values]) => [key, Math.exp(mean(values))]))
}

/** Decoding time per token, baseline over side. */
export function decodeRatio({ row, base }: Pair): number {
  return perToken(base) / perToken(row)
}

/** The same with prompt processing, for as many tokens as the baseline wrote. */
export function endToEndRatio({ row, base }: Pair): number {
  return (base.firstTokenMs + base.decodeMs) / (row.firstTokenMs + perToken(row) * base.decoded)
}

// ---------------------------------------------------------------------------------------------------------------

/** What all groups of a side share. */
interface Terms {
  readonly baseline: string
  readonly estimate: ReturnType<typeof createEstimator>
  /** Some output differed: then no group has a speed-up. */
  readonly failed: boolean
}

function summariseOne(
  side: SideInfo,
  group: string,
  turns: readonly Turn[],
  { baseline, estimate, failed }: Terms,
): Summary {
  const rows = turns.map((turn) => rowOf(turn, side.name))
  const different = rows.filter(({ difference }) => difference !== null).length
  const interval = (ratio: (pair: Pair) => number): Interval | null => {
    const ratios = [...ratiosByQuestion(turns, side.name, baseline, ratio).values()]
    return failed || ratios.length === 0 ? null : estimate(ratios)
  }
  const calls = total(rows, (row) => row.calls)
  const drafted = total(rows, (row) => row.drafted)
  const accepted = total(rows, (row) => row.accepted)
  const perCall = (value: number | null): number | null => (value === null || !calls ? null : value / calls)
  const decoded = rows.reduce((sum, row) => sum + row.decoded, 0)
  return {
    side: side.name,
    group,
    turns: turns.length,
    decodeSpeedup: interval(decodeRatio),
    endToEndSpeedup: interval(endToEndRatio),
    firstTokenSpeedup: interval(({ row, base }) => base.firstTokenMs / row.firstTokenMs),
    different,
    tau: perCall(decoded),
    acceptanceRate: drafted === null || accepted === null || drafted === 0 ? null : accepted / drafted,
    acceptanceByDepth: acceptanceByDepth(rows),
    calls,
    verified: total(rows, (row) => row.verified),
    draftMs: perCall(total(rows, (row) => row.draftMs)),
    targetMs: perCall(total(rows, (row) => row.targetMs)),
    hostMs: perCall(total(rows, (row) => row.hostMs)),
    ...graphsOf(rows),
    tokensPerMs: decoded / rows.reduce((sum, row) => sum + row.decodeMs, 0),
    firstTokenMs: median(rows.map((row) => row.firstTokenMs)),
  }
}

function rowOf(turn: Turn, side: string): Row {
  return defined(turn.rows.find((row) => row.side === side))
}

function perToken({ decodeMs, decoded }: Row): number {
  return decodeMs / decoded
}

/** Null as soon as one program did not tell. */
function total(rows: readonly Row[], figure: (row: Row) => number | null): number | null {
  return rows.reduce<number | null>((sum, row) => {
    const value = figure(row)
    return sum === null || value === null ? null : sum + value
  }, 0)
}

/** Nothing as soon as one answer does not tell. */
function graphsOf(rows: readonly Row[]): Pick<Summary, 'graphs'> {
  const sum = { reused: 0, built: 0, buildMs: 0 }
  for (const { graphs } of rows) {
    if (graphs === undefined) return {}
    sum.reused += graphs.reused
    sum.built += graphs.built
    sum.buildMs += graphs.buildMs
  }
  return { graphs: sum }
}

function acceptanceByDepth(rows: readonly Row[]): number[] {
  const deepest = Math.max(0, ...rows.map((row) => row.offeredByDepth.length))
  const at = (values: readonly number[], depth: number): number => values[depth] ?? 0
  return Array.from({ length: deepest }, (_, depth) => {
    const offered = rows.reduce((sum, row) => sum + at(row.offeredByDepth, depth), 0)
    return rows.reduce((sum, row) => sum + at(row.acceptedByDepth, depth), 0) / offered
  })
}
