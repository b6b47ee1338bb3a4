/** What a simulation found, as tables. Pure text. */
import { showInterval, type SimulationDocument, type Validation } from '../bench/index.ts'
import { formatTable } from './format.ts'

/** Speed-ups by group, the sums, what real decoding says, and what to know before believing it. */
export function describeSimulation(document: SimulationDocument): string {
  const { machine, batch, validation, remarks } = document
  const together = batch === 1 ? 'one sequence' : `${batch} sequences that share each pass`
  const groups = groupTable(document)
  return [
    `Machine: ${machine}; ${together}.`,
    ...(groups === undefined ? [] : [`Speed-up over plain decoding by group:\n${groups}`]),
    `Over all:\n${overallTable(document)}`,
    ...(validation === null ? [] : [`Simulation against decoding here:\n${validationTable(validation)}`]),
    remarks.join('\n'),
  ].join('\n\n')
}

// ---------------------------------------------------------------------------------------------------------------

const OVERALL = 'overall'

function groupTable({ summary }: SimulationDocument): string | undefined {
  const groups = [...new Set(summary.map(({ group }) => group))].filter((group) => group !== OVERALL)
  if (groups.length === 0) return undefined
  const budgets = [...new Set(summary.map(({ budget }) => budget))]
  const rows = budgets.map((budget) => [
    budget,
    ...groups.map(
      (group) => summary.find((row) => row.budget === budget && row.group === group)?.speedup.mean.toFixed(2) ?? '',
    ),
  ])
  return formatTable(
    [['BUDGET', ...groups], ...rows],
    groups.map((_, index) => index + 1),
  )
}

function overallTable({ summary }: SimulationDocument): string {
  const rows = summary
    .filter(({ group }) => group === OVERALL)
    .map(({ budget, speedup, tau, calls, verified, tokensPerMs }) => [
      budget,
      showInterval(speedup),
      tau.toFixed(2),
      String(calls),
      String(verified),
      tokensPerMs.toPrecision(3),
    ])
  return formatTable([['BUDGET', 'SPEED-UP', 'TAU', 'CALLS', 'ROWS', 'TOKENS/MS'], ...rows], [2, 3, 4, 5])
}

function validationTable(validation: readonly Validation[]): string {
  const rows = validation.map(({ budget, tau, speedup }) => [
    budget,
    tau.predicted.toFixed(2),
    tau.measured.toFixed(2),
    signed(tau.error),
    speedup.predicted.toFixed(2),
    speedup.priced.mean.toFixed(2),
    signed(speedup.pricedError),
    showInterval(speedup.measured),
    signed(speedup.error),
  ])
  const heading = ['BUDGET', 'TAU', 'REAL', 'ERROR', 'SPEED-UP', 'REAL ROUNDS', 'ERROR', 'BY THE CLOCK', 'ERROR']
  return formatTable([heading, ...rows], [1, 2, 3, 4, 5, 6, 8])
}

function signed(share: number): string {
  return `${share < 0 ? '' : '+'}${(100 * share).toFixed(1)} %`
}
