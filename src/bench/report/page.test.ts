import { describe, expect, it } from 'vitest'
import { benchDocument, nastyTexts } from '../../../test/fixtures/bench-document.ts'
import { showInterval } from '../statistics.ts'
import { OVERALL } from '../summary.ts'
import type { BenchDocument } from '../types.ts'
import { renderPage } from './index.ts'
import { pairData } from './pairs.ts'
import { createView } from './view.ts'

const usual = benchDocument()
const page = renderPage(usual)

/** The text of a part of the page, without markup. */
function textOf(html: string): string {
  return html.replace(/<(style|script)[^>]*>[^]*?<\/\1>/g, '').replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ') // prettier-ignore
}

function sectionOf(html: string, id: string): string {
  return new RegExp(`<section id="${id}"[^]*?</section>`).exec(html)?.[0] ?? ''
}

/** Rows of the first table of the results: name to text. */
function overallRows(html: string): Map<string, string> {
  const [table = ''] = /<table>[^]*?<\/table>/.exec(sectionOf(html, 'results')) ?? []
  const rows = [...table.matchAll(/<tr><th scope="row">([^]*?)<\/th>([^]*?)<\/tr>/g)]
  return new Map(rows.map(([, name, cells]) => [textOf(name!).replace(/ /g, ''), textOf(cells!)]))
}

function overallOf(document: BenchDocument, side: string): BenchDocument['summary'][number] {
  return document.summary.find((row) => row.side === side && row.group === OVERALL)!
}

describe('the page', () => {
  it('stands alone: no address of anything outside, and a policy that would forbid it', () => {
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">/)
    expect(page).toContain("default-src 'none'")
    expect([...page.matchAll(/(?:src|href|action)="([^"]*)"/g)].map(([, to]) => to).filter((to) => !/^(#|data:,$)/.test(to!))).toEqual([]) // prettier-ignore
    expect(page).not.toMatch(/@import|url\((?!#)/)
  })

  it('has unique ids, and whatever refers to one finds it', () => {
    const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id!)
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
    const references = [...page.matchAll(/(?:aria-labelledby|aria-describedby|for|href)="#?([^"]*)"/g)]
    expect(references.map(([, id]) => id!).filter((id) => id !== 'data:,' && !ids.includes(id))).toEqual([])
  })

  it('writes no text of a token, a name or a reason as markup', () => {
    expect(page).not.toContain('<img')
    expect(page.match(/<script/g)).toHaveLength(2)
    expect(page).toContain('draft &lt;1&gt;.gguf')
    for (const text of nastyTexts.filter((nasty) => /[<>"']/.test(nasty))) expect(page).not.toContain(text)
  })

  it('begins with what was compared, who was fastest and what differs', () => {
    const header = textOf(/<header>[^]*<\/header>/.exec(page)![0])
    expect(header).toContain('SmolLM2-135M-Instruct')
    expect(header).toContain('Intel(R) Xeon(R)')
    const { decodeSpeedup } = overallOf(usual, 'auto')
    expect(header).toContain(`${decodeSpeedup!.mean.toFixed(2)} times as fast as off`)
    expect(header).toContain(`${decodeSpeedup!.low.toFixed(2)} to ${decodeSpeedup!.high.toFixed(2)}`)
    expect(header).toContain(
      '2 of 60 outputs of speculation differ from plain decoding: combined/fixed:nodes=15 (2 of 12)',
    )
    expect(header).not.toContain('its speed changed')
  })

  it('gives every method its row with intervals', () => {
    const rows = overallRows(page)
    expect(rows.size).toBe(usual.sides.length)
    for (const side of ['auto', 'libllama', 'node-llama-cpp/lookup']) {
      const { decodeSpeedup, endToEndSpeedup, firstTokenSpeedup } = overallOf(usual, side)
      for (const interval of [decodeSpeedup!, endToEndSpeedup!, firstTokenSpeedup!]) {
        expect(rows.get(side)).toContain(showInterval(interval).replace(' (', ' ('))
      }
    }
    expect(rows.get('auto')).toContain('12 of 12')
    expect(rows.get('libllama')).toContain('is plain')
  })

  it('reports a method whose output differs as failed, with the place, and not as fast', () => {
    const row = overallRows(page).get('combined/fixed:nodes=15✗')!
    expect(row).toContain('✗ failed: output differs first at token 20 of question 84, gap 0.031')
    expect(row).toContain('10 of 12')
    expect(row).not.toMatch(/\d \(\d/)
    expect(textOf(sectionOf(page, 'per-prompt-section'))).not.toContain('combined')
    expect(textOf(sectionOf(page, 'results'))).toContain('question 91')
  })

  it('names what is missing, and the conditions', () => {
    const text = textOf(page)
    expect(text).toContain('expected a server at https://localhost:8080, got no answer; start it')
    expect(text).toContain('question 481, turn 2')
    for (const fact of [
      usual.provenance.model.sha256,
      usual.options.suite.sha256,
      'avx512vnni',
      usual.provenance.commit!,
    ]) {
      expect(text).toContain(fact)
    }
    expect(page).toContain('>--methods </span>')
  })

  it('shows trees with forms for what cannot be seen, and the own token of the target', () => {
    const trees = sectionOf(page, 'trees')
    expect(trees.match(/role="img"/g)).toHaveLength(8)
    expect(trees).toContain('␣the␣&lt;b&gt;own&lt;/b&gt;')
    expect(trees).toContain('⏎')
  })
})

describe('unusual documents', () => {
  const cases: Record<string, BenchDocument> = {
    'one side': benchDocument({ sides: ['off'] }),
    'one question': benchDocument({ groups: ['qa'], perGroup: 1 }),
    'no sample': benchDocument({ samples: false }),
    'only the failed one besides the baseline': benchDocument({ sides: ['off', 'combined/fixed:nodes=15'] }),
    'peers that tell nothing': benchDocument({ sides: ['node-llama-cpp', 'node-llama-cpp/lookup'] }),
    'no turn at all': {
      ...benchDocument({ groups: [] }),
      costs: [],
      summary: [],
      peakMemory: [],
      skipped: [],
      leftOut: [],
    },
  }

  it.each(Object.entries(cases))('%s: a page without a hole', (_, document) => {
    const html = renderPage(document)
    expect(html).not.toMatch(/NaN|Infinity|undefined|\[object/)
    expect(html).toContain('</html>')
  })

  it('has no section for what is not there', () => {
    expect(renderPage(cases['one side']!)).not.toContain('id="side-by-side"')
    expect(renderPage(cases['one side']!)).not.toContain('id="speed-ups"')
    expect(renderPage(cases['no sample']!)).not.toContain('id="trees"')
  })

  it('draws no conclusion from too few questions', () => {
    const html = renderPage(cases['one question']!)
    expect(textOf(html)).toContain('fewer than 5 questions say nothing about others')
    expect(sectionOf(html, 'results')).not.toMatch(/class="(faster|slower|same)"><span class="mean"/)
  })

  it('warns of a noisy machine before anything else', () => {
    const warningOf = (document: BenchDocument) => /<header>[^]*<\/header>/.exec(renderPage(document))![0]
    const warning = warningOf(benchDocument({ drift: 1.2 }))
    expect(warning).toContain('The machine was busy, or its speed changed, while this ran.')
    expect(warning).toContain('Run again when it is quiet')
    const twice = warningOf(benchDocument({ drift: 1.2, sides: ['off', 'off#2'] }))
    expect(textOf(twice)).toMatch(/off.{1,6} against itself came out at \d\.\d\d/)
  })

  it('calls nobody faster when the best interval holds 1', () => {
    const html = renderPage(benchDocument({ sides: ['off', 'lookup/fixed:nodes=8'] }))
    expect(textOf(html)).toContain('no method decoded faster than off beyond noise')
  })
})

describe('figures of pairs', () => {
  const view = createView(usual)
  const data = pairData(view, [1, 0])
  const place = (a: number, b: number): number => a * view.sides.length - (a * (a + 1)) / 2 + (b - a - 1)

  it('are there once for any two methods and each group', () => {
    expect(data.pairs).toHaveLength((8 * 7) / 2)
    for (const pair of data.pairs) expect(pair).toHaveLength(1 + usual.options.suite.questions / 80)
  })

  it('are the same as the table where one of them is the baseline', () => {
    data.groups.forEach((group, index) => {
      const [mean, low, high] = data.pairs[place(0, 5)]![index]!
      const table = view.summaryOf('libllama', group)!.decodeSpeedup!
      expect(1 / mean).toBeCloseTo(table.mean, 2)
      expect(1 / high).toBeCloseTo(table.low, 2)
      expect(1 / low).toBeCloseTo(table.high, 2)
    })
  })

  it('do not exist for a method that failed', () => {
    expect(data.sides[4]).toMatchObject({ name: 'combined/fixed:nodes=15', failed: true })
    expect(data.pairs[place(0, 4)]).toEqual(data.groups.map(() => null))
    expect(data.ratios[4]).toEqual(usual.turns.map(() => null))
  })

  it('can be read back from the page as they are', () => {
    const [, json] = /<script type="application\/json" id="pair-data">([^<]*)<\/script>/.exec(page)!
    expect(JSON.parse(json!)).toEqual(JSON.parse(JSON.stringify(data)))
  })
})
