/** The same variants by the clock: a short table of the benchmark inside of the study. */
import { forestChart, markup, type ForestRow, type Markup } from '../../../plot/index.ts'
import { count, milliseconds, nothing, percent, ratio } from '../../report/format.ts'
import { figure, section } from '../../report/parts.ts'
import { showInterval } from '../../statistics.ts'
import { OVERALL } from '../../summary.ts'
import type { BenchDocument, Summary } from '../../types.ts'
import { smallTable } from './counts.ts'

/** Speed-ups that were measured, parts of a round, graphs. */
export function clockSection(document: BenchDocument): Markup {
  const rows = document.summary.filter(({ group }) => group === OVERALL)
  const drawing = forestChart({
    id: 'forest-clock',
    title: 'Decoding speed-up over plain decoding',
    description: rows.map((row) => `${row.side}: ${speedup(row)}`).join('; '),
    x: { label: 'times as fast as plain decoding (logarithmic)', log: true },
    rule: 1,
    rows: rows.map((row, look): ForestRow => ({
      ...{ name: row.side, look, estimate: row.decodeSpeedup ?? undefined, note: speedup(row) },
    })),
  })
  const groups = [...new Set(document.summary.map(({ group }) => group))].filter((group) => group !== OVERALL)
  const byGroup = rows.map(({ side }) => [
    side,
    ...groups.map((group) => {
      const own = document.summary.find((row) => row.side === side && row.group === group)
      return own ? speedup(own) : nothing
    }),
  ])
  return section({
    id: 'clock',
    heading: 'By the clock',
    body: [
      markup`<p>Decoded for real, in turns${document.noise.noisy && markup`; <b>the machine was noisy</b>`}. Only “+DGO” and what comes after it keep computation graphs; the rows before build one whenever the form of a pass changes. Near the limit of an answer trees are cut, so that counts of tokens are lower than in the replay.</p>`,
      figure('Speed-up', drawing, 'Times: geometric means over questions, 95 % intervals.'),
      smallTable('Rounds (times and counts)', columns, rows.map(cells)), // prettier-ignore
      groups.length > 1 && smallTable('Speed-up by group (times)', ['Variant', ...groups], byGroup),
    ],
  })
}

// ---------------------------------------------------------------------------------------------------------------

const columns = ['Variant', 'Speed-up', 'Calls', 'Tokens', 'tau', 'Draft', 'Target', 'Host', 'Graphs reused', 'Building graphs'] // prettier-ignore

function speedup({ decodeSpeedup, different }: Summary): string {
  return decodeSpeedup ? showInterval(decodeSpeedup) : different > 0 ? 'failed: another text' : nothing
}

function cells(row: Summary): string[] {
  const { side, calls, verified, tau, draftMs, targetMs, hostMs, graphs } = row
  const passes = graphs ? graphs.reused + graphs.built : 0
  const ms = (value: number | null): string => (value === null ? nothing : milliseconds(value))
  return [
    ...[side, speedup(row), calls === null ? nothing : count(calls), verified === null ? nothing : count(verified)],
    ...[tau === null ? nothing : ratio(tau), ms(draftMs), ms(targetMs), ms(hostMs)],
    graphs && passes > 0 ? percent(graphs.reused / passes) : nothing,
    graphs && calls ? `${milliseconds(graphs.buildMs / calls)} a round` : nothing,
  ]
}
