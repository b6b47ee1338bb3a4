import { describe, expect, it } from 'vitest'
import { formatBytes, formatCount, formatDuration, formatTable } from './format.ts'

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [98_362_432, '98.4 MB'],
    [999_600, '1.00 MB'],
    [1_117_320_768, '1.12 GB'],
    [5e15, '5000 TB'],
  ])('writes %i as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })
})

describe('formatCount', () => {
  it('has no unit below a thousand', () => {
    expect(formatCount(7)).toBe('7')
    expect(formatCount(134_515_008)).toBe('135 M')
  })
})

describe('formatDuration', () => {
  it.each([
    [0, '0 ms'],
    [999.4, '999 ms'],
    [999.6, '1.0 s'],
    [59_949, '59.9 s'],
    [59_960, '1 min 00 s'],
    [125_000, '2 min 05 s'],
    [3_720_000, '1 h 02 min'],
  ])('writes %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text)
  })
})

describe('formatTable', () => {
  it('aligns columns and ends lines without spaces', () => {
    const rows = [
      ['NAME', 'SIZE', 'NOTE'],
      ['a', '1 B', ''],
      ['longer', '10 MB', 'x'],
    ]
    expect(formatTable(rows, [1])).toBe(['NAME     SIZE  NOTE', 'a         1 B', 'longer  10 MB  x'].join('\n'))
    expect(formatTable([])).toBe('')
  })
})
