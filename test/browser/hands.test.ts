/** The page under hands: what a click, a second click and a key do while answers come, and where the focus is afterwards. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/engine/index.ts'
import { createApp, listen, type Listening } from '../../src/server/index.ts'
import { closeTiny, openTiny } from '../server/open.ts'
import { findBrowser, launch, violations } from './browser.ts'
import { ask, openPage, send, setUp, slowly } from './page.ts'

const executable = findBrowser()
const title = `the page under hands${executable === undefined ? ' (skipped: no Chromium, see CHROME_PATH)' : ''}`

let engine: Engine & { readonly folder: string }
let slow: Listening
let browser: Browser | undefined

const open = (view = '', url = slow.url): Promise<Page> => openPage(browser!, { url: `${url}/`, view })

/** An answer that does not end by itself. */
async function answering(): Promise<Page> {
  const page = await open()
  await setUp(page, 1000)
  await send(page, 'red blue red blue')
  await page.locator('.tokens .token').first().waitFor()
  return page
}

beforeAll(async () => {
  engine = await openTiny()
  slow = await listen(createApp(slowly(engine), { modelNames: ['tiny'] }), { host: '127.0.0.1', port: 0 })
  if (executable !== undefined) browser = await launch(executable)
})

// Whatever a test did not stop would keep the server's place from the next one.
afterEach(async () => {
  await Promise.all((browser?.contexts() ?? []).map((context) => context.close()))
})

afterAll(async () => {
  await browser?.close()
  await slow.close(0)
  await closeTiny(engine)
})

describe.skipIf(executable === undefined)(title, () => {
  it.each(['click', 'Enter'] as const)(
    'stops an answer by %s, and sends nothing of what is half typed',
    async (way) => {
      const page = await answering()
      const field = page.getByLabel(/^Your question/)
      await field.fill('half a ques')
      const stop = page.getByRole('button', { name: 'Stop' })
      await (way === 'click' ? stop.click() : stop.press('Enter'))
      await page.locator('.summary', { hasText: 'stopped' }).waitFor()
      expect(await page.locator('.question').count()).toBe(1)
      expect(await field.inputValue()).toBe('half a ques')
    },
  )

  it('stops a comparison, and begins none', async () => {
    const page = await open()
    await setUp(page, 1000)
    await page.getByRole('link', { name: 'Side by side' }).click()
    await page.getByRole('button', { name: 'Run both' }).click()
    await page.locator('.tokens .token').first().waitFor()
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.locator('.verdict', { hasText: 'Not both came to their end' }).waitFor()
    expect(await page.locator('.contestant [aria-busy=true] .token').count()).toBe(0)
    expect(await page.getByRole('button', { name: 'Run both' }).count()).toBe(1)
  })

  it('begins or stops with a double click, and takes nothing back by its second half', async () => {
    const page = await open()
    await setUp(page, 1000)
    await page.getByLabel(/^Your question/).fill('red blue red blue')
    await page.getByRole('button', { name: 'Send' }).dblclick()
    await page.locator('.answer[aria-busy=true] .token').nth(5).waitFor()
    await page.getByLabel(/^Your question/).fill('half a ques')
    await page.getByRole('button', { name: 'Stop' }).dblclick()
    await page.locator('.summary', { hasText: 'stopped' }).waitFor()
    expect(await page.locator('.question').count()).toBe(1)
    await page.getByRole('link', { name: 'Side by side' }).click()
    await page.getByRole('button', { name: 'Run both' }).dblclick()
    await page.locator('.answer[aria-busy=true] .token').nth(5).waitFor()
  })

  it('keeps the focus at the question when the control that had it goes, and stops by Escape anywhere', async () => {
    const page = await open()
    const isAtQuestion = (): Promise<void> =>
      expect.poll(() => page.evaluate('document.activeElement.id')).toBe('question')
    const stopped = page.locator('.summary', { hasText: 'stopped' })
    await setUp(page, 1000)
    await page.getByRole('button', { name: 'Why is the sky blue?' }).press('Enter')
    await page.locator('.tokens .token').nth(3).waitFor()
    await isAtQuestion()
    await page.getByRole('button', { name: 'Stop' }).press('Enter')
    await stopped.waitFor()
    await isAtQuestion()
    await page.getByRole('button', { name: 'Regenerate' }).press('Enter')
    await page.locator('.answer[aria-busy=true] .token').nth(3).waitFor()
    await isAtQuestion()
    await page.getByLabel('Drafter').focus()
    await page.keyboard.press('Escape')
    await stopped.waitFor()
    await page.getByRole('button', { name: 'New chat' }).press('Enter')
    await page.locator('.welcome').waitFor()
    await isAtQuestion()
    await page.getByRole('link', { name: 'Side by side' }).click()
    await page.getByRole('button', { name: 'Run both' }).press('Enter')
    await page.locator('.answer[aria-busy=true] .token').nth(3).waitFor()
    await isAtQuestion()
    await page.getByRole('button', { name: 'Stop' }).press('Enter')
    await page.locator('.verdict', { hasText: 'Not both came' }).waitFor()
    await isAtQuestion()
  })

  it('closes the words of a token by Escape before the key stops the answer', async () => {
    const page = await answering()
    await page.locator('.tokens').focus()
    await page.keyboard.press('ArrowRight')
    await page.locator('.hint', { hasText: 'The target itself' }).waitFor()
    await page.keyboard.press('Escape')
    await expect.poll(() => page.locator('.hint').textContent()).toBe('')
    expect(await page.locator('.answer[aria-busy=true]').count()).toBe(1)
    await page.keyboard.press('Escape')
    await page.locator('.summary', { hasText: 'stopped' }).waitFor()
  })

  it.each([1280, 1000, 800, 360])(
    'keeps both sides in their places when the verdict comes, %i pixels wide',
    async (width) => {
      const page = await open()
      await setUp(page, 8)
      await page.getByRole('link', { name: 'Side by side' }).click()
      await page.setViewportSize({ width, height: 800 })
      const place = (): Promise<number> => page.evaluate(`document.querySelector('.sides').getBoundingClientRect().y`)
      const before = await place()
      await page.getByRole('button', { name: 'Run both' }).click()
      await page.locator('.verdict', { hasText: 'times as fast' }).waitFor()
      expect(await place()).toBe(before)
      const long =
        'B took 11.1 s instead of 111.1 s: 10.1 times as fast. The texts are the same, character for character.'
      await page.evaluate(`document.querySelector('.verdict-words').textContent = ${JSON.stringify(long)}`)
      expect(await place()).toBe(before)
    },
  )

  it('says what a comparison ran with where the settings have changed since', async () => {
    const page = await open()
    await setUp(page, 8)
    await page.getByRole('link', { name: 'Side by side' }).click()
    await page.getByRole('button', { name: 'Run both' }).click()
    await page.locator('.verdict', { hasText: 'times as fast' }).waitFor()
    const words = page.locator('.compare').getByText(/ran with|changed since/)
    expect(await words.count()).toBe(0)
    await page.getByRole('region', { name: 'Setting B' }).getByLabel('Drafter').selectOption('lookup')
    expect(await words.allTextContents()).toEqual([expect.stringContaining('ran with: Server’s setting')])
    await page.getByRole('link', { name: 'Chat' }).click()
    await setUp(page, 9)
    await page.getByRole('link', { name: 'Side by side' }).click()
    expect(await words.first().textContent()).toContain('ran greedy, at most 8 tokens; the settings of the chat have')
    await page.getByRole('button', { name: 'Run both' }).click()
    await words.first().waitFor({ state: 'detached' })
  })

  it.each([1280, 1366, 1920, 360])('cuts no words off that nothing else says, %i pixels wide', async (width) => {
    const page = await open()
    await setUp(page, 30)
    await page.setViewportSize({ width, height: 800 })
    await ask(page, 'red blue red blue')
    const cut = (): Promise<string[]> =>
      page.evaluate(
        `[...document.querySelectorAll('.inspector *')].filter((one) => getComputedStyle(one).textOverflow === 'ellipsis' && one.scrollWidth > one.clientWidth && !one.title).map((one) => one.textContent)`,
      )
    const words = page.locator('.round-words')
    const height = async (): Promise<number> => (await words.boundingBox())?.height ?? 0
    const usual = await height()
    const longest = 'no guess was worth checking: 1 token in one pass'
    await page.evaluate(`document.querySelector('.round-words').textContent = '${longest}'`)
    expect(await height()).toBe(usual)
    expect(await cut()).toEqual([])
  })

  it('does not send by the Enter that ends a composition, as Safari tells it', async () => {
    const page = await open()
    const field = page.getByLabel(/^Your question/)
    await field.fill('ni hao')
    await page.evaluate(
      `document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', keyCode: 229, bubbles: true }))`,
    )
    expect(await page.locator('.question').count()).toBe(0)
    expect(await field.inputValue()).toBe('ni hao')
  })

  it('neither sends nor keeps a number that the server refuses, and says what it takes', async () => {
    const page = await open()
    await setUp(page, 8)
    const wrong = { 'Top-p': '5', 'Top-k': '2.5', Temperature: '-1', Nodes: '256', 'Most tokens': '1e400' }
    for (const [label, text] of Object.entries(wrong)) {
      const field = page.getByLabel(label)
      await field.focus()
      await page.keyboard.press('ControlOrMeta+a')
      await page.keyboard.type(text)
      await page.keyboard.press('Tab')
      expect(await field.getAttribute('aria-invalid'), label).toBe('true')
    }
    expect(await page.locator('.wrong').count()).toBe(5)
    expect(await page.getByLabel('Top-p').inputValue()).toBe('5')
    expect(await violations(page)).toEqual([])
    await ask(page, 'red')
    expect(await page.locator('.alarm').count()).toBe(0)
    expect(await page.evaluate(`localStorage.getItem('heterospec.settings')`)).toContain('"maxTokens":8,')
    await page.getByLabel('Top-p').fill('0.93')
    await expect.poll(() => page.locator('.wrong').count()).toBe(4)
    expect(await page.evaluate(`localStorage.getItem('heterospec.settings')`)).toContain('"topP":0.93,')
  })
})
