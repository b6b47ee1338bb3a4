/**
 * The pictures of the page in docs/images: the default model and the head of the package behind a real server, in the Chromium of
 * this machine. Text and rounds are the same each time, times are not: take them on a quiet machine, and look at them.
 *
 *     npm run screenshots          (needs "npm run build")
 */
import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type Page } from 'playwright-core'
import { readEnvironment } from '../src/util/env.ts'
import { findBrowser } from '../test/browser/browser.ts'
import { startServer } from './faults/server.ts'

const folder = new URL('../docs/images/', import.meta.url)

/** Writes all of them. */
async function main(): Promise<void> {
  const executable = findBrowser()
  if (executable === undefined) throw new Error('expected a Chromium, got none; set CHROME_PATH')
  await using served = await startServer({
    program: [process.execPath, fileURLToPath(new URL('../bin/heterospec.cjs', import.meta.url))],
    model: 'smollm2',
    cacheDir: readEnvironment().cacheDir,
    flags: ['--draft-head', 'smollm2-135m-eagle3'],
  })
  const browser = await chromium.launch({ executablePath: executable })
  try {
    // What has to be read, compiled and learned once is none of the picture's business.
    await (await talked(browser, served.url, { budget: 'heterospec-cost', question: numbers })).close()
    await shoot(await talked(browser, served.url, { budget: 'heterospec-cost', question: numbers }), 'page-chat')
    await shoot(await compared(browser, served.url), 'page-side-by-side')
    const tree = await talked(browser, served.url, { method: 'eagle3', budget: 'heterospec', question: sky })
    await tree.setViewportSize({ width: 1600, height: 980 })
    await shoot(tree, 'page-tree', '.inspector')
  } finally {
    await browser.close()
  }
}

const numbers = 'Write the numbers from 1 to 30, separated by commas.'
const sky = 'Why is the sky blue? Answer in two sentences.'

interface Wish {
  readonly method?: string
  readonly budget: string
  readonly question: string
}

async function open(browser: Browser, url: string, colorScheme: 'light' | 'dark', view = ''): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 960 }, colorScheme })
  await page.goto(`${url}/${view}`)
  await page.locator('.model', { hasText: 'smollm2' }).waitFor()
  return page
}

/** Asks, and waits for the end of the answer. */
async function chat(page: Page, { method = 'auto', budget, question }: Wish): Promise<void> {
  await page.getByLabel('Most tokens').fill('160')
  await page.keyboard.press('Tab')
  await page.getByLabel('Drafter').selectOption(method)
  await page.getByLabel('Budget').selectOption(budget)
  await page.getByLabel(/^Your question/).fill(question)
  await page.keyboard.press('Enter')
  await page.locator('.answer[aria-busy=false]').waitFor()
  for (const alarm of await page.locator('.alarm').allTextContents()) throw new Error(alarm)
}

/** A conversation that shows the first of the rounds that accepted most. */
async function talked(browser: Browser, url: string, wish: Wish): Promise<Page> {
  const page = await open(browser, url, 'light')
  await chat(page, wish)
  const slider = page.getByRole('slider', { name: 'Round' })
  const last = Number(await slider.getAttribute('max'))
  let best = { round: 0, accepted: -1 }
  for (let round = 0; round <= last; round++) {
    await slider.fill(String(round))
    const [, accepted] = /, (\d+) accepted/.exec((await slider.getAttribute('aria-valuetext')) ?? '') ?? []
    if (Number(accepted ?? 0) > best.accepted) best = { round, accepted: Number(accepted ?? 0) }
  }
  await slider.fill(String(best.round))
  await slider.blur()
  return page
}

async function compared(browser: Browser, url: string): Promise<Page> {
  const page = await open(browser, url, 'dark', '#compare')
  await page.getByRole('button', { name: 'Run both' }).click()
  await page.locator('.verdict', { hasText: 'times as fast' }).waitFor()
  return page
}

/** Writes a picture of the window, or of a part of it. */
async function shoot(page: Page, name: string, part = 'body'): Promise<void> {
  const path = fileURLToPath(new URL(`${name}.png`, folder))
  await page.locator(part).screenshot({ path })
  console.log(`${name}.png`)
  await page.close()
}

await main()
