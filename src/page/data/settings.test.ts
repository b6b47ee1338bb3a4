import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  budgets,
  defaultSettings,
  isDefault,
  limits,
  limitWords,
  methods,
  readSettings,
  type Settings,
} from './settings.ts'

const optional = (value: fc.Arbitrary<number>) => fc.option(value, { nil: undefined })
const whole = (min: number) => optional(fc.integer({ min, max: 1e6 }))
const settings: fc.Arbitrary<Settings> = fc.record({
  system: fc.string(),
  temperature: fc.double({ min: 0, max: 2, noNaN: true }).map((x) => x + 0),
  topP: optional(fc.double({ min: 0, max: 1, noNaN: true }).map((x) => x + 0)),
  topK: whole(0),
  maxTokens: whole(1),
  seed: whole(0),
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

  it('are never numbers that the server refuses', () => {
    const wrong = { topP: 5, topK: 2.5, temperature: 1e7, maxTokens: -5, seed: 0.5 }
    const { speculation, ...kept } = readSettings(JSON.stringify({ ...wrong, speculation: { nodes: 256 } }))
    expect(kept).toMatchObject({
      temperature: 0,
      topP: undefined,
      topK: undefined,
      maxTokens: undefined,
      seed: undefined,
    })
    expect(speculation.nodes).toBe(8)
    expect([limits.topP, limits.nodes, limits.seed].map(limitWords)).toEqual([
      '0 to 1',
      'a whole number, 1 to 255',
      'a whole number, 0 or more',
    ])
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
