/** The result as rows of a table, and as Markdown. */
import { showInterval } from '../statistics.ts'
import type { Interval } from '../types.ts'
import type { LoadDocument, Spread } from './types.ts'

/** Header first. */
export function loadRows({ summary }: Pick<LoadDocument, 'summary'>): string[][] {
  const heading = [
    ...['LOAD', 'SIDE', 'GOODPUT', 'TOKENS/S', 'FIRST P95', 'MS PER TOKEN'],
    ...['FIRST p50/p95 ms', 'QUEUE p50/p95 ms', 'REQUESTS', 'ERRORS', 'OTHER TEXTS'],
  ]
  const rows = summary.map((row) => [
    ...[
      row.load,
      row.side,
      ratio(row.goodput),
      row.tokensPerSecond.toFixed(1),
      ratio(row.firstP95),
      ratio(row.tokenMs),
    ],
    ...[spread(row.firstMs), spread(row.queueMs), String(row.requests), String(row.errors), String(row.different)],
  ])
  return [heading, ...rows]
}

/** For documents. */
export function loadMarkdown(document: Pick<LoadDocument, 'summary'>): string {
  const [heading = [], ...rows] = loadRows(document)
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(heading), line(heading.map((_, column) => (column < 2 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

// ---------------------------------------------------------------------------------------------------------------

function ratio(interval: Interval): string {
  return Number.isNaN(interval.mean) ? '-' : showInterval(interval)
}

function spread({ p50, p95 }: Spread): string {
  return p50 === null || p95 === null ? '-' : `${p50.toFixed(0)} / ${p95.toFixed(0)}`
}
