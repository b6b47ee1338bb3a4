/** Figures of an answer, from its rounds: speed, tokens per pass, acceptance by depth, where the time went. */
import type { Round } from '../types.ts'

/** Of rounds so far. */
export interface Figures {
  readonly rounds: number
  readonly tokens: number
  readonly ms: number
  /** Tokens per second of rounds. */
  readonly speed: number
  /** What plain decoding would give by the price of a plain pass; undefined where no round tells it. */
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
  return {
    rounds: rounds.length,
    tokens,
    ms,
    speed: ms > 0 ? (1000 * tokens) / ms : 0,
    plainSpeed: plainSpeedOf(rounds),
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
  for (const { emitted, targetMs, draftMs, hostMs } of rounds)
    sums.push({ tokens: (tokens += emitted.length), ms: (ms += targetMs + draftMs + hostMs) })
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

/** Fewer plain passes than this say less than a budget's own price list. */
const enoughPlain = 3

/** By the plain passes of this answer (the middle one), else by what budgets believe of one. */
function plainSpeedOf(rounds: readonly Round[]): number | undefined {
  const seen = rounds.filter(({ drafted }) => drafted === 0).map(({ targetMs }) => targetMs)
  const told = rounds.map(({ why }) => why?.['plainMs']).filter((ms) => typeof ms === 'number' && ms > 0)
  const known = (seen.length >= enoughPlain || told.length === 0 ? seen : told) as readonly number[]
  const middle = [...known].sort((a, b) => a - b)[Math.floor(known.length / 2)]
  return middle === undefined || middle <= 0 ? undefined : 1000 / middle
}
