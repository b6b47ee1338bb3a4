/** The table for people: the same rows for a terminal and for Markdown. Text only. */
import { showInterval } from './statistics.ts'
import { OVERALL } from './summary.ts'
import type { BenchDocument, Interval, Summary } from './types.ts'

/** Heading first, then one row per side over all groups. */
export function tableRows(document: BenchDocument): string[][] {
  const heading = ['METHOD', 'DECODING', 'END TO END', 'FIRST TOKEN', 'TAU', 'ACCEPTED', 'CALLS', 'ROWS', 'SAME']
  return [heading, ...document.summary.filter(({ group }) => group === OVERALL).map(tableRow)]
}

/** One side per row, one group per column: decoding speed-ups. */
export function matrixRows({ summary, sides }: BenchDocument): string[][] {
  const groups = [...new Set(summary.map(({ group }) => group))]
  const cell = (side: string, group: string): string => {
    const found = summary.find((row) => row.side === side && row.group === group)
    return found ? speedUp(found, found.decodeSpeedup) : ''
  }
  return [['METHOD', ...groups], ...sides.map(({ name }) => [name, ...groups.map((group) => cell(name, group))])]
}

/** What else somebody has to know before believing the figures. */
export function remarks(document: BenchDocument): string[] {
  const { noise, options, provenance, summary, skipped, leftOut } = document
  const { reference, load } = noise
  const threads = provenance.threads === 1 ? '1 thread' : `${provenance.threads} threads`
  const failed = summary.filter(({ group, different }) => group === OVERALL && different > 0)
  return [
    `Speed-ups over "${options.baseline}", geometric means over questions with bootstrap 95 % intervals; ${provenance.model.file}, ${threads}, kernels ${provenance.kernels}, ${provenance.machine.cpu}.`,
    `Reference workload between turns: ${percent(reference.low)} to ${percent(reference.high)} of its median, ${noise.driftedTurns} of ${document.turns.length} turns more than ${percent(noise.limit)} away; load ${load.before.toFixed(1)} before, ${load.after.toFixed(1)} after.`,
    ...(noise.idle.length > 0
      ? [
          `While others were measured: ${noise.idle.map(({ program, share }) => `${program} took ${(100 * share).toFixed(1)} % of a processor`).join(', ')}.`,
        ]
      : []),
    ...(noise.noisy ? [`NOISY: ${NOISY} ${noiseAdvice(document)}`] : []),
    ...failed.map(
      ({ side, different }) =>
        `FAILED: ${side} answered differently from its plain decoding in ${different} turns; it has no speed-up.`,
    ),
    ...skipped.map(({ name, reason }) => `left out: ${name}: ${reason}`),
    ...(leftOut.length > 0
      ? [
          `left out: ${leftOut.length} turns, the first because: question ${leftOut[0]?.id ?? ''}: ${leftOut[0]?.reason ?? ''}`,
        ]
      : []),
  ]
}

/** What a noisy run was. */
export const NOISY = 'The machine was busy, or its speed changed, while this ran.'

/** How far the figures of a noisy run may be trusted: as far as plain decoding agrees with itself, if that was asked for. */
export function noiseAdvice({ summary, options }: Pick<BenchDocument, 'summary' | 'options'>): string {
  const again = summary.find(({ side, group }) => side === `${options.baseline}#2` && group === OVERALL)?.decodeSpeedup
  return again
    ? `Sides took turns within seconds, so ratios suffer less: "${options.baseline}" against itself came out at ${showInterval(again)}, and nothing here is surer than that.`
    : `Run again when it is quiet, or with "${options.baseline}" among the methods to see what the noise does to ratios.`
}

/** The table as Markdown, ready to paste. */
export function markdown(document: BenchDocument): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeCell).join(' | ')} |`
  const table = ([heading = [], ...rows]: readonly string[][]): string =>
    [line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n')
  const texts = remarks(document).map((text) => `- ${text}`)
  return [
    table(matrixRows(document)),
    table(tableRows(document)),
    texts.join('\n'),
    `\`${document.provenance.command}\``,
  ].join('\n\n')
}

// ---------------------------------------------------------------------------------------------------------------

function tableRow(row: Summary): string[] {
  return [
    row.side,
    speedUp(row, row.decodeSpeedup),
    speedUp(row, row.endToEndSpeedup),
    speedUp(row, row.firstTokenSpeedup),
    row.tau?.toFixed(2) ?? '',
    row.acceptanceRate === null ? '' : percent(row.acceptanceRate),
    row.calls === null ? '' : String(row.calls),
    row.verified === null ? '' : String(row.verified),
    `${row.turns - row.different} of ${row.turns}`,
  ]
}

function speedUp({ different }: Summary, interval: Interval | null): string {
  // One question has no spread.
  if (interval !== null) return interval.low < interval.high ? showInterval(interval) : interval.mean.toFixed(2)
  return different > 0 ? 'FAILED' : ''
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|')
}
