/** The four studies: from a world to a document. Pure arithmetic. */
import { mean } from '../../util/math.ts'
import { binOf, defaultAlpha, fitBins, LOW_BINS, type SplitLoss } from '../../policy/index.ts'
import { timeOf } from '../simulate/budgets.ts'
import type { BenchDocument } from '../types.ts'
import { countVariants } from './counts.ts'
import type { AblationDocument, AlphaDocument, BinsDocument, RankDocument, RoundGroup, Variant } from './types.ts'
import { ablationVariants, alphaVariants } from './variants.ts'
import { factsOf, judgeEagle, type JudgedRound, type StudyWorld } from './world.ts'

/** EAGLE's tree, the paper's parts one after the other, and other budgets. */
export function studyAblation(
  world: StudyWorld,
  others: readonly Variant[],
  clock: BenchDocument | null,
): AblationDocument {
  const variants = ablationVariants(world.tree, world.bins.edges, others)
  const remarks = [
    'Kept graphs (+DGO) change times, never rounds: its counts are those of the row before.',
    ...(others.length > 0
      ? [
          `${others.map(({ name }) => name).join(', ')}: what it decides depends on prices, here those of ${world.machine.name}.`,
        ]
      : []),
  ]
  return { ...factsOf(world, remarks, clock), study: 'ablation', variants, rows: countVariants(world, variants) }
}

/** The sweep of alpha. */
export function studyAlpha(world: StudyWorld): AlphaDocument {
  const variants = alphaVariants(world.tree, world.bins.edges)
  const usual = defaultAlpha(world.tree.depth)
  return { ...factsOf(world, [], null), study: 'alpha', usual, variants, rows: countVariants(world, variants) }
}

/** The paper's figure 1: terminal confidence ranks, acceptance by rank, where the time goes. */
export function studyRank(world: StudyWorld, clock: BenchDocument | null): RankDocument {
  const eagle = world.judged.map((answer) => judgeEagle(world, answer))
  const rounds = eagle.flatMap((answer) => answer.rounds)
  const ranked = rounds.filter(({ rank }) => rank > 0)
  const nodes = world.tree.totalTokens - 1
  const times = eagle.map(({ sums }) => sums)
  const total = times.reduce((sum, answer) => sum + timeOf(answer), 0)
  const share = (pick: (answer: (typeof times)[number]) => number): number =>
    times.reduce((sum, answer) => sum + pick(answer), 0) / total
  const remarks = [
    'The rank of a round is the place, in order of cumulative confidence, of the last node that the text took; 1 is the best.',
    `Shares of time are by prices (${world.machine.name}), not by a clock.`,
  ]
  return {
    ...factsOf(world, remarks, clock),
    study: 'rank',
    rounds: {
      judged: rounds.length,
      without: rounds.length - ranked.length,
      fullyAccepted: rounds.filter(({ fullyAccepted }) => fullyAccepted).length,
      leftOut: eagle.reduce((sum, { leftOut }) => sum + leftOut, 0),
    },
    quantiles: quantilesOf(ranked.map(({ rank }) => rank)),
    topQuarter: ranked.length === 0 ? 0 : ranked.filter(({ rank }) => rank <= nodes / 4).length / ranked.length,
    byRank: [
      summarise(
        'none',
        rounds.filter(({ rank }) => rank === 0),
      ),
      ...rankGroups(ranked, nodes),
    ],
    shares: {
      draft: share(({ draftMs }) => draftMs),
      target: share(({ targetMs }) => targetMs),
      host: share(({ hostMs }) => hostMs),
    },
  }
}

/** Entropies of EAGLE's rounds, the edges that calibration gives, and acceptance by bin on other questions. */
export function studyBins(world: StudyWorld): BinsDocument {
  const { bins, learned } = world
  const rounds = world.judged.flatMap((answer) => judgeEagle(world, answer).rounds)
  const fullyAccepted = [...rounds, ...learned].filter((round) => round.fullyAccepted).length
  return {
    ...factsOf(world, [], null),
    study: 'bins',
    byBin: [0, ...bins.edges].map((from, bin) => ({
      ...summarise(`bin ${bin}`, rounds.filter(({ entropy }) => binOf(entropy, bins.edges) === bin)), // prettier-ignore
      ...{ from, to: bins.edges[bin] ?? null, low: isLow(bin, bins.edges) },
    })),
    histogram: histogramOf(rounds),
    losses: (['weighted', 'paper'] as const).map((loss) => judgeLoss(loss, learned, rounds)),
    rounds: { judged: rounds.length, calibration: learned.length, fullyAccepted },
  }
}

// ---------------------------------------------------------------------------------------------------------------

const SHARES = [0.1, 0.25, 0.5, 0.75, 0.9]
const RANK_GROUPS = 12
const ENTROPY_STEPS = 16

/** As the policy has it: where there are fewer than four bins, the highest is not low. */
function isLow(bin: number, edges: readonly number[]): boolean {
  return bin < edges.length && bin < LOW_BINS
}

function summarise(name: string, rounds: readonly JudgedRound[]): RoundGroup {
  const ranks = rounds.filter(({ rank }) => rank > 0).map(({ rank }) => rank)
  return {
    ...{ name, rounds: rounds.length },
    meanTokens: rounds.length === 0 ? null : mean(rounds.map(({ tokens }) => tokens)),
    fullyAccepted: rounds.filter(({ fullyAccepted }) => fullyAccepted).length,
    meanRank: ranks.length === 0 ? null : mean(ranks),
  }
}

function quantilesOf(ranks: readonly number[]): RankDocument['quantiles'] {
  const sorted = [...ranks].sort((a, b) => a - b)
  return SHARES.flatMap((share) => {
    const rank = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
    return rank === undefined ? [] : [{ share, rank }]
  })
}

function rankGroups(ranked: readonly JudgedRound[], nodes: number): RoundGroup[] {
  const step = Math.ceil(nodes / RANK_GROUPS)
  return Array.from({ length: Math.ceil(nodes / step) }, (_, group) => {
    const [from, to] = [group * step + 1, Math.min(nodes, (group + 1) * step)]
    return summarise(from === to ? `${from}` : `${from} to ${to}`, ranked.filter(({ rank }) => rank >= from && rank <= to)) // prettier-ignore
  })
}

function histogramOf(rounds: readonly JudgedRound[]): BinsDocument['histogram'] {
  const most = rounds.reduce((greatest, { entropy }) => Math.max(greatest, entropy), 0)
  if (most === 0) return []
  const step = most / ENTROPY_STEPS
  return Array.from({ length: ENTROPY_STEPS }, (_, index) => {
    const [from, to] = [index * step, (index + 1) * step]
    const own = rounds.filter(({ entropy }) => Math.min(ENTROPY_STEPS - 1, Math.floor(entropy / step)) === index)
    return { ...summarise(`${from.toFixed(1)} to ${to.toFixed(1)}`, own), from, to }
  })
}

function judgeLoss(
  loss: SplitLoss,
  learned: readonly JudgedRound[],
  rounds: readonly JudgedRound[],
): BinsDocument['losses'][number] {
  const { edges, basis } = fitBins(learned, { loss })
  const low = rounds.filter(({ entropy }) => isLow(binOf(entropy, edges), edges)).length
  return {
    ...{ loss, edges, basis, low: rounds.length === 0 ? 0 : low / rounds.length },
    explained: {
      accepted: explained(rounds.filter(({ fullyAccepted }) => fullyAccepted), edges), // prettier-ignore
      all: explained(rounds, edges),
    },
  }
}

/** One less the share of the variance of ranks that is left inside the bins. */
function explained(rounds: readonly JudgedRound[], edges: readonly number[]): number | null {
  const whole = deviation(rounds)
  if (rounds.length < 2 || whole === 0 || edges.length === 0) return null
  const within = [0, ...edges].map((_, bin) => deviation(rounds.filter(({ entropy }) => binOf(entropy, edges) === bin)))
  return 1 - within.reduce((sum, value) => sum + value, 0) / whole
}

/** Sum of squares around the mean. */
function deviation(rounds: readonly JudgedRound[]): number {
  const middle = mean(rounds.map(({ rank }) => rank))
  return rounds.reduce((sum, { rank }) => sum + (rank - middle) ** 2, 0)
}
