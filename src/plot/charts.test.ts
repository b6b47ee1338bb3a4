import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createScale } from './axes.ts'
import { barChart, forestChart, lineChart, scatterChart, sortedChart, treeChart, type Markup } from './index.ts'

const frame = { id: 'x', title: 'A <title>', description: 'What & why' }

/** Numbers of an attribute, in order of appearance. */
function numbers(drawing: Markup, pattern: RegExp): number[] {
  return [...drawing.text.matchAll(pattern)].map(([, value]) => Number(value))
}

function paths(drawing: Markup, className: string): string[] {
  return [...drawing.text.matchAll(new RegExp(`<path class="${className}"[^>]*? d="([^"]*)"`, 'g'))].map(([, d]) => d!)
}

describe('a scale', () => {
  it('puts twice and half at the same distance from 1 when it is logarithmic', () => {
    const scale = createScale({ label: '', log: true }, [0.5, 2], 0, 100)
    expect(scale.at(1)).toBeCloseTo(50)
    expect(scale.at(2) - scale.at(1)).toBeCloseTo(scale.at(1) - scale.at(0.5))
  })

  it('has increasing ticks inside its range, whatever the values', () => {
    const value = fc.double({ min: 1e-3, max: 1e4, noNaN: true })
    const rounded = value.map((one) => [one, one * (1 + 2 ** -52), one * (1 + 2 ** -50)])
    fc.assert(
      fc.property(fc.oneof(fc.array(value, { maxLength: 8 }), rounded), fc.boolean(), (values, log) => {
        const scale = createScale({ label: '', log }, values, 10, 500)
        const places = scale.ticks.map(scale.at)
        expect(places.every((place) => place >= 10 - 1e-6 && place <= 500 + 1e-6)).toBe(true)
        expect([...places].sort((a, b) => a - b)).toEqual(places)
        for (const shown of values) expect(scale.at(shown)).toBeGreaterThanOrEqual(10 - 1e-6)
      }),
    )
  })

  it('leaves out values that it cannot show', () => {
    const scale = createScale({ label: '', log: true }, [0, -1, NaN, Infinity, 1, 4], 0, 100)
    expect(scale.at(1)).toBeCloseTo(0)
    expect(scale.at(4)).toBeCloseTo(100)
  })

  it('has no ticks between whole numbers for counts', () => {
    expect(createScale({ label: '', whole: true }, [1, 3], 0, 100).ticks).toEqual([1, 2, 3])
  })
})

describe('every picture', () => {
  const empty = { label: 'nothing' }
  const drawings = [
    lineChart({ ...frame, x: empty, y: empty, shape: 'curve', series: [] }),
    sortedChart({ ...frame, y: { ...empty, log: true }, what: 'things', series: [] }),
    forestChart({ ...frame, x: { ...empty, log: true }, rule: 1, rows: [] }),
    barChart({ ...frame, x: empty, parts: [], bars: [] }),
    scatterChart({ ...frame, x: empty, y: empty, points: [] }),
    treeChart({ ...frame, parents: [], texts: [], chances: [], accepted: [] }),
  ]

  it('can be drawn without data', () => {
    for (const { text } of drawings) expect(text).not.toMatch(/NaN|Infinity|undefined/)
  })

  it('is an image with a name and a description, escaped', () => {
    for (const { text } of drawings) {
      expect(text).toMatch(/^<svg class="plot" role="img"/)
      expect(text).toContain('aria-labelledby="x-title" aria-describedby="x-desc"')
      expect(text).toContain('<title id="x-title">A &lt;title&gt;</title><desc id="x-desc">What &amp; why</desc>')
    }
  })
})

describe('a line chart', () => {
  const series = (points: readonly (readonly [number, number])[]) => [
    { name: 'a', look: 1, points: points.map(([x, y]) => ({ x, y })) },
  ]

  it('draws neighbouring counts as a staircase and a gap as a slope', () => {
    const points = [[1, 5], [2, 9], [8, 11]] as const // prettier-ignore
    const chart = { ...frame, x: { label: '' }, y: { label: '' }, legend: false, series: series(points) }
    const [path = ''] = paths(lineChart({ ...chart, shape: 'stairs' }), 'curve')
    const corners = [...path.matchAll(/[ML]([\d.]+),([\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)] as const)
    expect(corners).toHaveLength(6)
    expect(Math.min(...corners.map(([x]) => x))).toBeGreaterThanOrEqual(52)
    const [, endOfFirst, startOfSecond, endOfSecond, startOfLast] = corners
    expect(endOfFirst![0]).toBe(startOfSecond![0])
    expect(endOfFirst![1]).toBeGreaterThan(startOfSecond![1])
    expect(startOfLast![0]).toBeGreaterThan(endOfSecond![0])
  })

  it('leaves out points that are no numbers and series without points', () => {
    const drawing = lineChart({
      ...frame,
      x: { label: '' },
      y: { label: '', log: true },
      shape: 'curve',
      series: [...series([[1, 1], [2, NaN], [3, 0], [4, 2]]), { name: 'gone', look: 2, points: [] }], // prettier-ignore
    })
    expect(paths(drawing, 'curve').at(-1)!.match(/[ML]/g)).toHaveLength(2)
    expect(drawing.text).not.toContain('gone')
  })

  it('sorts from greatest to least', () => {
    const values = [1, 3, 2].map((value) => ({ value, hover: '' }))
    const drawing = sortedChart({ ...frame, y: { label: '' }, what: '', series: [{ name: '', look: 1, values }] })
    const heights = [
      ...paths(drawing, 'curve')
        .at(-1)!
        .matchAll(/,([\d.]+)/g),
    ].map(([, y]) => Number(y))
    expect(heights).toEqual([...heights].sort((a, b) => a - b))
  })
})

describe('a line chart of ranges', () => {
  it('draws each whisker through its mark, and has room for it', () => {
    const points = [1, 2, 3].map((x) => ({ x, y: 10 * x, spread: [8 * x, 50 * x] as const }))
    const drawing = lineChart({ ...frame, x: { label: '' }, y: { label: '' }, shape: 'curve', series: [{ name: 'a', look: 1, points }] }) // prettier-ignore
    const whiskers = [...drawing.text.matchAll(/class="whisker" d="M[\d.]+ ([\d.]+)h8M[\d.]+ [\d.]+V([\d.]+)/g)]
    const marks = numbers(drawing, /transform="translate\([\d.]+ ([\d.]+)\)/g).slice(1)
    expect(whiskers).toHaveLength(3)
    whiskers.forEach(([, low, high], index) => {
      expect(Number(low)).toBeGreaterThan(marks[index]!)
      expect(Number(high)).toBeLessThan(marks[index]!)
      expect(Number(high)).toBeGreaterThan(0)
    })
  })
})

describe('a forest chart', () => {
  const row = (name: string, mean: number) => ({ name, look: 1, note: 'n', estimate: { mean, low: mean * 0.9, high: mean * 1.1 } }) // prettier-ignore

  it('draws the whisker from low to high around the mark', () => {
    const drawing = forestChart({ ...frame, x: { label: '', log: true }, rule: 1, rows: [row('a', 2)] })
    const [, left, right] = /class="whisker" d="M([\d.]+) [^H]*H([\d.]+)/.exec(drawing.text)!.map(Number)
    const [mark] = numbers(drawing, /transform="translate\(([\d.]+) /g)
    expect(left).toBeLessThan(mark!)
    expect(mark).toBeLessThan(right!)
  })

  it('says in words where there is no estimate', () => {
    const failed = { name: 'b', look: 2, estimate: undefined, note: 'failed: <output> differs' }
    const drawing = forestChart({ ...frame, x: { label: '', log: true }, rule: 1, rows: [row('a', 2), failed] })
    expect(drawing.text).toContain('failed: &lt;output&gt; differs')
    expect(drawing.text.match(/class="whisker"/g)).toHaveLength(1)
  })
})

describe('a bar chart', () => {
  it('stacks parts in proportion, each with its own sign', () => {
    const bars = [{ name: 'a', values: [1, 6, 3], note: '10' }]
    const drawing = barChart({ ...frame, x: { label: '' }, parts: ['draft', 'target', 'host'], bars })
    const widths = [0, 1, 2].map((part) => {
      const found = new RegExp(`segment part-${part}" x="([\\d.]+)" y="40" width="([\\d.]+)"`).exec(drawing.text)!
      return { left: Number(found[1]), width: Number(found[2]) }
    })
    expect(widths[1]!.width / widths[0]!.width).toBeCloseTo(6, 1)
    expect(widths[1]!.left).toBeCloseTo(widths[0]!.left + widths[0]!.width, 1)
    expect(widths[2]!.left).toBeCloseTo(widths[1]!.left + widths[1]!.width, 1)
    expect(drawing.text).toContain('url(#x-hatch-0)')
    expect(drawing.text).toContain('url(#x-hatch-2)')
  })
})

describe('a scatter chart', () => {
  it('puts no name over another, and every name into the legend', () => {
    const place = fc.record({
      x: fc.double({ min: 1, max: 16, noNaN: true }),
      y: fc.double({ min: 1, max: 4, noNaN: true }),
    })
    fc.assert(
      fc.property(fc.array(place, { minLength: 1, maxLength: 12 }), (places) => {
        const points = places.map((point, look) => ({ ...point, look, name: `method ${look}` }))
        const { text } = scatterChart({ ...frame, x: { label: '' }, y: { label: '' }, points })
        const names = [...text.matchAll(/class="halo" x="([\d.-]+)" y="([\d.-]+)"[^>]*>(method \d+)</g)].map(
          ([, x, y, name]) => ({ left: Number(x), right: Number(x) + name!.length * 7.2, y: Number(y) }),
        )
        expect(names.length).toBeGreaterThan(0)
        expect(text.match(/class="entry"/g)).toHaveLength(places.length)
        names.forEach((one, index) => {
          for (const other of names.slice(0, index)) {
            const beside = one.left >= other.right - 0.1 || other.left >= one.right - 0.1
            expect(beside || Math.abs(one.y - other.y) >= 14.9).toBe(true)
          }
        })
      }),
    )
  })
})

describe('a tree picture', () => {
  const tree = {
    ...frame,
    parents: [-1, 0, 1, 0, 1],
    texts: ['Hello', ' <world>', '\n', ' there', '!'],
    chances: [1, 0.5, 0.25, 0.001, 1],
    accepted: [1, 2],
    own: ' end',
  }

  it('shows root, accepted and rejected nodes and the own token of the target', () => {
    const { text } = treeChart(tree)
    const states = [...text.matchAll(/<g class="node (\w+)">/g)].map(([, state]) => state)
    expect(states).toEqual(['root', 'accepted', 'accepted', 'rejected', 'rejected', 'own'])
    expect(text.match(/class="branch accepted"/g)).toHaveLength(3)
    for (const part of ['␣&lt;world&gt;', '⏎', '50 %', '&lt;1 %', '␣end']) expect(text).toContain(part)
  })

  it('covers no node by another, and keeps what was emitted on the first line', () => {
    const parents = fc
      .array(fc.nat(), { maxLength: 30 })
      .map((list) => [-1, ...list.map((parent, at) => parent % (at + 1))])
    fc.assert(
      fc.property(parents, (list) => {
        const accepted: number[] = []
        for (let node = 0; node >= 0; node = list.indexOf(node)) if (node > 0) accepted.push(node)
        const drawing = treeChart({
          ...frame,
          parents: list,
          texts: list.map((_, node) => 'x'.repeat(node % 20)),
          chances: list.map(() => undefined),
          accepted,
          own: 'y',
        })
        const boxes = [
          ...drawing.text.matchAll(/<g class="node (\w+)"><rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"/g),
        ]
        expect(boxes).toHaveLength(list.length + 1)
        expect(new Set(boxes.map(([, , x, y]) => `${x!} ${y!}`)).size).toBe(boxes.length)
        for (const [, state, , y] of boxes) if (state !== 'rejected') expect(Number(y)).toBe(8)
      }),
    )
  })
})
