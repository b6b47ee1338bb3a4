/** The server's page in tests: opening it, asking, and an engine that is slow enough to be interrupted. */
import { once } from 'node:events'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import type { Engine, GenerateEvent, GenerateRequest } from '../../src/engine/index.ts'
import { PATIENCE_MS } from './browser.ts'

/** Opens a view; whatever the page complains about or asks of others is collected. `url` ends with a slash. */
export async function openPage(
  browser: Browser,
  wish: {
    readonly url: string
    readonly view?: string
    readonly options?: BrowserContextOptions
    readonly complaints?: string[]
  },
): Promise<Page> {
  const { url, view = '', options, complaints = [] } = wish
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 }, ...options })
  page.setDefaultTimeout(PATIENCE_MS)
  page.on('console', (message) => complaints.push(`console: ${message.text()}`))
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`))
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('blob:'))
      complaints.push(`request: ${request.url()}`)
  })
  await page.goto(`${url}${view}`)
  await page.locator('.top').waitFor()
  return page
}

/** Types a question and sends it. */
export async function send(page: Page, question: string): Promise<void> {
  await page.getByLabel(/^Your question/).fill(question)
  await page.keyboard.press('Enter')
}

/** Asks by keyboard and waits for the end of the answer. */
export async function ask(page: Page, question: string): Promise<void> {
  const answers = await page.locator('.answer').count()
  await send(page, question)
  await page.locator('.answer[aria-busy=false]').nth(answers).waitFor()
}

/** Fixed numbers of tokens and drafts in every round: the tiny model's text is long and means nothing. */
export async function setUp(page: Page, tokens = 40): Promise<void> {
  await page.getByLabel('Most tokens').fill(String(tokens))
  await page.keyboard.press('Tab')
  await page.getByLabel('Drafter').selectOption('combined')
  await page.getByLabel('Budget').selectOption('fixed')
}

/**
 * The same engine with a pause after each round: time to press Stop. An answer that may have more tokens than `endless` does not
 * end by itself, whatever the model says and however long the browser takes to press it.
 */
export function slowly(engine: Engine): Engine {
  async function* generate(request: GenerateRequest): AsyncGenerator<GenerateEvent> {
    const isEndless = (request.maxTokens ?? Infinity) > endless
    let rounds = 0
    for await (const event of engine.generate({ ...request, ...(isEndless && { ignoreEos: true }) })) {
      yield event
      if (event.type !== 'round') continue
      if (isEndless && ++rounds === 20) await aborted(request.signal)
      else await new Promise((resolve) => setTimeout(resolve, 30))
    }
  }
  return withParts(engine, { generate })
}

const endless = 100

/** Comes when the signal does. */
async function aborted(signal: AbortSignal | undefined): Promise<void> {
  if (signal && !signal.aborted) await once(signal, 'abort')
}

/** The same engine with other parts. */
export function withParts(engine: Engine, parts: Partial<Record<keyof Engine, unknown>>): Engine {
  return new Proxy(engine, {
    get: (target, name): unknown => {
      if (name in parts) return parts[name as keyof Engine]
      const part: unknown = Reflect.get(target, name, target)
      return typeof part === 'function' ? (part.bind(target) as unknown) : part
    },
  })
}
