import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readCostDocument } from './document.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'heterospec-cost-document-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const document = {
  kind: 'heterospec-cost',
  target: [
    { rows: 1, context: 64, ms: 5, spread: 0.01 },
    { rows: 8, context: 64, ms: 9, spread: 0.02 },
  ],
  draft: [{ drafter: 'lookup', depth: 16, width: 4, nodes: 16, ms: 0.1, levelMs: null, spread: 0.1 }],
  host: { plainMs: 0.1, treeMs: 0.5, treeNodes: 16, betweenMs: 0.05 },
  machine: { cpu: 'some processor', processors: 2 },
}

const read = (text: string) => {
  const file = join(folder, 'cost.json')
  writeFileSync(file, text)
  return readCostDocument(file)
}

describe('a price list of another machine', () => {
  it('is the last line of what was printed', () => {
    const list = read(`some table\n${JSON.stringify(document)}\n`)
    expect(list.cpu).toBe('some processor')
    expect(list.target).toEqual([
      { rows: 1, context: 64, ms: 5 },
      { rows: 8, context: 64, ms: 9 },
    ])
  })

  it.each([
    ['no JSON', 'ROWS 64'],
    ['another document', JSON.stringify({ ...document, kind: 'heterospec-bench' })],
    ['no price', JSON.stringify({ ...document, target: [{ rows: 1, context: 64, ms: 0 }, document.target[1]] })],
    ['half a list', JSON.stringify(document).slice(0, -40)],
    ['no host', JSON.stringify({ ...document, host: undefined })],
  ])('is refused with its name when it holds %s', (_, text) => {
    expect(() => read(text)).toThrow(
      /expected the output of "heterospec cost --json" in .*cost\.json, got .*measure again/,
    )
  })

  it('is refused when it is not there', () => {
    expect(() => readCostDocument(join(folder, 'nowhere.json'))).toThrow(
      /expected a price list at .*nowhere\.json, got none/,
    )
  })
})
