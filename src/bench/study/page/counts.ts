/** Tables and charts of counts: the ablation and the sweep of alpha. */
import { forestChart, lineChart, markup, type ForestRow, type Markup } from '../../../plot/index.ts'
import { count, ratio } from '../../report/format.ts'
import { figure, plainRows, scroller, section, table } from '../../report/parts.ts'
import { OVERALL } from '../../simulate/budgets.ts'
import { showInterval } from '../../statistics.ts'
import type { Interval } from '../../types.ts'
import { overallRows } from '../counts.ts'
import type { AblationDocument, AlphaDocument, CountRow, StudyDocument } from '../types.ts'

/** The table, the ratios as a picture, the groups. */
export function ablationSections(document: AblationDocument): Markup[] {
  return [
    section({
      id: 'counts',
      heading: 'Calls, tokens and tau',
      body: [countTable('All questions', overallRows(document)), countNote],
    }),
    section({
      id: 'ratios',
      heading: 'Against EAGLE’s fixed tree',
      body: [
        ratioFigure(document, 'calls', 'Calls', ({ callsRatio }) => callsRatio),
        ratioFigure(document, 'tokens', 'Verified tokens', ({ verifiedRatio }) => verifiedRatio),
      ],
    }),
    section({
      id: 'prices',
      heading: 'Speed-up by the price list',
      body: ratioFigure(document, 'priced', 'Speed-up over plain decoding', ({ pricedSpeedup }) => pricedSpeedup),
    }),
    ...groupSections(document),
  ]
}

/** Curves over alpha and the table. */
export function alphaSections(document: AlphaDocument): Markup[] {
  const { variants, usual } = document
  const rows = overallRows(document)
  const points = (pick: (row: CountRow) => number): { x: number; y: number; hover: string }[] =>
    variants.flatMap(({ name, alpha }) => {
      const row = rows.find(({ variant }) => variant === name)
      return alpha === null || row === undefined ? [] : [{ x: alpha, y: pick(row), hover: `${name}: ${ratio(pick(row))}` }] // prettier-ignore
    })
  const x = { label: 'alpha: levels added in the bin of lowest entropy', whole: true }
  const eagle = rows[0]
  const taus = lineChart({
    ...{ id: 'alpha-tau', title: 'tau over alpha', shape: 'curve', legend: false, x },
    description: `Tokens per call for each alpha; EAGLE’s tree has ${eagle ? ratio(eagle.tau) : 'none'}.`,
    y: { label: 'tau' },
    ...(eagle ? { rule: { value: eagle.tau, label: 'EAGLE' } } : {}),
    series: [{ name: 'heterospec', look: 1, points: points(({ tau }) => tau) }],
  })
  const shares = lineChart({
    ...{ id: 'alpha-ratios', title: 'Calls and verified tokens over alpha', shape: 'curve', x },
    description: 'Calls, verified tokens and priced speed-up of heterospec, each over that of EAGLE’s tree.',
    y: { label: 'of EAGLE’s' },
    rule: { value: 1, label: 'EAGLE' },
    series: [
      { name: 'calls', look: 1, points: points(({ callsRatio }) => callsRatio.mean) },
      { name: 'verified tokens', look: 2, points: points(({ verifiedRatio }) => verifiedRatio.mean) },
      {
        name: 'speed-up by the price list',
        look: 3,
        points: points(({ pricedSpeedup }) => pricedSpeedup.mean / (eagle?.pricedSpeedup.mean ?? 1)),
      },
    ],
  })
  return [
    section({
      id: 'sweep',
      heading: 'The sweep',
      body: [
        figure('tau over alpha', taus, markup`Counts. The paper’s choice is half of the depth, rounded up: <b>${usual}</b>.`), // prettier-ignore
        figure('Ratios over alpha', shares, 'Calls and tokens are counts, the speed-up is by prices.'),
        countTable('All questions', rows),
        countNote,
      ],
    }),
    ...groupSections(document),
  ]
}

// ---------------------------------------------------------------------------------------------------------------

const columns = [
  'Variant',
  'Calls',
  'Tokens verified',
  'tau',
  'Calls of EAGLE’s',
  'Tokens of EAGLE’s',
  'Speed-up, priced',
]

const countNote = markup`<p class="note"><b>Calls</b>: passes of the target. <b>Tokens verified</b>: rows of these passes, roots included. <b>tau</b>: tokens per call, the target’s own included. These are counts. Ratios are geometric means over questions with bootstrap 95 % intervals. <b>Speed-up, priced</b>: over plain decoding, by the price list named under Provenance, not by a clock.</p>`

function countTable(caption: string, rows: readonly CountRow[]): Markup {
  const cells = rows.map((row) => [
    row.variant,
    count(row.calls),
    count(row.verified),
    ratio(row.tau),
    told(row, row.callsRatio, 3),
    told(row, row.verifiedRatio, 3),
    told(row, row.pricedSpeedup),
  ])
  return table(caption, columns, plainRows(cells))
}

/** One question has no interval. */
function told({ questions }: CountRow, interval: Interval, digits = 2): string {
  return questions > 1 ? showInterval(interval, digits) : interval.mean.toFixed(digits)
}

function groupSections(document: StudyDocument & { readonly rows: readonly CountRow[] }): Markup[] {
  const groups = [...new Set(document.rows.map(({ group }) => group))].filter((group) => group !== OVERALL)
  if (groups.length === 0) return []
  const tables = groups.map((group) => countTable(group, document.rows.filter((row) => row.group === group))) // prettier-ignore
  return [section({ id: 'groups', heading: 'By group', body: tables })]
}

function ratioFigure(document: AblationDocument, id: string, name: string, pick: (row: CountRow) => Interval): Markup {
  const rows = overallRows(document)
  const drawing = forestChart({
    id: `forest-${id}`,
    title: name,
    description: rows.map((row) => `${row.variant}: ${showInterval(pick(row), 3)}`).join('; '),
    x: { label: id === 'priced' ? 'times as fast as plain decoding (logarithmic)' : 'of EAGLE’s (logarithmic)', log: true }, // prettier-ignore
    rule: 1,
    rows: rows.map((row, look): ForestRow => ({ name: row.variant, look, estimate: pick(row), note: showInterval(pick(row)) })), // prettier-ignore
  })
  return figure(name, drawing, markup`${name}: geometric mean over questions, 95 % interval.`)
}

/** A table of anything, for other sections. */
export function smallTable(caption: string, head: readonly string[], rows: readonly (readonly string[])[]): Markup {
  return rows.length === 0 ? scroller(caption, 'nothing') : table(caption, head, plainRows(rows))
}
