/** Figures of an answer, from its rounds: speed, tokens per pass, acceptance by depth, where the time went. */
import type { Round } from '../types.ts'

/** Of rounds so far. */
export interface Figures {
  readonly rounds: number
  readonly tokens: number
  readonly ms: number
  /** Tokens per second of rounds. */
  readonly speed: number
  /** What plain decoding would give, by plain rounds or what budgets believe of them; undefined where no round tells it. */
  readonly plainSpeed: number | undefined
  /** Tokens per pass of the target. */
  readonly tau: number
  readonly drafted: number
  readonly accepted: number
  /** By depth from 1: of rounds that drafted so deep, the share that accepted a node there. */
  readonly acceptance: readonly { readonly share: number; readonly offered: number }[]
  readonly time: { readonly target: number; readonly draft: number; readonly rest: number }
}

/** Sums over rounds. */
export function figuresOf(rounds: readonly Round[]): Figures {
  const sum = (pick: (round: Round) => number): number => rounds.reduce((total, round) => total + pick(round), 0)
  const tokens = sum(({ emitted }) => emitted.length)
  const time = { target: sum((r) => r.targetMs), draft: sum((r) => r.draftMs), rest: sum((r) => r.hostMs) }
  const ms = time.target + time.draft + time.rest
  const speed = ms > 0 ? (1000 * tokens) / ms : 0
  return {
    rounds: rounds.length,
    tokens,
    ms,
    speed,
    plainSpeed: plainSpeedOf(rounds, speed, tokens > 0 ? time.rest / tokens : 0),
    tau: rounds.length > 0 ? tokens / rounds.length : 0,
    drafted: sum(({ drafted }) => drafted),
    accepted: sum(({ accepted }) => accepted),
    acceptance: acceptanceOf(rounds),
    time,
  }
}

/** Tokens per second around each round: over it and the `window - 1` before. */
export function speedsOf(rounds: readonly Round[], window = 8): number[] {
  /** By round: tokens and milliseconds up to its end. */
  const sums: { readonly tokens: number; readonly ms: number }[] = []
  let [tokens, ms] = [0, 0]
  for (const round of rounds) sums.push({ tokens: (tokens += round.emitted.length), ms: (ms += msOf(round)) })
  return sums.map((sum, index) => {
    const before = sums[index - window] ?? { tokens: 0, ms: 0 }
    return sum.ms > before.ms ? (1000 * (sum.tokens - before.tokens)) / (sum.ms - before.ms) : 0
  })
}

/** As many numbers as fit into a picture: means of neighbours where there are more than `most`. */
export function thin(values: readonly number[], most: number): number[] {
  const step = Math.ceil(values.length / most)
  if (step <= 1) return [...values]
  return Array.from({ length: Math.ceil(values.length / step) }, (_, index) => {
    const part = values.slice(index * step, (index + 1) * step)
    return part.reduce((sum, value) => sum + value, 0) / part.length
  })
}

/** The depth of each node of a tree, the root's being 0. */
export function depthsOf(parents: readonly number[]): number[] {
  const depths: number[] = []
  for (const parent of parents) depths.push(parent < 0 ? 0 : (depths[parent] ?? 0) + 1)
  return depths
}

// ---------------------------------------------------------------------------------------------------------------

function acceptanceOf(rounds: readonly Round[]): Figures['acceptance'] {
  const offered: number[] = []
  const accepted: number[] = []
  for (const round of rounds) {
    const deepest = Math.max(...depthsOf(round.tree.parents))
    for (let depth = 0; depth < deepest; depth++) {
      offered[depth] = (offered[depth] ?? 0) + 1
      accepted[depth] = (accepted[depth] ?? 0) + (round.accepted > depth ? 1 : 0)
    }
  }
  return offered.map((count, depth) => ({ share: (accepted[depth] ?? 0) / count, offered: count }))
}

/** Fewer plain rounds than this say less than a budget's own price list. */
const enoughPlain = 3

/** A plain round that took so many times as long as the middle one was disturbed, and counts as so long at most. */
const mostMiddles = 3

/** As the speed is measured: by all of a round's time, and by the mean. */
function plainSpeedOf(rounds: readonly Round[], speed: number, restMsOfToken: number): number | undefined {
  const plain = rounds.filter(({ drafted }) => drafted === 0).map(msOf)
  if (plain.length > 0 && plain.length === rounds.length) return speed
  const told = rounds.map(({ why }) => why?.['plainMs']).filter((ms) => typeof ms === 'number' && ms > 0)
  const isMeasured = plain.length >= enoughPlain || told.length === 0
  // Budgets believe something of a pass only.
  const ms = isMeasured ? undisturbedMean(plain) : middleOf(told as number[]) + restMsOfToken
  return ms > 0 ? 1000 / ms : undefined
}

/** One disturbed round among few would make drafts look many times as fast as they are. */
function undisturbedMean(values: readonly number[]): number {
  const most = mostMiddles * middleOf(values)
  return values.reduce((sum, value) => sum + Math.min(value, most), 0) / Math.max(1, values.length)
}

function middleOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

function msOf({ targetMs, draftMs, hostMs }: Round): number {
  return targetMs + draftMs + hostMs
}
