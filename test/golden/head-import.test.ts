/** Published heads of every layout, imported, against the float64 reference of the head that they were made from. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { loadGguf } from '../../src/gguf/index.ts'
import { findHead, importHead, writeHead } from '../../src/train/index.ts'
import { makePublishedHead, type PublishedOptions, type SafeTensors } from '../fixtures/published-head.ts'
import { readWeights } from './weights.ts'
import { worstGuessError } from './head-error.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heterospec-import-'))
})
afterAll(() => rm(folder, { recursive: true }))

const target = (): string => inject('tinyModelPath')

/** Imports the head; answers paths of the file and of its equal. */
async function imported(options: PublishedOptions): Promise<{ path: string; exact: string }> {
  const place = join(folder, 'published')
  await rm(place, { recursive: true, force: true })
  const exact = await makePublishedHead(place, options)
  const path = join(folder, 'imported.gguf')
  const { contents } = await importHead(await findHead(place), loadGguf(target()), { name: 'A head' })
  await writeHead(path, contents, loadGguf(target()), 'f32')
  return { path, exact }
}

const variants: Record<string, PublishedOptions> = {
  'the official repository': { layout: 'official' },
  SpecForge: { layout: 'SpecForge' },
  'Red Hat speculators': { layout: 'speculators' },
  'a trainer, rows in halves': { layout: 'trainer' },
  'a trainer, rows as neighbours': { layout: 'trainer, neighbours' },
  'several files with an index': { layout: 'SpecForge', files: 3 },
  'the whole vocabulary': { layout: 'SpecForge', head: { vocabularyStep: 1 } },
  'features normed together': {
    layout: 'speculators',
    head: { normBeforeFusion: true },
    config: (config) => ({ ...config, norm_before_fc: true }),
  },
  'an embedding that was trained': {
    layout: 'speculators',
    head: { ownEmbedding: true },
    config: (config) => ({ ...config, embed_requires_grad: true }),
  },
  'ids of 32 bits, names below model.': {
    layout: 'official',
    tensors: (tensors) =>
      Object.fromEntries(
        Object.entries(tensors).map(([name, tensor]) =>
          name === 'd2t' ? [name, { ...tensor, type: 'I32' }] : [`model.${name}`, tensor],
        ),
      ),
  },
}

describe('imported heads agree with the float64 reference', () => {
  for (const [name, options] of Object.entries(variants)) {
    it(name, async () => {
      const { path, exact } = await imported(options)
      const vocabularyStep = options.head?.vocabularyStep ?? 2
      const settings = { kvType: 'f32', kernels: true, vocabularyStep, referencePath: exact } as const
      expect(await worstGuessError(target(), path, settings)).toBeLessThan(1e-4)
      const [ours, theirs] = [await weightsOf(path), await weightsOf(exact)]
      expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort())
      // Deep equality of long arrays takes seconds.
      for (const [name, { values }] of ours)
        expect([name, sameBits(values, theirs.get(name)!.values)]).toEqual([name, true])
    })
  }

  it.each(['F16', 'BF16'] as const)('reads %s', async (type) => {
    const floats = (tensors: SafeTensors): SafeTensors =>
      Object.fromEntries(
        Object.entries(tensors).map(([name, tensor]) => [name, tensor.type === 'F32' ? { ...tensor, type } : tensor]),
      )
    const { path, exact } = await imported({ layout: 'SpecForge', tensors: floats })
    const [ours, theirs] = [await weightsOf(path), await weightsOf(exact)]
    const precision = type === 'F16' ? 2 ** -10 : 2 ** -7
    for (const [name, { values }] of ours) {
      values.forEach((value, i) => {
        const wanted = theirs.get(name)!.values[i]!
        // Numbers below the smallest normal float16 have a fixed step.
        if (Math.abs(value - wanted) > Math.max(precision * Math.abs(wanted), 2 ** -24)) {
          throw new Error(`${name}[${i}]: ${value} for ${wanted}`)
        }
      })
    }
  })
})

describe('what a configuration says', () => {
  const keys = async (options: PublishedOptions): Promise<Record<string, unknown>> => {
    const { metadata } = loadGguf((await imported(options)).path)
    return {
      layers: metadata.numbers('eagle3.target_layers'),
      base: metadata.number('eagle3.rope.freq_base'),
      residual: metadata.boolean('eagle3.norm_before_residual'),
      layout: metadata.string('heterospec.import.layout'),
      context: metadata.number('eagle3.context_length'),
    }
  }

  it('counts layers by outputs in eagle_config, by inputs at the top and in tap_layers', async () => {
    const common = { base: 5000, context: 2048, layers: [0, 1, 2] }
    expect(await keys({ layout: 'SpecForge' })).toEqual({ ...common, residual: false, layout: 'SpecForge' })
    expect(await keys({ layout: 'speculators' })).toEqual({ ...common, residual: true, layout: 'speculators' })
    expect(await keys({ layout: 'trainer' })).toEqual({ ...common, residual: false, layout: 'trainer' })
  })

  it('takes 10000 as the base of the rotation where there is none, or the one of rope_parameters', async () => {
    const without = (config: Record<string, unknown>) => ({ ...config, rope_theta: undefined })
    expect(await keys({ layout: 'official', config: without })).toMatchObject({ base: 10000 })
    const newer = (config: Record<string, unknown>) => ({ ...without(config), rope_parameters: { rope_theta: 700 } })
    expect(await keys({ layout: 'official', config: newer })).toMatchObject({ base: 700 })
  })

  it('turns scaling of the rotation into factors', async () => {
    const scaled = async (rope_scaling: unknown): Promise<number[] | undefined> => {
      const { path } = await imported({ layout: 'official', config: (config) => ({ ...config, rope_scaling }) })
      const factors = (await weightsOf(path)).get('rope_freqs.weight')?.values
      return factors && Array.from(factors)
    }
    expect(await scaled({ rope_type: 'default' })).toBeUndefined()
    expect(await scaled({ type: 'linear', factor: 4 })).toEqual(Array.from({ length: 16 }, () => 4))
    const llama3 = await scaled({
      ...{ rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 },
      original_max_position_embeddings: 2048,
    })
    // Waves of 6 to 18,000 tokens: short ones stay, long ones are stretched, those between lie between.
    expect([llama3?.[0], llama3?.at(-1)]).toEqual([1, 8])
    expect(llama3).toEqual([...llama3!].sort((a, b) => a - b))
    expect(llama3!.some((factor) => factor > 1 && factor < 8)).toBe(true)
  })
})

// ---------------------------------------------------------------------------------------------------------------

function sameBits(a: Float32Array, b: Float32Array): boolean {
  return Buffer.from(a.buffer).equals(Buffer.from(b.buffer))
}

async function weightsOf(path: string): ReturnType<typeof readWeights> {
  const file = loadGguf(path)
  return readWeights({ ...file, tensors: file.tensors.filter(({ name }) => name !== 'd2t') })
}
