import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import type { ModelSpec } from '../model/index.ts'
import { createDrafter, drafterOptions, drafters, type DrafterOptions } from './drafters.ts'

const parts = {
  target: { vocabSize: 10 } as ModelSpec,
  loadDraftModel: () => Promise.reject(new Error('no such file')),
  loadDraftHead: () => Promise.reject(new Error('no such file')),
}

describe('the table of drafters', () => {
  it('has one entry for every schema, and the schema of its module', async () => {
    const known = drafterOptions.options.map((schema) => schema.shape.method.value)
    expect(Object.keys(drafters).sort()).toEqual([...known].sort())
    for (const [name, load] of Object.entries(drafters)) {
      const module = await load()
      expect(module.options.shape.method.value).toBe(name)
      expect(module.summary).not.toBe('')
    }
  })

  it('describes every option', () => {
    for (const { shape } of drafterOptions.options) {
      const { method, ...others }: Record<string, z.ZodType> = shape
      for (const [name, schema] of Object.entries(others)) {
        expect(schema.description, `${shape.method.value} ${name}`).toMatch(/^[A-Z].*\.$/)
      }
      expect(method).toBeDefined()
    }
  })

  it('fills in defaults', () => {
    expect(drafterOptions.parse({ method: 'lookup' })).toMatchObject({ maxNgram: 5, maxDepth: 16 })
    expect(drafterOptions.parse({ method: 'combined', lookup: { maxNgram: 3 } })).toMatchObject({
      sources: ['lookup', 'recycling'],
      lookup: { maxNgram: 3, minNgram: 1 },
    })
  })

  it('creates what the options name', async () => {
    await using drafter = await createDrafter({ method: 'combined' }, parts)
    expect(drafter.method).toBe('combined')
    expect(drafter.sources).toEqual(['lookup', 'recycling'])
    expect(drafter.needs.features).toBe(false)
  })

  it('refuses options that do not fit, with a sentence', async () => {
    const wrong = { method: 'lookup', maxNgram: 0 } as DrafterOptions
    await expect(createDrafter(wrong, parts)).rejects.toMatchObject({ code: 'bad-option' })
    await expect(createDrafter(wrong, parts)).rejects.toThrow('maxNgram')
    await expect(createDrafter({ method: 'combined', sources: ['lookup', 'lookup'] }, parts)).rejects.toThrow('once')
    await expect(createDrafter({ method: 'model' } as DrafterOptions, parts)).rejects.toThrow('path')
  })
})
