/** What a calibration found, as tables. Pure text. */
import { calibrationSentence, tokensError } from '../bench/index.ts'
import type { Calibration, GroupCheck, Reliability } from '../policy/index.ts'
import { formatTable } from './format.ts'

/** Tokens per round by group, the reliability of chances, the bins, and the sentence that counts. */
export function describeCalibration(calibration: Calibration, file: string): string {
  const { check, provenance, memory, identity } = calibration
  const { calibrated, own } = check
  return [
    `Learned from ${provenance.answers} answers (${provenance.places} trees), checked by ${check.answers} others (${check.places} trees).`,
    `Tokens per round on the answers of the check, foretold and real:\n${groupTable(check.groups)}`,
    `Chances of drafted tokens, foretold and come true:\n${reliabilityTable(calibrated)}`,
    `Mean distance of a foretold chance from what came true: ${percent(calibrated.error)}, ${percent(own.error)} by the drafter's own estimates.`,
    binsSentence(memory.bins),
    `${file}: ${identity.model.name}, drafter ${identity.drafter.method}; ${calibrationSentence(calibration)}.`,
  ].join('\n\n')
}

// ---------------------------------------------------------------------------------------------------------------

function binsSentence(bins: Calibration['memory']['bins']): string {
  if (bins === null) return 'Entropy bins: none, this drafter hands its trees over in one go.'
  if (bins.edges.length === 0) return 'Entropy bins: none, too few rounds were judged.'
  const rounds = bins.basis === 'accepted' ? 'rounds that came true as a whole' : 'all rounds'
  return `Entropy bins: edges at ${bins.edges.map((edge) => edge.toFixed(2)).join(', ')} nats, by ${rounds}.`
}

function groupTable(groups: readonly GroupCheck[]): string {
  const priced = groups.some(({ rounds }) => rounds !== null)
  const rows = groups.map(({ group, answers, trees, rounds }) => [
    group,
    String(answers),
    trees.expected.toFixed(2),
    trees.real.toFixed(2),
    tokensError(trees),
    ...(rounds === null
      ? []
      : [rounds.expected.toFixed(2), rounds.real.toFixed(2), tokensError(rounds), rounds.speedup.toFixed(2)]),
  ])
  const heading = ['GROUP', 'ANSWERS', 'WHOLE TREES', 'REAL', 'ERROR']
  if (priced) heading.push('CHOSEN HERE', 'REAL', 'ERROR', 'SPEED-UP')
  return formatTable(
    [heading, ...rows],
    heading.slice(1).map((_, column) => column + 1),
  )
}

function reliabilityTable({ classes }: Reliability): string {
  const rows = classes
    .filter(({ nodes }) => nodes > 0)
    .map(({ from, to, nodes, foretold, accepted }) => [
      `${from} to ${to}`,
      String(nodes),
      percent(foretold),
      percent(accepted),
    ])
  return formatTable([['CHANCE', 'NODES', 'FORETOLD', 'CAME TRUE'], ...rows], [1, 2, 3])
}

function percent(share: number | null): string {
  return share === null ? '' : `${(100 * share).toFixed(1)} %`
}
