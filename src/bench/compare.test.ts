import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { uniformAt } from '../util/rng.ts'
import { compareDocuments, readDocument } from './compare.ts'
import { judgeNoise, summarise } from './summary.ts'
import type { BenchDocument, Row, Turn } from './types.ts'

/** A run of `count` questions in which the method is `factor` times as fast as plain decoding, give or take a tenth. */
function documentOf(seed: number, factor: number, change: Partial<Row> = {}, count = 40): BenchDocument {
  const row = (side: string, decodeMs: number): Row => ({
    ...{ side, tokens: 11, decoded: 10, ended: false, hash: 'h', difference: null, firstTokenMs: 5, decodeMs },
    ...{ calls: 5, verified: 20, drafted: 15, accepted: 5, offeredByDepth: [5, 4], acceptedByDepth: [4, 1] },
    ...{ draftMs: 1, targetMs: 50, hostMs: 2 },
  })
  const turns = Array.from({ length: count }, (_, id): Turn => {
    const noise = 0.9 + 0.2 * uniformAt(seed, id)
    return {
      ...{ id, category: 'a', group: id % 2 ? 'odd' : 'even', turn: 0, promptTokens: 7, load: 0, drifted: false },
      referenceMs: id === 3 ? 20 : 10,
      rows: [row('off', 100), { ...row('auto', (100 * noise) / factor), ...change }],
    }
  })
  const sides = ['off', 'auto'].map((name) => ({ name, kind: 'heterospec', plain: 'off', details: {} }) as const)
  const judged = judgeNoise(turns, { before: 0, after: 0 })
  return {
    ...{ kind: 'heterospec-bench', version: 1, noise: judged.noise, turns: judged.turns, sides },
    ...{ costs: [], skipped: [], leftOut: [], peakMemory: [], samples: [] },
    provenance: { model: { sha256: 'x' }, threads: 1 } as BenchDocument['provenance'],
    options: { baseline: 'off', seed } as BenchDocument['options'],
    summary: summarise(judged.turns, sides, 'off'),
  }
}
const change = (before: BenchDocument, after: BenchDocument, group = 'overall') => {
  const found = compareDocuments(before, after).changes.find((one) => one.group === group)
  if (!found) throw new Error(`no ${group}`)
  return found
}

describe('the summary', () => {
  it('has speed-ups, tau, acceptance and rows by group and overall', () => {
    const { summary, noise, turns } = documentOf(1, 2)
    const overall = summary.find(({ side, group }) => side === 'auto' && group === 'overall')
    expect(overall?.decodeSpeedup?.mean).toBeCloseTo(2, 1)
    expect(overall).toMatchObject({ turns: 40, tau: 2, acceptanceRate: 1 / 3, calls: 200, verified: 800, different: 0 })
    expect(overall?.acceptanceByDepth).toEqual([0.8, 0.25])
    expect(summary.map(({ side, group }) => `${side} ${group}`)).toHaveLength(6)
    expect(noise).toMatchObject({ driftedTurns: 1, noisy: false, reference: { low: 1, high: 2, medianMs: 10 } })
    expect(turns.filter(({ drifted }) => drifted).map(({ id }) => id)).toEqual([3])
  })

  it('gives no speed-up to a side whose output differs', () => {
    const { summary } = documentOf(1, 2, { difference: { position: 4, gap: 0.1 } })
    const overall = summary.find(({ side, group }) => side === 'auto' && group === 'overall')
    expect(overall).toMatchObject({ decodeSpeedup: null, endToEndSpeedup: null, different: 40 })
  })

  it('does not invent figures that a program did not tell, nor ratios of answers that were not decoded', () => {
    const unknown = {
      calls: null,
      drafted: null,
      accepted: null,
      draftMs: null,
      offeredByDepth: [],
      acceptedByDepth: [],
    }
    const overall = documentOf(1, 2, { ...unknown, decoded: 0, decodeMs: 0 }).summary.at(-1)
    expect(overall).toMatchObject({ tau: null, acceptanceRate: null, calls: null, draftMs: null, decodeSpeedup: null })
    expect(overall?.acceptanceByDepth).toEqual([])
  })
})

describe('a comparison', () => {
  it('of two runs of the same finds nothing beyond noise', () => {
    expect(change(documentOf(1, 1.5), documentOf(2, 1.5))).toMatchObject({ beyondNoise: false, otherOutputs: 0 })
  })

  it('finds what became a tenth slower, in every group', () => {
    const [before, after] = [documentOf(1, 1.5), documentOf(2, 1.35)]
    for (const group of ['odd', 'even', 'overall']) {
      const { ratio, beyondNoise } = change(before, after, group)
      expect(beyondNoise).toBe(true)
      expect(ratio.mean).toBeCloseTo(0.9, 1)
    }
  })

  it('pairs only questions that both asked, and tells of changed outputs, counts and conditions', () => {
    const after = documentOf(2, 1.5, { hash: 'other', calls: 10 }, 30)
    const comparison = compareDocuments(documentOf(1, 1.5), after)
    expect(comparison.changes.at(-1)).toMatchObject({ questions: 30, otherOutputs: 30, tau: { before: 2, after: 1 } })
    expect(comparison.conditions).toEqual(['options.seed: 1 -> 2'])
  })
})

describe('a result file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'heterospec-compare-'))
  let files = 0
  const fileWith = (text: string): string => {
    const file = join(folder, `${files++}.txt`)
    writeFileSync(file, text)
    return file
  }

  it('may have the whole standard output before the document', () => {
    const document = documentOf(1, 2)
    expect(readDocument(fileWith(`a table\n\n${JSON.stringify(document)}\n`))).toEqual(document)
  })

  it.each([
    ['another program wrote', '{"kind":"other"}'],
    ['is cut off', '{"kind":"heterospec-bench","ver'],
    ['is empty', ''],
  ])('that %s is refused with its name', (_what, text) => {
    const file = fileWith(text)
    expect(() => readDocument(file)).toThrow(file)
  })
})
