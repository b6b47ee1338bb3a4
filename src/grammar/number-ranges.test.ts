/** Numbers between bounds: the grammar takes those numbers and no others, and what it takes is JSON. */
import { beforeAll, describe, expect, it } from 'vitest'
import { uniformAt } from '../util/rng.ts'
import { loadGrammarLibrary, type GrammarLibrary } from './library.ts'
import { keepsBounds, numberRule } from './number-ranges.ts'
import { byteTexts } from './vocabulary.ts'

interface Bounds {
  readonly minimum?: number
  readonly exclusiveMinimum?: number
  readonly maximum?: number
  readonly exclusiveMaximum?: number
}

let library: GrammarLibrary
let compiler: Awaited<ReturnType<GrammarLibrary['api']['GrammarCompiler']['createGrammarCompiler']>>
beforeAll(async () => {
  library = await loadGrammarLibrary()
  const { GrammarCompiler, TokenizerInfo } = library.api
  const bytes = await TokenizerInfo.createTokenizerInfo(byteTexts(), 'byte_level', false, 257, [END])
  compiler = await GrammarCompiler.createGrammarCompiler(bytes, false)
})

const END = 256
const SIGNS = Array.from('-.0123456789eE+', (sign) => sign.charCodeAt(0))

async function matcherOf(bounds: Bounds, type: 'integer' | 'number') {
  const rule = numberRule(bounds, type)
  expect(rule).toBeDefined()
  return library.api.GrammarMatcher.createGrammarMatcher(await compiler.compileGrammar(`root ::= ${rule!}`))
}

type Matcher = Awaited<ReturnType<typeof matcherOf>>

function takes(matcher: Matcher, text: string): boolean {
  let taken = 0
  const tokens = [...new TextEncoder().encode(text), END]
  while (taken < tokens.length && matcher.acceptToken(tokens[taken]!)) taken++
  if (taken > 0) matcher.rollBack(taken)
  return taken === tokens.length
}

describe('integers', () => {
  const edges = [undefined, -1500, -999, -814, -100.5, -8, -1, 0, 1, 9.5, 10, 99, 100, 973, 983, 1999]
  const pairs = edges.flatMap((low, i) => edges.slice(i).map((high, j) => ({ low, high, isOpen: (i + j) % 2 > 0 })))
  const all = Array.from({ length: 4001 }, (_, index) => index - 2000)
  const some = pairs.map(({ low, high, isOpen }): Bounds => ({
    ...(low !== undefined && (isOpen ? { exclusiveMinimum: low } : { minimum: low })),
    ...(high !== undefined && (isOpen ? { maximum: high } : { exclusiveMaximum: high })),
  }))

  it.each(some)('from -2000 to 2000, with %j: those and no others', async (bounds) => {
    const kept = all.filter((value) => keepsBounds(value, bounds))
    if (kept.length === 0) {
      expect(numberRule(bounds, 'integer')).toBeUndefined()
      return
    }
    const matcher = await matcherOf(bounds, 'integer')
    expect(all.filter((value) => takes(matcher, String(value)))).toEqual(kept)
    for (const text of ['', '-', '-0', '00', '01', '1.0', '1e0', '+1']) expect(takes(matcher, text), text).toBe(false)
    matcher.dispose()
  })

  it('of which both bounds are given keep to the stricter one', async () => {
    const matcher = await matcherOf({ minimum: 3, exclusiveMinimum: 5, maximum: 9, exclusiveMaximum: 8 }, 'integer')
    expect(all.filter((value) => takes(matcher, String(value)))).toEqual([6, 7])
    matcher.dispose()
  })
})

const decimals: readonly Bounds[] = [
  ...[{ minimum: 0, maximum: 1 }, { minimum: 0.5, maximum: 1.5 }, { minimum: -1.25, maximum: -0.5 }, { minimum: 3 }],
  ...[
    { maximum: -2 },
    { minimum: -0.1, maximum: 0.1 },
    { minimum: 1e-7, maximum: 1e-6 },
    { minimum: 1e10, maximum: 1e12 },
  ],
  ...[
    { minimum: 99.99, maximum: 100.01 },
    { minimum: 0.1, maximum: 0.1 },
    { minimum: 10, maximum: 20.5 },
    { minimum: 0 },
  ],
  ...[{ exclusiveMinimum: 0 }, { exclusiveMinimum: 0.5, exclusiveMaximum: 0.75 }, { minimum: 3, exclusiveMinimum: 5 }],
  ...[{ maximum: 0 }, { exclusiveMaximum: 0 }, { maximum: Number.MAX_VALUE }, { minimum: -Number.MAX_VALUE }],
  ...[
    { minimum: Number.MIN_VALUE },
    { exclusiveMinimum: 123456789.125 },
    { exclusiveMaximum: -99999.5, minimum: -1e5 },
  ],
]

describe('numbers', () => {
  it.each(decimals)('that a grammar with %j lets come keep to it, wherever it goes', async (bounds) => {
    const matcher = await matcherOf(bounds, 'number')
    for (let walk = 0; walk < 300; walk++) {
      let text = ''
      for (let step = 0; step < 400; step++) {
        const open = SIGNS.filter((sign) => tries(matcher, sign))
        const mayEnd = tries(matcher, END)
        expect(mayEnd || open.length > 0, text).toBe(true)
        if (mayEnd && (open.length === 0 || uniformAt(walk, 2 * step) < 0.1 + step / 300)) break
        // Like a bound's digits often, since trouble is near bounds.
        const next = open[Math.floor(uniformAt(walk, 2 * step + 1) ** 2 * open.length)]!
        matcher.acceptToken(next)
        text += String.fromCharCode(next)
      }
      const value: unknown = JSON.parse(text)
      expect(keepsBounds(value as number, bounds), text).toBe(true)
      matcher.rollBack(text.length)
    }
    matcher.dispose()
  })

  it.each(decimals)('with few digits come if they keep to %j', async (bounds) => {
    const matcher = await matcherOf(bounds, 'number')
    for (let index = 0; index < 2000; index++) {
      const places = Math.floor(4 * uniformAt(index, 0))
      const value = Number((10 ** Math.floor(4 * uniformAt(index, 1)) * (uniformAt(index, 2) - 0.5)).toFixed(places))
      const text = value.toFixed(places)
      if (!text.startsWith('-0') || value < 0) expect(takes(matcher, text), text).toBe(keepsBounds(value, bounds))
    }
    matcher.dispose()
  })

  it('come with zeros behind the point or without', async () => {
    const matcher = await matcherOf({ minimum: 0.5, maximum: 1 }, 'number')
    for (const text of ['0.5', '0.50', '0.500', '1', '1.0', '1.00']) expect(takes(matcher, text), text).toBe(true)
    for (const text of ['.5', '1.', '0', '01', '1e0', '5e-1', '-0.5']) expect(takes(matcher, text), text).toBe(false)
    matcher.dispose()
  })

  it('that may have been rounded when bounds were read are left out', async () => {
    const matcher = await matcherOf({ minimum: -(2 ** 63), maximum: 2 ** 63 }, 'integer')
    for (const text of ['9223372036854775808', '-9223372036854775809']) expect(takes(matcher, text)).toBe(false)
    expect(takes(matcher, '9223372036854770000')).toBe(true)
    matcher.dispose()
  })

  it.each<Bounds>([
    { minimum: 5, maximum: 4 },
    { exclusiveMinimum: 1, maximum: 1 },
    { exclusiveMinimum: 1, exclusiveMaximum: 2 },
  ])('%j: there is no such integer', (bounds) => {
    expect(numberRule(bounds, 'integer')).toBeUndefined()
  })
})

function tries(matcher: Matcher, token: number): boolean {
  if (!matcher.acceptToken(token)) return false
  matcher.rollBack(1)
  return true
}
