/** What a study found, as tables. Pure text. */
import { describeCost as costText } from './study-cost-table.ts'
import { overallRows, showInterval, type CountRow, type StudyDocument } from '../bench/index.ts'
import { formatTable } from './format.ts'

/** The figures of a study, and what to know before believing them. */
export function describeStudy(document: StudyDocument): string {
  return [figuresOf(document), document.remarks.join('\n')].join('\n\n')
}

// ---------------------------------------------------------------------------------------------------------------

function figuresOf(document: StudyDocument): string {
  switch (document.study) {
    case 'ablation':
    case 'alpha':
      return [countTable(document.rows), clockTable(document)].filter((part) => part !== '').join('\n\n')
    case 'rank':
      return rankText(document)
    case 'bins':
      return binText(document)
    case 'cost':
      return costText(document)
  }
}

function countTable(rows: readonly CountRow[]): string {
  const groups = [...new Set(rows.map(({ group }) => group))]
  const lines = overallRows({ rows }).map((row) => [
    row.variant,
    String(row.calls),
    String(row.verified),
    row.tau.toFixed(2),
    showInterval(row.callsRatio, 3),
    showInterval(row.verifiedRatio, 3),
    showInterval(row.pricedSpeedup),
  ])
  const heading = ['VARIANT', 'CALLS', 'TOKENS', 'TAU', 'CALLS OF EAGLE', 'TOKENS OF EAGLE', 'PRICED SPEED-UP']
  const taus = [...new Set(rows.map(({ variant }) => variant))].map((variant) => [
    variant,
    ...groups.map((group) => rows.find((row) => row.variant === variant && row.group === group)?.tau.toFixed(2) ?? ''),
  ])
  const right = groups.map((_, index) => index + 1)
  const byGroup = groups.length > 1 ? `\n\nTau by group:\n${formatTable([['VARIANT', ...groups], ...taus], right)}` : ''
  return `Counts over all questions:\n${formatTable([heading, ...lines], [1, 2, 3])}${byGroup}`
}

function clockTable({ clock }: StudyDocument): string {
  if (clock === null) return ''
  const rows = clock.summary
    .filter(({ group }) => group === 'overall')
    .map(({ side, decodeSpeedup, graphs, calls }) => {
      const passes = graphs ? graphs.reused + graphs.built : 0
      return [
        side,
        decodeSpeedup ? showInterval(decodeSpeedup) : 'none',
        graphs && passes > 0 ? percent(graphs.reused / passes) : '',
        graphs && calls ? `${(graphs.buildMs / calls).toFixed(2)} ms` : '',
      ]
    })
  const noisy = clock.noise.noisy ? ' (the machine was noisy)' : ''
  const heading = ['VARIANT', 'SPEED-UP', 'GRAPHS REUSED', 'BUILDING PER ROUND']
  return `By the clock${noisy}:\n${formatTable([heading, ...rows], [2, 3])}`
}

function rankText(document: Extract<StudyDocument, { study: 'rank' }>): string {
  const { rounds, quantiles, topQuarter, byRank, shares } = document
  const groups = byRank.map(({ name, rounds: count, meanTokens, fullyAccepted }) => [
    name,
    String(count),
    meanTokens?.toFixed(2) ?? '',
    String(fullyAccepted),
  ])
  return [
    `Terminal confidence ranks of ${rounds.judged} rounds of EAGLE's tree (${rounds.without} accepted nothing):`,
    formatTable([['RANK', 'ROUNDS', 'TOKENS PER ROUND', 'CAME TRUE'], ...groups], [1, 2, 3]),
    `In the first quarter of the nodes: ${percent(topQuarter)}. Quantiles: ${quantiles.map(({ share, rank }) => `${percent(share)} at most ${rank}`).join(', ') || 'none'}.`,
    `Shares of the time by prices: draft ${percent(shares.draft)}, target ${percent(shares.target)}, host ${percent(shares.host)}.`,
    clockTable(document),
  ]
    .filter((part) => part !== '')
    .join('\n')
}

function binText({ byBin, losses, rounds, bins }: Extract<StudyDocument, { study: 'bins' }>): string {
  const rows = byBin.map(({ name, low, from, to, rounds: count, meanTokens, fullyAccepted, meanRank }) => [
    `${name}${low ? ' (low)' : ''}`,
    `${from.toFixed(3)} to ${to?.toFixed(3) ?? 'any'}`,
    String(count),
    meanTokens?.toFixed(2) ?? '',
    String(fullyAccepted),
    meanRank?.toFixed(1) ?? '',
  ])
  const fits = losses.map(({ loss, basis, edges, explained, low }) => [
    loss,
    basis,
    edges.map((edge) => edge.toFixed(2)).join(', ') || 'none',
    explained.accepted?.toFixed(2) ?? '',
    explained.all?.toFixed(2) ?? '',
    percent(low),
  ])
  return [
    `${rounds.fullyAccepted} of ${rounds.judged + rounds.calibration} rounds of EAGLE's tree came true as a whole. Bins (${bins.basis}) on the judged questions:`,
    formatTable([['BIN', 'ENTROPY', 'ROUNDS', 'TOKENS PER ROUND', 'CAME TRUE', 'MEAN RANK'], ...rows], [2, 3, 4, 5]),
    'Losses, fitted on the calibration questions; share of the variance of ranks that they explain on the others:',
    formatTable([['LOSS', 'FITTED ON', 'EDGES', 'CAME TRUE', 'ALL', 'IN LOW BINS'], ...fits], [3, 4, 5]),
  ].join('\n')
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`
}
