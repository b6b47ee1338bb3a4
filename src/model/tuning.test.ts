import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { Backend } from '../tensor/index.ts'
import { applyTuning, tuneKernels } from './tuning.ts'

const folder = mkdtempSync(join(tmpdir(), 'heterospec-tuning-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A processor on which long prefetches help one row, and slabs pay late. */
class FakeProcessor {
  ahead = 0
  directRows = 0
  slabFrom = 0
  passes = 0
  readonly backend: Backend

  constructor(name: string) {
    const tune = (ahead: number, directRows: number, slabFrom: number): void => {
      Object.assign(this, { ahead, directRows, slabFrom })
    }
    this.backend = { kernels: { tune, set: 'fake', path: name }, threads: 1 } as unknown as Backend
  }

  timePass(rows: number): Promise<number> {
    const noise = 1 + 0.01 * Math.sin(this.passes++)
    const prefetch = this.ahead === 9216 ? 0.8 : 1
    const slab = rows >= this.slabFrom && rows < 24 ? 1.3 : 1
    return Promise.resolve(10 * (1 + rows / 8) * prefetch * slab * noise)
  }
}

describe('tuning', () => {
  it('finds what is clearly better, keeps the rest, and remembers it for this library and processor', async () => {
    const processor = new FakeProcessor('one')
    expect(applyTuning(processor.backend, folder)).toBe(false)
    const found = await tuneKernels(processor.backend, folder, (rows) => processor.timePass(rows))
    expect(found).toEqual({ ahead: 9216, directRows: 9, slabFrom: 24 })
    expect(processor).toMatchObject({ ahead: 9216, directRows: 9, slabFrom: 24 })
    const later = new FakeProcessor('one')
    expect(applyTuning(later.backend, folder)).toBe(true)
    expect(later).toMatchObject({ ahead: 9216, directRows: 9, slabFrom: 24 })
    expect(applyTuning(new FakeProcessor('other').backend, folder)).toBe(false)
  })

  it('has nothing to do without kernels', async () => {
    const backend = { kernels: undefined, threads: 1 } as unknown as Backend
    expect(await tuneKernels(backend, folder, () => Promise.reject(new Error('no pass was wanted')))).toBeUndefined()
    expect(applyTuning(backend, folder)).toBe(false)
  })
})
