/** The tables: every method over all questions, then group by group, and where outputs left plain decoding. */
import { markup, type Markup } from '../../plot/index.ts'
import { OVERALL } from '../summary.ts'
import type { Interval, Summary } from '../types.ts'
import { count, nothing, percent, plural, ratio } from './format.ts'
import { intervalCell, plainRows, section, sideName, table } from './parts.ts'
import { fewestQuestions, nameOfTurn, type SideView, type View } from './view.ts'

/** All methods, all groups. */
export function results(view: View): Markup {
  const { sides, groups, baseline } = view
  const note = markup`<p class="note">Speed-ups are over <b>${baseline}</b>, paired question by question: geometric means with bootstrap 95 % intervals. <span class="faster">▲</span> faster beyond noise, <span class="slower">▼</span> slower beyond noise, <span class="same">≈</span> the interval holds 1, <span class="few">·</span> fewer than ${fewestQuestions} questions, too few to say. <b>Decoding</b>: time per token after the first. <b>End to end</b>: with the prompt. <b>tau</b>: tokens per pass of the target, its own token included. <b>Accepted</b>: share of the drafted tokens. <b>Calls</b>: passes of the target; <b>rows</b>: tokens it verified in them. <b>As plain</b>: outputs that equal those of plain decoding of the same program.</p>`
  const all = table(
    'All questions',
    columns,
    markup`<tbody>${sides.map((side) => resultRow(view, side, OVERALL))}</tbody>`,
  )
  const byGroup = table(
    'Every method over every group',
    columns,
    groups.map((group) => groupBody(view, group)),
  )
  return section({
    id: 'results',
    heading: 'Results',
    body: [all, note, groups.length > 1 && [markup`<h3>By group</h3>`, byGroup], differences(view)],
  })
}

// ------------------------------------------------------------------------------------------------------------------

const columns = ['Method', 'Decoding', 'End to end', 'First token', 'tau', 'Accepted', 'Calls', 'Rows', 'As plain']

function groupBody(view: View, group: string): Markup {
  const turns = view.document.turns.filter((turn) => turn.group === group).length
  return markup`<tbody><tr class="group"><th scope="rowgroup" colspan="${columns.length}">${group} <span class="muted">${plural(turns, 'turn')}</span></th></tr>
${view.sides.map((side) => resultRow(view, side, group))}</tbody>`
}

function resultRow(view: View, side: SideView, group: string): Markup {
  const row = view.summaryOf(side.name, group)
  if (!row) return markup``
  const figures = [
    row.tau === null ? nothing : ratio(row.tau),
    row.acceptanceRate === null ? nothing : percent(row.acceptanceRate),
    row.calls === null ? nothing : count(row.calls),
    row.verified === null ? nothing : count(row.verified),
  ]
  return markup`<tr><th scope="row">${sideName(side)}</th>${speeds(view, side, row)}${figures.map((cell) => markup`<td>${cell}</td>`)}${equality(side, row)}</tr>
`
}

function speeds(view: View, side: SideView, row: Summary): Markup {
  if (side.isBaseline) return markup`<td><b>1</b></td><td><b>1</b></td><td><b>1</b></td>`
  if (row.decodeSpeedup === null && row.different > 0) {
    return markup`<td class="failed" colspan="3">${failure(view, row)}</td>`
  }
  const cell = (interval: Interval | null): Markup =>
    interval ? intervalCell(interval, view.judge(interval, row.group)) : markup`<td>${nothing}</td>`
  return markup`${[row.decodeSpeedup, row.endToEndSpeedup, row.firstTokenSpeedup].map(cell)}`
}

function failure(view: View, { side, group }: Summary): Markup {
  const turn = view.document.turns.find(
    (candidate) =>
      (group === OVERALL || candidate.group === group) &&
      candidate.rows.some((row) => row.side === side && row.difference !== null),
  )
  const difference = turn?.rows.find((row) => row.side === side)?.difference
  const where =
    turn && difference && ` first at token ${difference.position} of ${nameOfTurn(turn)}, ${gapText(difference.gap)}`
  return markup`<b>✗ failed:</b> output differs${where}`
}

function gapText(gap: number | null): string {
  return gap === null ? 'gap unknown' : `gap ${gap.toPrecision(2)}`
}

function equality(side: SideView, { different, turns }: Summary): Markup {
  if (side.info.plain === side.name) return markup`<td>is plain</td>`
  const text = `${turns - different} of ${turns}`
  return different > 0 ? markup`<td class="failed"><b>${text}</b></td>` : markup`<td>${text}</td>`
}

/** Every output that differs: a gap near 0 is a tie that rounding decided. */
function differences({ document }: View): Markup {
  const rows = document.turns.flatMap((turn) =>
    turn.rows.flatMap(({ side, difference }) =>
      difference
        ? [
            [
              side,
              nameOfTurn(turn),
              turn.category,
              String(difference.position),
              difference.gap?.toPrecision(2) ?? 'unknown',
            ],
          ]
        : [],
    ),
  )
  if (rows.length === 0) return markup``
  const shown = rows.slice(0, 100)
  const rest = rows.length > shown.length && ` The first ${shown.length} of ${rows.length}.`
  return markup`<h3>Outputs that differ</h3>
<p class="note">The gap is the lead, in logits, of plain decoding's choice over the second best where the texts part. Near 0 it is a tie that rounding decided.${rest}</p>
${table('Where outputs leave plain decoding', ['Method', 'Question', 'Category', 'First differing token', 'Gap'], plainRows(shown, 3), 3)}`
}
