/** `study cost` on a page: speed-ups beside the best fixed setting and the oracle, the sweep, the crossover. */
import { forestChart, lineChart, markup, type ForestRow, type Markup } from '../../../plot/index.ts'
import { count, nothing, percent, ratio } from '../../report/format.ts'
import { figure, section } from '../../report/parts.ts'
import { OVERALL } from '../../simulate/budgets.ts'
import { showInterval } from '../../statistics.ts'
import type { Interval } from '../../types.ts'
import type { CostRow, CostStudyDocument, CrossoverSide } from '../cost-types.ts'
import { smallTable } from './counts.ts'

/** The whole page between header and provenance. */
export function costSections(document: CostStudyDocument): Markup[] {
  return [overallSection(document), crossoverSection(document), sweepSection(document), ...groupSections(document)]
}

// ---------------------------------------------------------------------------------------------------------------

const columns = ['Variant', 'Calls', 'Tokens verified', 'tau', 'Over plain', 'Over best fixed', 'Over EAGLE', 'Of the way to the oracle'] // prettier-ignore

/** The same look for a variant in every picture. */
function lookOf({ rows }: CostStudyDocument, variant: string): number {
  return [...new Set(rows.map((row) => row.variant))].indexOf(variant)
}

function overallSection(document: CostStudyDocument): Markup {
  const rows = document.rows.filter(({ group }) => group === OVERALL)
  const drawing = forestChart({
    id: 'forest-fixed',
    title: 'Speed-up over the best fixed setting',
    description: rows.map((row) => `${row.variant}: ${told(row, row.overFixed)}`).join('; '),
    x: { label: 'times as fast as the best fixed setting (logarithmic)', log: true },
    rule: 1,
    rows: rows.map((row): ForestRow => ({
      ...{
        name: row.variant,
        look: lookOf(document, row.variant),
        estimate: row.overFixed,
        note: told(row, row.overFixed),
      },
    })),
  })
  return section({
    id: 'overall',
    heading: 'Against plain decoding, the best fixed setting, EAGLE and the oracle',
    body: [
      smallTable(`All questions, prices: ${document.machine}`, columns, rows.map(cells)),
      markup`<p class="note">Times as fast per token, by prices: geometric means over questions with bootstrap 95 % intervals. <b>Best fixed</b>: ${document.sweep.best}. <b>Of the way</b>: in logarithms of these speed-ups, 0 % is the best fixed setting and 100 % the oracle.</p>`,
      figure('Over the best fixed setting', drawing, 'Geometric mean over questions, 95 % interval.'),
    ],
  })
}

function crossoverSection(document: CostStudyDocument): Markup {
  const { points, rowMs } = document.crossover
  const names = points[0]?.sides.map(({ variant }) => variant) ?? []
  const x = {
    label: 'price of each further row, of the first one: from flat to linear',
    ticks: points.map((_, index) => index),
    format: (index: number) => String(points[index]?.slope ?? ''),
  }
  const series = (pick: (side: CrossoverSide) => number, of: readonly string[]) =>
    of.map((name) => ({
      ...{ name, look: lookOf(document, name) },
      points: points.flatMap(({ slope, sides }, index) => {
        const side = sides.find(({ variant }) => variant === name)
        return side === undefined
          ? []
          : [{ x: index, y: pick(side), hover: `${name} at ${slope}: ${ratio(pick(side))}` }]
      }),
    }))
  const frame = { shape: 'curve', x } as const
  const fast = lineChart({
    ...{ ...frame, id: 'crossover', title: 'Speed-up from flat to steep prices' },
    description: points.map((point) => describe(point)).join('; '),
    y: { label: 'times as fast as plain decoding (logarithmic)', log: true },
    rule: { value: 1, label: 'plain decoding' },
    series: series(({ overPlain }) => overPlain.mean, names.filter((name) => name !== 'off')), // prettier-ignore
  })
  const wide = lineChart({
    ...{ ...frame, id: 'crossover-nodes', title: 'Nodes verified per call from flat to steep prices' },
    description: 'How many draft nodes each budget verifies per call, at the same prices.',
    y: { label: 'nodes per call', include: [0] },
    series: series(({ nodes }) => nodes, names.filter((name) => name !== 'off')), // prettier-ignore
  })
  const rows = points.map(({ slope, best, sides }) => [String(slope), ...sides.flatMap(({ overPlain, nodes }) => [ratio(overPlain.mean), ratio(nodes)]), best]) // prettier-ignore
  const head = ['Price of a row', ...names.flatMap((name) => [name, 'nodes']), 'Best fixed']
  return section({
    id: 'crossover-section',
    heading: 'From flat to steep prices',
    body: [
      figure('Speed-up', fast, markup`A pass over n rows takes ${rowMs.toFixed(1)} ms × (1 + price × (n − 1)). At each price the fixed setting is chosen anew, and the budgets that learn have learned at that price.`, smallTable('Speed-up over plain decoding and nodes per call', head, rows)), // prettier-ignore
      figure('Nodes per call', wide, 'Draft nodes verified per call of the target.'),
    ],
  })
}

function describe({ slope, sides }: CostStudyDocument['crossover']['points'][number]): string {
  return `at ${slope}: ${sides.map(({ variant, overPlain }) => `${variant} ${ratio(overPlain.mean)}`).join(', ')}`
}

function sweepSection({ sweep }: CostStudyDocument): Markup {
  const rows = sweep.settings.map(({ name, chosenBy, judged }) => [name, ratio(chosenBy), ratio(judged)])
  return section({
    id: 'sweep',
    heading: 'The sweep',
    body: [
      markup`<p>${count(sweep.settings.length)} fixed settings. Fastest on the questions to choose by: <b>${sweep.best}</b>; on the judged ones, in hindsight: <b>${sweep.hindsight}</b>.</p>`,
      markup`<details><summary>All settings</summary>${smallTable('Speed-up over plain decoding', ['Setting', 'Questions to choose by', 'Judged questions'], rows)}</details>`,
    ],
  })
}

function groupSections({ rows }: CostStudyDocument): Markup[] {
  const groups = [...new Set(rows.map(({ group }) => group))].filter((group) => group !== OVERALL)
  if (groups.length === 0) return []
  const tables = groups.map((group) => smallTable(group, columns, rows.filter((row) => row.group === group).map(cells))) // prettier-ignore
  return [section({ id: 'groups', heading: 'By group', body: tables })]
}

function cells(row: CostRow): string[] {
  const { variant, calls, verified, tau, overPlain, overFixed, overEagle, share } = row
  return [
    ...[variant, count(calls), count(verified), ratio(tau)],
    ...[overPlain, overFixed, overEagle].map((interval) => told(row, interval)),
    share === null ? nothing : percent(share),
  ]
}

/** One question has no interval. */
function told({ questions }: Pick<CostRow, 'questions'>, interval: Interval): string {
  return questions > 1 ? showInterval(interval) : ratio(interval.mean)
}
