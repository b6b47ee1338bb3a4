/** The calibrations of the package: the default model finds them by itself for what it is usually drafted with. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { openEngine, type SpeculativeOptions } from '../../src/engine/index.ts'
import { findShippedHead, loadGguf } from '../../src/gguf/index.ts'
import { defined } from '../../src/util/assert.ts'

let cacheDir: string
beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'heterospec-shipped-'))
})
afterAll(() => rm(cacheDir, { recursive: true }))

it('the default model has calibrations for auto, its head, and both in one tree, which say nothing about a machine', async () => {
  const path = inject('modelPath')
  const head = defined(findShippedHead(loadGguf(path)), 'the head of the default model').path
  await using engine = await openEngine(path, { threads: 1, context: 512, cacheDir })
  const sources: ('lookup' | 'recycling' | 'eagle3')[] = ['lookup', 'recycling', 'eagle3']
  const drafted: SpeculativeOptions[] = [
    'auto',
    { drafter: { method: 'eagle3', path: head } },
    { drafter: { method: 'combined', sources, eagle3: { path: head } } },
  ]
  for (const speculative of drafted) {
    const { check, prices, memory } = defined(engine.lab.calibration(speculative), 'a calibration')
    expect(prices).toBeNull()
    expect(memory.draftMs).toBeNull()
    expect(check.calibrated.error).toBeLessThan(0.03)
  }
  expect(engine.lab.calibration({ drafter: { method: 'lookup' } })).toBeUndefined()
})
