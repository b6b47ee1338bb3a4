import { describe, expect, it } from 'vitest'
import { costTable } from './cost-table.ts'

const lines = (costs: Parameters<typeof costTable>[0]): string[] => costTable(costs).split('\n')

describe('the table of passes', () => {
  it('has a line per row count and a column per context, with the ratio to one row at the shortest', () => {
    const costs = [1, 8].flatMap((rows) =>
      [64, 1024].map((context) => ({ rows, context, ms: 9 + rows + context / 64, spread: rows / 100 })),
    )
    expect(lines(costs)).toEqual([
      expect.stringContaining('ratio to one row at 64') as string,
      'ROWS    64  1024  RATIO  SPREAD',
      '   1  11.0  26.0   1.00     1 %  ##',
      '   8  18.0  33.0   1.64     8 %  ###',
    ])
  })

  it('leaves out what was not measured', () => {
    const costs = [
      { rows: 1, context: 128, ms: 5 },
      { rows: 2, context: 128, ms: 7.5 },
      { rows: 1, context: 2048, ms: 6 },
    ]
    expect(lines(costs).slice(1)).toEqual([
      'ROWS   128  2048  RATIO',
      '   1  5.00  6.00   1.00  ##',
      '   2  7.50         1.50  ###',
    ])
  })
})
