import { describe, expect, it } from 'vitest'
import { darkColours, lightColours, lookOf, mark, plotStyles, type Colours } from './theme.ts'

type Triple = readonly [number, number, number]

/** Linear light of a colour. */
function linear(hex: string): Triple {
  const channel = (at: number): number => {
    const value = parseInt(hex.slice(at, at + 2), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }
  return [channel(1), channel(3), channel(5)]
}

/** Contrast as WCAG 2 defines it. */
function contrast(first: string, second: string): number {
  const luminance = ([red, green, blue]: Triple): number => 0.2126 * red + 0.7152 * green + 0.0722 * blue
  const [one, other] = [luminance(linear(first)), luminance(linear(second))]
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)
}

function times(matrix: readonly Triple[], [x, y, z]: Triple): Triple {
  return matrix.map(([a, b, c]) => a * x + b * y + c * z) as unknown as Triple
}

/** Machado, Oliveira and Fernandes 2009, severity 1, on linear light. */
const eyes: Record<string, readonly Triple[]> = {
  usual: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], // prettier-ignore
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]], // prettier-ignore
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]], // prettier-ignore
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]], // prettier-ignore
}

/** Björn Ottosson's OKLab: distances in it are about those that are seen. */
function oklab(light: Triple): Triple {
  const cones = times(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]], // prettier-ignore
    light.map((value) => Math.max(0, value)) as unknown as Triple,
  ).map(Math.cbrt) as unknown as Triple
  return times(
    [[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099], [0.0259040371, 0.7827717662, -0.808675766]], // prettier-ignore
    cones,
  )
}

describe.each<[string, Colours]>([
  ['light', lightColours],
  ['dark', darkColours],
])('the %s colours', (_, colours) => {
  it('have enough contrast for text (4.5)', () => {
    for (const ground of [colours.page, colours.panel]) {
      for (const ink of [colours.text, colours.muted, colours.accent, colours.alarm]) {
        expect(contrast(ink, ground), `${ink} on ${ground}`).toBeGreaterThanOrEqual(4.5)
      }
    }
    for (const ink of [colours.text, colours.alarm]) {
      expect(contrast(ink, colours['alarm-panel']), ink).toBeGreaterThanOrEqual(4.5)
    }
    for (const ink of [colours.text, colours.muted]) {
      expect(contrast(ink, colours['accept-panel']), ink).toBeGreaterThanOrEqual(4.5)
    }
  })

  it('have enough contrast for lines and marks (3)', () => {
    for (const ink of [...colours.series, colours.edge]) {
      expect(contrast(ink, colours.page), ink).toBeGreaterThanOrEqual(3)
    }
  })

  it.each(Object.entries(eyes))('keep series apart for eyes with %s', (_name, matrix) => {
    const seen = colours.series.map((colour) => oklab(times(matrix, linear(colour))))
    seen.forEach((one, index) => {
      for (const other of seen.slice(0, index)) {
        const distance = Math.hypot(...one.map((value, axis) => value - other[axis]!))
        expect(distance, colours.series[index]).toBeGreaterThan(0.08)
      }
    })
  })
})

describe('looks', () => {
  it('are all different for as many series as a benchmark has, also without colour', () => {
    const looks = Array.from({ length: 35 }, (_, index) => {
      const [, shape] = / d="([^"]*)"/.exec(mark(index, 0, 0).text)!
      return `${lookOf(index).dash ?? 'full'} ${shape!}`
    })
    expect(new Set(looks).size).toBe(35)
    expect(new Set([0, 1, 2, 3, 4, 5, 6, 7].map((index) => lookOf(index).className)).size).toBe(8)
  })

  it('are in the style sheet, paper being light', () => {
    const styles = plotStyles()
    for (let index = 0; index < 8; index++) expect(styles).toContain(`.series-${index}{`)
    expect(styles).toContain('@media screen and (prefers-color-scheme:dark)')
  })
})
