import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { hostileFiles } from '../../test/fixtures/hostile.ts'
import { HeterospecError } from '../util/errors.ts'
import { describeModel, loadGguf } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'hostile-'))
const path = join(folder, 'hostile.gguf')
afterAll(() => rmSync(folder, { recursive: true }))

/** What happened to one file: parsed, or refused with a sentence. Anything else is thrown. */
function read(bytes: Uint8Array): string {
  writeFileSync(path, bytes)
  try {
    const model = loadGguf(path)
    for (const tensor of model.tensors) expect(tensor.offset + tensor.bytes).toBeLessThanOrEqual(bytes.length)
    describeModel(model)
    return 'parsed'
  } catch (error) {
    if (!(error instanceof HeterospecError) || error.code !== 'bad-file') throw error
    expect(error.message).toMatch(/hostile\.gguf: .*(expected|truncated).*; fetch the file again$/s)
    expect(error.message.length).toBeLessThan(600)
    return 'refused'
  }
}

describe('hostile files', () => {
  const files = hostileFiles()

  it('are many, all different, and the same for the same seed', () => {
    expect(files.length).toBeGreaterThanOrEqual(300)
    expect(new Set(files.map(({ name }) => name)).size).toBe(files.length)
    const again = hostileFiles()
    expect(again.every(({ bytes }, i) => Buffer.compare(bytes, files[i]!.bytes) === 0)).toBe(true)
  })

  it('are each refused with a sentence or parsed to a valid model', () => {
    const outcomes = files.map((file) => ({ ...file, outcome: read(file.bytes) }))
    const wrong = outcomes.filter(({ expect: expected, outcome }) => expected === 'refuse' && outcome === 'parsed')
    expect(wrong.map(({ name }) => name)).toEqual([])
    expect(outcomes.filter(({ outcome }) => outcome === 'refused').length).toBeGreaterThan(files.length / 2)
  })

  it('cost neither time nor memory', () => {
    let slowestMs = 0
    let most = 0
    for (const { bytes } of files) {
      const [before, cpu] = [process.memoryUsage(), process.cpuUsage()]
      read(bytes)
      const { user, system } = process.cpuUsage(cpu)
      const now = process.memoryUsage()
      slowestMs = Math.max(slowestMs, (user + system) / 1000)
      // Of one file alone: when buffers of others are collected is nobody's business here.
      most = Math.max(most, now.arrayBuffers - before.arrayBuffers, now.external - before.external)
    }
    // Each takes well under 100 ms. A loop over as many elements as a lying file claims takes minutes, or has no end.
    expect(slowestMs).toBeLessThan(10_000)
    expect(most).toBeLessThan(64 << 20)
  })
})
