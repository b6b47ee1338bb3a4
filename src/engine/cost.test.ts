import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PricedModel, Sequence } from '../model/index.ts'
import { ManualClock } from '../util/clock.ts'
import { measureCosts, readCosts, writeCosts } from './cost.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'heterospec-cost-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const identity = { model: 'abc', library: 'def', threads: 2, kvType: 'f16' }
const samples = [
  { rows: 1, context: 128, ms: 10 },
  { rows: 2, context: 128, ms: 15 },
]

/** A model whose passes take the time that a formula says, without taking it, and the list measured on a clock that only they move. */
async function measure(price: (rows: number, context: number) => number, { spend = 0, capacity = 4096 } = {}) {
  const clock = new ManualClock()
  let passes = 0
  const timePass = async (_: Sequence, rows: number, context: number): Promise<number> => {
    passes++
    clock.advance(spend * rows)
    return price(rows, context)
  }
  const model = { timePass } as unknown as PricedModel
  const costs = await measureCosts(model, { capacity } as Sequence, { clock: clock.now })
  return { ...costs, passes }
}

describe('the price list', () => {
  it('holds the least time of each row count at two contexts', async () => {
    let noise = 0
    const { samples: measured, steady } = await measure((rows, context) => rows * 10 + context / 1000 + (noise++ % 2))
    expect(measured.map((sample) => sample.rows).slice(0, 4)).toEqual([1, 2, 3, 4])
    expect(new Set(measured.map((sample) => sample.context))).toEqual(new Set([128, 2048]))
    expect(steady).toBe(true)
    for (const { rows, context, ms } of measured) expect(ms).toBeLessThanOrEqual(rows * 10 + context / 1000 + 1)
  })

  it('is not upset by a cache that wide passes and long texts empty for some passes', async () => {
    let cold = 6
    const { samples: measured, steady } = await measure((rows, context) => {
      const factor = cold > 0 ? 2 : 1
      cold = context > 1000 || rows > 16 ? 6 : cold - 1
      return (rows * 2 + context / 1000) * factor
    })
    expect(steady).toBe(true)
    for (const { rows, context, ms } of measured.filter((sample) => sample.context === 128 && sample.rows < 20))
      expect(ms).toBeCloseTo(rows * 2 + context / 1000)
  })

  it('says when the machine was too busy to be believed', async () => {
    let passes = 0
    const { steady } = await measure((rows) => rows * 10 * (passes++ > 20 ? 3 : 1))
    expect(steady).toBe(false)
  })

  it('skips what does not fit into a second on a slow machine, but never the first two', async () => {
    const { samples: measured, passes } = await measure((rows) => rows * 300, { spend: 300 })
    expect(measured).toEqual([
      { rows: 1, context: 128, ms: 300 },
      { rows: 2, context: 128, ms: 600 },
    ])
    expect(passes).toBe(4)
  })

  it('stays within the context of small models', async () => {
    const { samples: measured } = await measure(() => 1, { capacity: 64 })
    for (const { context } of measured) expect(context).toBeLessThan(64)
  })

  it('is remembered with its identity and with nothing else', () => {
    writeCosts(folder, identity, samples)
    expect(readCosts(folder, identity)).toEqual(samples)
    expect(readCosts(folder, { ...identity, threads: 1 })).toBeUndefined()
  })

  it('is measured again when the file is torn or nonsense', () => {
    writeCosts(folder, identity, samples)
    const [file = ''] = readdirSync(join(folder, 'costs'))
    for (const content of ['{"samples": [', '{"samples": [{"rows": 1}, {"rows": 2}]}', 'null']) {
      writeFileSync(join(folder, 'costs', file), content)
      expect(readCosts(folder, identity)).toBeUndefined()
    }
  })

  it('does without a cache folder that cannot be written', () => {
    writeFileSync(join(folder, 'occupied'), '')
    expect(() => writeCosts(join(folder, 'occupied'), identity, samples)).not.toThrow()
  })
})
