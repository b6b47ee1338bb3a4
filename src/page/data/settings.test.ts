import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { budgets, defaultSettings, isDefault, methods, readSettings, type Settings } from './settings.ts'

const number = (min: number) => fc.option(fc.double({ min, max: 1e6, noNaN: true, noDefaultInfinity: true }).map((x) => x + 0), { nil: undefined }) // prettier-ignore
const settings: fc.Arbitrary<Settings> = fc.record({
  system: fc.string(),
  temperature: fc.double({ min: 0, max: 2, noNaN: true }).map((x) => x + 0),
  topP: number(0),
  topK: number(0),
  maxTokens: number(1),
  seed: number(0),
  speculation: fc.record({
    method: fc.constantFrom(...(Object.keys(methods) as (keyof typeof methods)[])),
    budget: fc.constantFrom(...(Object.keys(budgets) as (keyof typeof budgets)[])),
    nodes: fc.integer({ min: 1, max: 255 }),
  }),
})

describe('settings that were kept', () => {
  it('are the same again', () => {
    fc.assert(
      fc.property(settings, (kept) => {
        expect(readSettings(JSON.stringify(kept))).toEqual(kept)
      }),
    )
    expect(isDefault(readSettings(JSON.stringify(defaultSettings)))).toBe(true)
  })

  it('are the defaults where nothing was kept, or nothing that makes sense', () => {
    for (const text of [undefined, '', 'null', '7', '{"', '"x"']) expect(readSettings(text)).toBe(defaultSettings)
    const strange = { temperature: -1, topP: '1', topK: null, maxTokens: 0, seed: [], system: 3 }
    const speculation = { method: 'toString', budget: 'none', nodes: 0 }
    expect(readSettings(JSON.stringify({ ...strange, speculation }))).toEqual({
      ...defaultSettings,
      maxTokens: undefined,
    })
  })

  it('are settings, whatever was kept', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const { temperature, speculation } = readSettings(text)
        expect(temperature).toBeGreaterThanOrEqual(0)
        expect(methods).toHaveProperty(speculation.method)
        expect(budgets).toHaveProperty(speculation.budget)
      }),
    )
  })
})
