/** The charts of speed, acceptance and time. Each says in its caption how it is read. */
import { barChart, forestChart, markup, sortedChart, type ForestRow, type Markup } from '../../plot/index.ts'
import { showInterval } from '../statistics.ts'
import { OVERALL } from '../summary.ts'
import { milliseconds, nothing, ratio } from './format.ts'
import { figure, plainRows, scroller, section, table } from './parts.ts'
import type { SideView, View } from './view.ts'

/** Speed-ups with intervals: all questions large, groups small, one scale for all. */
export function speedups(view: View): Markup {
  const others = view.sides.filter((side) => !side.isBaseline)
  if (others.length === 0) return markup``
  const groups = view.groups.length > 1 ? view.groups : []
  const limits = [OVERALL, ...groups].flatMap((group) =>
    others.flatMap(({ name }) => {
      const interval = view.summaryOf(name, group)?.decodeSpeedup
      return interval ? [interval.low, interval.high] : []
    }),
  )
  const chart = (group: string, width: number): Markup =>
    forestChart({
      id: `forest-${group.replace(/[^\w-]/g, '-')}`,
      title: `Decoding speed-up over ${view.baseline}, ${group === OVERALL ? 'all questions' : group}`,
      description: others.map((side) => `${side.name}: ${speedupText(view, side, group)}`).join('; '),
      width,
      x: { label: `times as fast as ${view.baseline} (logarithmic)`, log: true, include: limits },
      rule: 1,
      rows: others.map((side) => forestRow(view, side, group)),
    })
  const panels = groups.map(
    (group) =>
      markup`<figure class="panel"><figcaption><b>${group}</b></figcaption>${scroller(`Speed-up, ${group}, chart`, chart(group, 490), 'chart narrow')}</figure>`,
  )
  return section({
    id: 'speed-ups',
    heading: 'Speed-up of decoding',
    body: [
      figure(
        'Speed-up',
        chart(OVERALL, 1000),
        markup`All questions. A mark is the geometric mean, its line the 95 % interval; the broken line is ${view.baseline}. An interval that crosses it shows no difference beyond noise.`,
      ),
      panels.length > 0 && markup`<div class="panels">${panels}</div>`,
    ],
  })
}

/** Where the time of a round goes. */
export function timePerRound(view: View): Markup {
  const rows = view.sides.flatMap((side) => {
    const { draftMs = null, targetMs = null, hostMs = null } = side.overall ?? {}
    return draftMs === null || targetMs === null || hostMs === null
      ? []
      : [{ side, values: [draftMs, targetMs, hostMs] }]
  })
  const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0)
  const figures = table(
    'Times',
    ['Method', 'Draft', 'Target', 'Host', 'Tokens per ms', 'First token, median'],
    plainRows(view.sides.flatMap((side) => (side.overall ? [timeCells(side)] : []))),
  )
  if (rows.length === 0) return section({ id: 'time', heading: 'Time per round', body: figures })
  const drawing = barChart({
    id: 'parts',
    title: 'Time per round by part',
    description: rows
      .map(
        ({ side, values: [draft = 0, target = 0, host = 0] }) =>
          `${side.name}: draft ${milliseconds(draft)}, target ${milliseconds(target)}, host ${milliseconds(host)}`,
      ) // prettier-ignore
      .join('; '),
    x: { label: 'milliseconds per round', format: (value) => String(Math.round(value * 100) / 100) },
    parts: ['draft', 'target', 'host'],
    bars: rows.map(({ side, values }) => ({ name: side.name, values, note: milliseconds(total(values)) })),
  })
  const silent = view.sides.length > rows.length && ' Programs that do not tell are left out.'
  return section({
    id: 'time',
    heading: 'Time per round',
    body: figure(
      'Time per round',
      drawing,
      markup`Means over all rounds. Target: the pass over root and draft. Host: verification, commit, learning.${silent}`,
      figures,
    ),
  })
}

/** How often a method wins, and by how much. */
export function perPrompt(view: View): Markup {
  const questions = new Map(view.questions.map((question) => [question.key, question]))
  const series = view.sides
    .filter((side) => !side.isBaseline && side.ratios.size > 0)
    .map(({ name, look, ratios }) => ({
      name,
      look,
      values: [...ratios].map(([key, value]) => {
        const question = questions.get(key)
        return {
          value,
          hover: `${name}, question ${question?.id ?? ''} (${question?.category ?? ''}): ${ratio(value)}`,
        }
      }),
    }))
  if (series.length === 0 || view.questions.length < 2) return markup``
  const wins = series.map(({ name, values }) => {
    const won = values.filter(({ value }) => value > 1).length
    return `${name} is faster on ${won} of ${values.length}`
  })
  const drawing = sortedChart({
    id: 'per-prompt',
    title: `Decoding speed-up over ${view.baseline} by question, sorted`,
    description: `${wins.join('; ')}.`,
    what: 'questions',
    y: { label: `times as fast as ${view.baseline} (logarithmic)`, log: true },
    rule: { value: 1, label: view.baseline },
    series,
  })
  return section({
    id: 'per-prompt-section',
    heading: 'Speed-up question by question',
    body: figure(
      'Speed-up question by question',
      drawing,
      markup`Each line is sorted by itself, best question first: where it crosses the broken line is how often the method wins. Failed methods have no line.`,
    ),
  })
}

// ------------------------------------------------------------------------------------------------------------------

function forestRow(view: View, side: SideView, group: string): ForestRow {
  const interval = view.summaryOf(side.name, group)?.decodeSpeedup ?? undefined
  return { name: side.name, look: side.look, estimate: interval, note: speedupText(view, side, group) }
}

function speedupText(view: View, side: SideView, group: string): string {
  const row = view.summaryOf(side.name, group)
  if (row?.decodeSpeedup) return showInterval(row.decodeSpeedup)
  return row && row.different > 0 ? '✗ failed: output differs' : 'not measured'
}

function timeCells({ name, overall }: SideView): string[] {
  const cell = (value: number | null | undefined): string => (value == null ? nothing : milliseconds(value))
  return [
    name,
    cell(overall?.draftMs),
    cell(overall?.targetMs),
    cell(overall?.hostMs),
    overall ? overall.tokensPerMs.toPrecision(3) : nothing,
    cell(overall?.firstTokenMs),
  ]
}
