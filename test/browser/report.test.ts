/**
 * The benchmark's report as a reader has it: opened from a file in Chromium. Looks for errors, requests, violations of
 * accessibility (axe), and tries the keyboard, paper and a narrow screen.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { renderLoad } from '../../src/bench/load/report/page.ts'
import { renderPage } from '../../src/bench/report/index.ts'
import { showInterval } from '../../src/bench/statistics.ts'
import { benchDocument } from '../fixtures/bench-document.ts'
import { loadDocument, peer } from '../fixtures/load-document.ts'
import { findBrowser, launch, PATIENCE_MS, violations } from './browser.ts'

const executable = findBrowser()
const documents = {
  usual: benchDocument(),
  noisy: benchDocument({ drift: 1.2, sides: ['off', 'libllama'] }),
  alone: benchDocument({ sides: ['off'], groups: ['qa'], perGroup: 1 }),
}
const pages = {
  ...Object.fromEntries(Object.entries(documents).map(([name, document]) => [name, renderPage(document)])),
  load: renderLoad(loadDocument({ failing: peer })),
}
type Name = keyof typeof documents | 'load'

let folder: string
let browser: Browser | undefined
const complaints: string[] = []

/** Opens a page of its own; whatever it complains about is collected. */
async function open(name: Name, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await browser!.newPage({ viewport: { width: 1200, height: 900 }, ...options })
  page.setDefaultTimeout(PATIENCE_MS)
  page.on('console', (message) => complaints.push(`console: ${message.text()}`))
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`))
  page.on('request', (request) => {
    if (!request.url().startsWith('file:')) complaints.push(`request: ${request.url()}`)
  })
  await page.goto(pathToFileURL(join(folder, `${name}.html`)).href)
  return page
}

/** Runs a function of the frames that scroll by themselves; text, because here are no types of the browser. */
function ofFrames<Result>(page: Page, select: string): Promise<Result> {
  return page.evaluate<Result>(`[...document.querySelectorAll('.scroll')]${select}`)
}

const title = `the report in a browser${executable === undefined ? ' (skipped: no Chromium, see CHROME_PATH)' : ''}`

describe.skipIf(executable === undefined)(title, () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'heterospec-report-'))
    for (const [name, html] of Object.entries(pages)) await writeFile(join(folder, `${name}.html`), html)
    browser = await launch(executable!)
  })

  afterAll(async () => {
    await browser?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('opens without errors and without any request, and no token text runs', async () => {
    complaints.length = 0
    const page = await open('usual')
    expect(await page.title()).toBe('SmolLM2-135M-Instruct: 8 ways of decoding')
    expect(await page.evaluate('window.broken')).toBeUndefined()
    expect(await page.locator('#pair-tables table').count()).toBe(3)
    expect(complaints).toEqual([])
    await page.close()
  })

  it('of servers under load opens without errors and without any request, and no name runs', async () => {
    complaints.length = 0
    const page = await open('load')
    expect(await page.title()).toBe('SmolLM2-135M-Instruct: servers under load')
    expect(await page.locator('svg.plot[role=img]').count()).toBe(3 + 4 * 2)
    expect(complaints).toEqual([])
    await page.close()
  })

  it('has pictures that are well-formed by themselves', async () => {
    const page = await open('usual')
    const drawings = renderPage(documents.usual).match(/<svg[^]*?<\/svg>/g)!
    const broken = await page.evaluate(
      `${JSON.stringify(drawings.filter((drawing) => drawing.includes('xmlns=')))}.filter((text) => new DOMParser().parseFromString(text, 'image/svg+xml').querySelector('parsererror'))`,
    )
    expect(broken).toEqual([])
    await page.close()
  })

  describe.each(['light', 'dark'] as const)('in the %s theme', (colorScheme) => {
    it.each(Object.keys(pages) as Name[])('axe finds nothing wrong with the %s document', async (name) => {
      const page = await open(name, { colorScheme })
      expect(await violations(page)).toEqual([])
      await page.close()
    })
  })

  it('compares any two methods by keyboard', async () => {
    const page = await open('usual')
    const sentence = page.locator('#pair-sentence')
    const auto = documents.usual.summary.find(({ side, group }) => side === 'auto' && group === 'overall')!
    expect(await sentence.textContent()).toBe(
      `auto decodes ${showInterval(auto.decodeSpeedup!)} times as fast as off: faster beyond noise.`,
    )
    await page.locator('#first').focus()
    await page.keyboard.press('ArrowDown')
    expect(await sentence.textContent()).toMatch(/^lookup\/fixed:nodes=8 decodes .* times as fast as off/)
    const [, forward] = /decodes ([\d.]+)/.exec((await sentence.textContent())!)!
    await page.keyboard.press('Tab')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    expect(await sentence.textContent()).toBe('Twice the same method: choose another one.')
    await page.locator('#first').selectOption('0')
    expect(await sentence.textContent()).toMatch(/^off decodes .* times as fast as lookup\/fixed:nodes=8/)
    const [, backward] = /decodes ([\d.]+)/.exec((await sentence.textContent())!)!
    expect(Number(forward) * Number(backward)).toBeCloseTo(1, 1)
    await page.locator('#first').selectOption({ label: 'combined/fixed:nodes=15 (failed)' })
    expect(await sentence.textContent()).toContain('combined/fixed:nodes=15 failed')
    expect(await page.locator('#pair-tables table').count()).toBe(1)
    await page.close()
  })

  it('leads from the first tab to the results', async () => {
    const page = await open('usual')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    await page.close()
  })

  it('copies the command', async () => {
    const page = await open('usual')
    // It says so for two seconds only, and a look from here may come later: the page takes it down.
    await page.evaluate(`{
      window.said = []
      const button = document.getElementById('copy')
      const watch = { childList: true, characterData: true, subtree: true }
      new MutationObserver(() => window.said.push(button.textContent)).observe(button, watch)
    }`)
    await page.locator('#copy').click()
    await expect.poll(() => page.evaluate('window.said.join()')).toMatch(/Copied|Selected/)
    expect(await page.locator('#command').textContent()).toBe(documents.usual.provenance.command)
    await page.close()
  })

  it.each([{ javaScriptEnabled: true }, { javaScriptEnabled: false }])('is whole on paper (%j)', async (options) => {
    const page = await open('usual', { ...options, colorScheme: 'dark' })
    await page.emulateMedia({ media: 'print' })
    for (const part of await page.locator('section, details table, figure svg.plot').all()) {
      const box = await part.boundingBox()
      expect(box?.height ?? 0, (await part.textContent())?.slice(0, 80)).toBeGreaterThan(10)
    }
    for (const control of await page.locator('.controls, nav, button, summary, .skip').all()) {
      expect(await control.isVisible(), (await control.textContent()) ?? '').toBe(false)
    }
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)')
    expect((await page.pdf({ preferCSSPageSize: true })).length).toBeGreaterThan(10_000)
    // What is wider than a page of A4 without its margins would be cut.
    await page.setViewportSize({ width: 703, height: 900 })
    const cut = await ofFrames<string[]>(
      page,
      ".filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.getAttribute('aria-label'))",
    )
    expect(cut).toEqual([])
    await page.close()
  })

  it.each(['usual', 'load'] as const)(
    'fits a narrow screen: only frames of %s scroll, by keyboard too',
    async (name) => {
      const page = await open(name, { viewport: { width: 360, height: 740 } })
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360)
      const frames = await ofFrames<{ scrolls: boolean; reachable: boolean; name: string }[]>(
        page,
        `.map((one) => ({
        scrolls: one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1,
        reachable: one.hasAttribute('tabindex'),
        name: one.getAttribute('aria-label'),
      }))`,
      )
      expect(frames.filter(({ scrolls }) => scrolls).length).toBeGreaterThan(5)
      expect(frames.filter(({ scrolls, reachable }) => scrolls !== reachable)).toEqual([])
      expect(frames.filter(({ name }) => name === '')).toEqual([])
      await page.close()
    },
  )
})
