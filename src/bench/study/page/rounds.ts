/** Tables and charts of rounds: ranks, entropies, bins. */
import { barChart, lineChart, markup, type Markup } from '../../../plot/index.ts'
import { count, nothing, percent, ratio } from '../../report/format.ts'
import { figure, section } from '../../report/parts.ts'
import type { BinsDocument, RankDocument, RoundGroup } from '../types.ts'
import { smallTable } from './counts.ts'

/** Ranks, acceptance by rank, shares of time. */
export function rankSections(document: RankDocument): Markup[] {
  const { rounds, byRank, quantiles, topQuarter, shares, tree } = document
  const ranked = rounds.judged - rounds.without
  const quantileRows = quantiles.map(({ share, rank }) => [
    percent(share),
    String(rank),
    percent(rank / (tree.totalTokens - 1)),
  ])
  const byLength = lineChart({
    ...{ id: 'length-by-rank', title: 'Tokens per round by terminal rank', shape: 'curve', legend: false },
    description: 'Mean tokens of the rounds whose accepted path ended at these ranks.',
    x: { label: 'terminal confidence rank (middle of the group)' },
    y: { label: 'tokens per round', include: [0] },
    series: [{ name: 'tokens per round', look: 1, points: rankPoints(byRank) }],
  })
  return [
    section({
      id: 'ranks',
      heading: 'Terminal confidence rank',
      body: [
        markup`<p>${count(rounds.judged)} rounds of EAGLE’s whole tree; ${count(rounds.without)} accepted nothing and have no rank. Of the other ${count(ranked)}, <b>${percent(topQuarter)}</b> end in the first quarter of the ${tree.totalTokens - 1} nodes. ${count(rounds.fullyAccepted)} rounds came true as a whole (the meta-path to its end); ${count(rounds.leftOut)} were left out because the answer ended first.</p>`,
        figure('Histogram of ranks', histogram('rank-histogram', 'Rounds by terminal rank', 'rounds', byRank), 'Counts. Striped: the meta-path came true as a whole.', groupTable('Rounds by rank', byRank)), // prettier-ignore
        smallTable('Quantiles of the rank', ['Share of the rounds', 'Rank at most', 'Of the nodes'], quantileRows),
      ],
    }),
    section({
      id: 'acceptance',
      heading: 'Acceptance length against rank',
      body: figure('Tokens per round by rank', byLength, 'Counts.'),
    }),
    section({
      id: 'shares',
      heading: 'Where the time goes',
      body: figure(
        'Shares of a round',
        barChart({
          id: 'share-bars',
          title: 'Shares of a round by part',
          description: `Draft ${percent(shares.draft)}, target ${percent(shares.target)}, host ${percent(shares.host)}.`,
          x: { label: 'share of the time of EAGLE’s rounds, %', format: (value) => value.toFixed(0) },
          parts: ['draft', 'target', 'host'],
          bars: [{ name: 'EAGLE', values: [100 * shares.draft, 100 * shares.target, 100 * shares.host], note: '' }],
        }),
        'By the price list named under Provenance, not by a clock.',
      ),
    }),
  ]
}

/** Entropies, bins, losses. */
export function binSections(document: BinsDocument): Markup[] {
  const { byBin, histogram: steps, losses, rounds, bins } = document
  const bound = (value: number | null): string => (value === null ? nothing : value.toFixed(3))
  const binRows = byBin.map((bin) => [
    `${bin.name}${bin.low ? ' (low)' : ''}`,
    `${bound(bin.from)} to ${bound(bin.to)}`,
    ...groupCells(bin),
  ])
  const lossRows = losses.map(({ loss, basis, edges, explained, low }) => [
    loss,
    basis,
    edges.map((edge) => edge.toFixed(2)).join(', ') || 'none',
    explained.accepted === null ? nothing : ratio(explained.accepted),
    explained.all === null ? nothing : ratio(explained.all),
    percent(low),
  ])
  return [
    section({
      id: 'entropy',
      heading: 'Entropy of the meta-path',
      body: [
        markup`<p>${count(rounds.judged)} rounds of EAGLE’s whole tree on the judged questions, and one at each of ${count(rounds.calibration)} places of the others. Of all these, <b>${count(rounds.fullyAccepted)}</b> came true as a whole: only with such rounds the paper fits its bins.</p>`,
        figure('Entropies', histogram('entropy-histogram', 'Rounds by entropy', 'rounds', steps), 'Counts, entropy in nats. Striped: the meta-path came true as a whole.', groupTable('Rounds by entropy', steps)), // prettier-ignore
      ],
    }),
    section({
      id: 'bins',
      heading: 'Acceptance by bin',
      body: [
        markup`<p>Edges: ${bins.edges.map((edge) => edge.toFixed(3)).join(', ') || 'none'} nats (${bins.basis}).</p>`,
        figure(
          'Tokens per round by entropy',
          tokensByEntropy(document),
          'Counts; crosses stand at the edges between bins.',
        ),
        smallTable('Bins on the judged questions (counts)', ['Bin', 'Entropy', ...groupColumns], binRows),
      ],
    }),
    section({
      id: 'losses',
      heading: 'The two losses',
      body: smallTable(
        'Fitted on the calibration questions, judged on the others',
        ['Loss', 'Fitted on', 'Edges', 'Explained, came true', 'Explained, all', 'Rounds in low bins'],
        lossRows,
      ),
    }),
  ]
}

// ---------------------------------------------------------------------------------------------------------------

const groupColumns = ['Rounds', 'Tokens per round', 'Came true', 'Mean rank']

function groupCells({ rounds, meanTokens, fullyAccepted, meanRank }: RoundGroup): string[] {
  return [
    count(rounds),
    meanTokens === null ? nothing : ratio(meanTokens),
    rounds === 0 ? nothing : `${count(fullyAccepted)} (${percent(fullyAccepted / rounds)})`,
    meanRank === null ? nothing : meanRank.toFixed(1),
  ]
}

function groupTable(caption: string, groups: readonly RoundGroup[]): Markup {
  return smallTable(caption, ['', ...groupColumns], groups.map((group) => [group.name, ...groupCells(group)])) // prettier-ignore
}

function histogram(id: string, title: string, label: string, groups: readonly RoundGroup[]): Markup {
  return barChart({
    ...{ id, title, x: { label, whole: true }, parts: ['came true as a whole', 'did not'] },
    description: groups.map(({ name, rounds }) => `${name}: ${rounds}`).join('; '),
    bars: groups.map(({ name, rounds, fullyAccepted }) => ({
      ...{ name, values: [fullyAccepted, rounds - fullyAccepted], note: count(rounds) },
    })),
  })
}

/** What entropy foretells, with the edges as crosses at the foot. */
function tokensByEntropy({ histogram: steps, bins }: BinsDocument): Markup {
  const points = steps.flatMap(({ from, to, meanTokens, name, rounds }) =>
    meanTokens === null
      ? []
      : [{ x: (from + to) / 2, y: meanTokens, hover: `${name}: ${ratio(meanTokens)} in ${rounds} rounds` }],
  )
  return lineChart({
    ...{ id: 'tokens-by-entropy', title: 'Tokens per round by entropy', shape: 'curve', legend: false },
    description: points.map(({ hover }) => hover).join('; '),
    x: { label: 'entropy of the meta-path, nats', include: [0] },
    y: { label: 'tokens per round', include: [0] },
    series: [{ name: 'tokens per round', look: 1, points }],
    alarms: bins.edges.map((edge) => ({ x: edge, y: 0, hover: `edge at ${edge.toFixed(3)}` })),
  })
}

/** Groups are named `3` or `5 to 8`; those without rounds have no point. */
function rankPoints(groups: readonly RoundGroup[]): { x: number; y: number; hover: string }[] {
  return groups.flatMap(({ name, meanTokens, rounds }) => {
    const [from = NaN, to = from] = name.split(' to ').map(Number)
    if (meanTokens === null || Number.isNaN(from)) return []
    return [{ x: (from + to) / 2, y: meanTokens, hover: `rank ${name}: ${ratio(meanTokens)} in ${rounds} rounds` }]
  })
}
