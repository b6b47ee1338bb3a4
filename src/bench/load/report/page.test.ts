import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadDocument, peer } from '../../../../test/fixtures/load-document.ts'
import { showInterval } from '../../statistics.ts'
import { readLoadDocument } from '../read.ts'
import { summarise } from '../run.ts'
import { renderLoad } from './page.ts'

function textOf(html: string): string {
  return html
    .replace(/<(style|script)[^>]*>[^]*?<\/\1>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/\s+/g, ' ')
}

const usual = loadDocument()
const pages = {
  usual: renderLoad(usual),
  failing: renderLoad(loadDocument({ failing: peer })),
  alone: renderLoad(loadDocument({ sides: ['off'], clients: [1], shares: [], rounds: 1 })),
}

describe.each(Object.entries(pages))('the page of the load benchmark, %s', (_, page) => {
  it('stands alone: no script and no address of anything outside', () => {
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/)
    expect(page).toContain("default-src 'none'")
    expect(page).not.toMatch(/<script|@import|url\((?!#)|<img/)
    const addresses = [...page.matchAll(/(?:src|href|action)="([^"]*)"/g)].map(([, to]) => to)
    expect(addresses.filter((to) => !/^(#|data:,$)/.test(to!))).toEqual([])
  })

  it('has unique ids, and no figure that is no number', () => {
    const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id!)
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
    expect(page).not.toMatch(/NaN|undefined|Infinity/)
  })
})

describe('what the page of the load benchmark says', () => {
  const text = textOf(pages.usual)
  const of = (load: string, side: string) => usual.summary.find((row) => row.load === load && row.side === side)!

  it('is who wrote how much with the most clients, and that all texts are the same', () => {
    const { goodput } = of('16 clients', 'auto')
    expect(text).toContain(`With 16 clients at a time, tokens of whole answers per second, of those of off : off again`)
    expect(text).toContain(`auto ${showInterval(goodput)}`)
    const asked = usual.summary.reduce((sum, { requests }) => sum + requests, 0)
    expect(text).toContain(`All ${asked.toLocaleString('en')} answers came whole, with the text of plain decoding.`)
  })

  it('is every figure of every load on every server', () => {
    for (const { side, tokensPerSecond, goodput } of usual.summary) {
      if (side === 'off') continue
      expect(text).toContain(`${goodput.mean.toFixed(2)} (${goodput.low.toFixed(2)} to ${goodput.high.toFixed(2)}) ${tokensPerSecond.toFixed(1)}`) // prettier-ignore
    }
  })

  it('is drawn: each side has a mark at each load, with its range', () => {
    const chart = /<svg[^>]*aria-labelledby="speed-closed-title"[^]*?<\/svg>/.exec(pages.usual)![0]
    const inLegend = 4
    expect(chart.match(/class="mark /g)).toHaveLength(4 * 4 + inLegend)
    expect(chart.match(/class="whisker"/g)).toHaveLength(4 * 4)
    const { goodput } = usual.blocks.find(({ load, side }) => load === '8 clients' && side === 'auto')!
    expect(chart).toMatch(/auto, 8 clients at a time: [\d.]+ \([\d.]+ to [\d.]+\)/)
    const [, mean, low, high] = /auto, 8 clients at a time: ([\d.]+) \(([\d.]+) to ([\d.]+)\)/.exec(chart)!.map(Number)
    expect(low!).toBeLessThanOrEqual(Number(goodput.toFixed(1)))
    expect(high!).toBeGreaterThanOrEqual(Number(goodput.toFixed(1)))
    expect(mean!).toBeCloseTo(of('8 clients', 'auto').tokensPerSecond, 1)
  })

  it('is how often rounds drafted, only of servers that tell', () => {
    const drafting = /<section id="drafting-section"[^]*?<\/section>/.exec(pages.usual)![0]
    expect(textOf(drafting)).toContain('auto, 8 clients at a time: 13 % of 2,000 rounds')
    expect(textOf(drafting)).not.toContain('llama-server')
    const { blocks } = usual
    const silent = { ...usual, blocks: blocks.map((block) => ({ ...block, rounds: undefined })) }
    expect(renderLoad(silent)).not.toContain('drafting-section')
  })

  it('is what failed, and where', () => {
    const failing = textOf(pages.failing)
    expect(/Of [\d,]+ requests 35 got no whole answer and 35 another text than plain decoding : llama-server <img src=x>\./.test(failing)).toBe(true) // prettier-ignore
    expect(failing).toContain('got HTTP 503: <b>no room</b>')
    expect(text).not.toContain('Failures')
  })

  it('is that there is nothing to compare, when there is nothing', () => {
    expect(textOf(pages.alone)).toContain('There is nothing to compare off with.')
  })
})

describe('a result in a file', () => {
  it('comes back as it was, ratios of nothing included', () => {
    const folder = mkdtempSync(join(tmpdir(), 'heterospec-load-'))
    try {
      const silent = usual.blocks.map((block) => (block.side === peer ? { ...block, goodput: 0 } : block))
      const document = { ...usual, blocks: silent, summary: summarise(silent, 'off') }
      expect(document.summary.some(({ goodput }) => Number.isNaN(goodput.mean))).toBe(true)
      writeFileSync(join(folder, 'load.txt'), `LOAD SIDE\n${JSON.stringify(document)}\n`)
      const read = readLoadDocument(join(folder, 'load.txt'))
      expect(read).toEqual(document)
      expect(renderLoad(read)).toBe(renderLoad(document))
      expect(renderLoad(read)).not.toMatch(/NaN|null/)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('is refused in one sentence when it is none', () => {
    expect(() => readLoadDocument('none such')).toThrow(/^expected the output of bench\/load.ts in none such .*; run/)
    expect(() => readLoadDocument('package.json')).toThrow(/got a last line that is no JSON/)
  })
})
