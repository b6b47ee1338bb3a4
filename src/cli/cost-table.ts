/** t(rows, context) as a table with a small staircase: `doctor` and `cost` show the same. Pure text. */
import type { CostRow } from '../engine/index.ts'
import { formatTable } from './format.ts'

/** A price, with its spread where it is known. */
export type ShownCost = CostRow & { readonly spread?: number }

/**
 * One line per row count, one column of milliseconds per context. Ratios tell whether speculation can pay: with
 * t(8) = 1.2 t(1), eight rows cost a fifth of a token more than one.
 */
export function costTable(costs: readonly ShownCost[]): string {
  const contexts = distinct(costs.map(({ context }) => context))
  const [shortest = 0] = contexts
  const at = (rows: number, context: number): ShownCost | undefined =>
    costs.find((cost) => cost.rows === rows && cost.context === context)
  const single = at(1, shortest)?.ms
  const spreads = costs.some(({ spread }) => spread !== undefined)
  const body = distinct(costs.map(({ rows }) => rows)).map((rows) => {
    const ms = at(rows, shortest)?.ms
    const ratio = ms !== undefined && single !== undefined ? ms / single : undefined
    const spread = Math.max(...costs.filter((cost) => cost.rows === rows).map((cost) => cost.spread ?? 0))
    return [
      String(rows),
      ...contexts.map((context) => digits(at(rows, context)?.ms)),
      digits(ratio),
      ...(spreads ? [`${(100 * spread).toFixed(0)} %`] : []),
      stairs(ratio ?? 0),
    ]
  })
  const heading = ['ROWS', ...contexts.map(String), 'RATIO', ...(spreads ? ['SPREAD'] : []), '']
  const note = `Milliseconds of a pass over n rows (n - 1 drafted tokens checked at once) by tokens in the cache; ratio to one row at ${shortest}:`
  return `${note}\n${formatTable(
    [heading, ...body],
    heading.slice(0, -1).map((_, column) => column),
  )}`
}

// ---------------------------------------------------------------------------------------------------------------

function distinct(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b)
}

function digits(value: number | undefined): string {
  if (value === undefined) return ''
  return value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)
}

/** Two marks for the price of one row. */
function stairs(ratio: number): string {
  return '#'.repeat(Math.min(40, Math.round(2 * ratio)))
}
