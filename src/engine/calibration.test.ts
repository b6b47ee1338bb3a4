import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fakeCalibration } from '../../test/fixtures/calibration.ts'
import { calibrationText, type Calibration } from '../policy/index.ts'
import { cpuName } from '../util/env.ts'
import { Calibrations, identifyDrafter } from './calibration.ts'
import { autoDrafter, type CompleteSpeculation } from './auto.ts'
import { resolveSpeculation } from './drafting.ts'
import type { SpeculativeOptions } from './options.ts'

const identity = { model: 'one', library: 'l', threads: 1, kvType: 'f16' }
const target = { name: 'a model', fingerprint: 'one' }
const folder = (): string => mkdtempSync(join(tmpdir(), 'heterospec-calibrations-'))
const headFile = (text: string): string => {
  const path = join(folder(), 'head.gguf')
  writeFileSync(path, text)
  return path
}
const open = (given?: string | Calibration | false, folders: string[] = []): Calibrations =>
  new Calibrations({ target, identity, given, folders })
const resolve = (options: SpeculativeOptions): CompleteSpeculation => {
  const { drafter = autoDrafter(undefined), budget } = resolveSpeculation(options)
  return { drafter, budget }
}
const drafterOf = (drafter: Exclude<SpeculativeOptions, string | false>['drafter']) => resolve({ drafter }).drafter
const madeFor = (drafter: Exclude<SpeculativeOptions, string | false>['drafter']): Calibration =>
  fakeCalibration(identifyDrafter(drafterOf(drafter)))

describe('a given calibration', () => {
  it('is what budgets start from, for its own drafter only, and each time as a copy', () => {
    const lookup = drafterOf({ method: 'lookup' })
    const calibrations = open(madeFor({ method: 'lookup' }))
    const memory = calibrations.memoryFor(lookup)
    expect(memory.acceptance[0]?.first.judged).toEqual([1, 2])
    memory.acceptance[0]!.first.judged[0] = 50
    expect(calibrations.memoryFor(lookup).acceptance[0]?.first.judged).toEqual([1, 2])
    expect(calibrations.memoryFor(drafterOf({ method: 'recycling' })).acceptance).toEqual([])
    expect(() => calibrations.require(resolve({ drafter: { method: 'lookup' } }))).not.toThrow()
    expect(() => calibrations.require(resolve('off'))).not.toThrow()
  })

  it('brings its prices to the machine that measured them', () => {
    const lookup = drafterOf({ method: 'lookup' })
    const machine = { cpu: cpuName(), library: 'l', threads: 1, kvType: 'f16' }
    const priced = (threads: number): Calibration => ({
      ...madeFor({ method: 'lookup' }),
      prices: { machine: { ...machine, threads }, target: [], draft: { roundMs: 3, levelMs: null } },
    })
    expect(open(priced(1)).memoryFor(lookup).draftMs).toBe(3)
    expect(open(priced(2)).memoryFor(lookup).draftMs).toBeNull()
  })

  it.each<[string, () => void, RegExp]>([
    [
      'model',
      () => open(fakeCalibration({ model: { name: 'another', fingerprint: 'two' } })),
      /^expected a calibration for a model \(one\), got one for another \(two\); make one/,
    ],
    [
      'drafter',
      () => open(madeFor({ method: 'lookup' })).require(resolve({ drafter: { method: 'recycling' } })),
      /^expected a calibration of the drafter recycling, got one of lookup; make one/,
    ],
    [
      'option',
      () => open(madeFor({ method: 'lookup' })).require(resolve({ drafter: { method: 'lookup', maxNgram: 3 } })),
      /^expected a calibration of the drafter lookup with maxNgram 3, got one of lookup with maxNgram \d+; make one/,
    ],
    [
      'drafter file',
      () =>
        open(madeFor({ method: 'eagle3', path: headFile('1') })).require(
          resolve({ drafter: { method: 'eagle3', path: headFile('2') } }),
        ),
      /^expected a calibration of the drafter file head.gguf \(\w+\), got one of head.gguf \(\w+\); make one/,
    ],
    [
      'tree',
      () =>
        open(madeFor({ method: 'lookup' })).require(
          resolve({ drafter: { method: 'lookup' }, budget: { policy: 'heterospec', topK: 8 } }),
        ),
      /^expected a calibration for trees of top-k 8, depth 7, 60 nodes, got one for top-k 10, depth 7, 60 nodes; make one/,
    ],
    ['file', () => open('/nowhere/x.json'), /^expected a calibration at \/nowhere\/x.json, got "ENOENT/],
  ])('of another %s is refused in one sentence', (_what, use, sentence) => {
    expect(use).toThrow(sentence)
  })

  it('may go with trees of any size where a budget has no entropies', () => {
    const use = (budget: Exclude<SpeculativeOptions, string | false>['budget']) => () =>
      open(madeFor({ method: 'lookup' })).require(resolve({ drafter: { method: 'lookup' }, budget }))
    expect(use({ policy: 'goodput', depth: 3 })).not.toThrow()
    expect(use({ policy: 'heterospec', topK: 8, edges: [1, 2] })).not.toThrow()
  })
})

describe('calibrations that lie around', () => {
  it('are found by model, drafter, options and the contents of files, in order of folders', () => {
    const [first, second] = [folder(), join(folder(), 'inner')]
    mkdirSync(second)
    const path = headFile('weights')
    const save = (where: string, name: string, calibration: Calibration): void =>
      writeFileSync(join(where, name), calibrationText(calibration))
    const named = (calibration: Calibration, program: string): Calibration => ({
      ...calibration,
      provenance: { ...calibration.provenance, program },
    })
    writeFileSync(join(first, 'a-broken.json'), '{')
    save(first, 'b.json', named(madeFor({ method: 'lookup', maxNgram: 3 }), 'other options'))
    save(first, 'c.json', {
      ...madeFor({ method: 'lookup' }),
      identity: fakeCalibration({ model: { name: 'x', fingerprint: 'two' } }).identity,
    })
    save(second, 'a.json', named(madeFor({ method: 'lookup' }), 'second'))
    save(second, 'head.json', named(madeFor({ method: 'eagle3', path }), 'head'))
    const calibrations = open(undefined, [first, second, join(first, 'missing')])
    const found = (drafter: Parameters<typeof drafterOf>[0]): string | undefined =>
      calibrations.for(drafterOf(drafter))?.provenance.program
    expect(found({ method: 'lookup' })).toBe('second')
    expect(found({ method: 'lookup', maxNgram: 3 })).toBe('other options')
    expect(found({ method: 'recycling' })).toBeUndefined()
    // The same contents under another path, and other contents.
    expect(found({ method: 'eagle3', path: headFile('weights') })).toBe('head')
    expect(found({ method: 'eagle3', path: headFile('other weights') })).toBeUndefined()
    save(first, 'd.json', named(madeFor({ method: 'lookup' }), 'first'))
    expect(found({ method: 'lookup' })).toBe('first')
  })

  it('are left alone when told so, or when one is given', () => {
    const where = folder()
    writeFileSync(join(where, 'a.json'), calibrationText(madeFor({ method: 'lookup' })))
    const lookup = drafterOf({ method: 'lookup' })
    expect(open(false, [where]).for(lookup)).toBeUndefined()
    expect(open(madeFor({ method: 'recycling' }), [where]).for(lookup)).toBeUndefined()
    expect(open(undefined, [where]).for(lookup)).toBeDefined()
  })
})

it('identifies the files inside of a combined drafter, and no path is part of it', () => {
  const path = headFile('weights')
  const { drafter, files } = identifyDrafter(
    drafterOf({ method: 'combined', sources: ['lookup', 'eagle3'], eagle3: { path } }),
  )
  expect(files).toEqual([
    { method: 'eagle3', name: 'head.gguf', fingerprint: expect.stringMatching(/^[0-9a-f]{32}$/) as string },
  ])
  expect(JSON.stringify(drafter)).not.toContain(path)
  expect(drafter).toMatchObject({ method: 'combined', eagle3: { maxDepth: 16 } })
})
