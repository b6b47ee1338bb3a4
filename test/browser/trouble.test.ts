/** The page when things go wrong, or when the model is another than it hoped for: it says so, keeps what there is, and goes on. */
import { once } from 'node:events'
import { truncate, writeFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/engine/index.ts'
import { makeRound } from '../../src/page/data/rounds.fixture.ts'
import { createApp, listen, type Listening, type ServerOptions } from '../../src/server/index.ts'
import { closeTiny, openTiny } from '../server/open.ts'
import { findBrowser, launch, PATIENCE_MS, violations } from './browser.ts'
import { ask, openPage, send, setUp, slowly, withParts } from './page.ts'

const executable = findBrowser()
const title = `the page in trouble${executable === undefined ? ' (skipped: no Chromium, see CHROME_PATH)' : ''}`

let engine: Engine & { readonly folder: string }
let browser: Browser | undefined
const servers: Listening[] = []

/** A server's address, with a slash at its end. */
async function serve(model: Engine, options: ServerOptions = {}): Promise<string> {
  const server = createApp(model, { modelNames: ['tiny'], ...options })
  const listening = await listen(server, { host: '127.0.0.1', port: 0 })
  servers.push(listening)
  return `${listening.url}/`
}

/** A way to a server that can be cut. */
async function wireTo(url: string): Promise<{ readonly url: string; cut(): void; close(): void }> {
  const sockets = new Set<Socket>()
  const wire: Server = createServer((near) => {
    const far = connect(Number(new URL(url).port), '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => undefined).on('close', () => [near, far].forEach((end) => end.destroy()))
    }
    near.pipe(far).pipe(near)
  })
  wire.listen(0, '127.0.0.1')
  await once(wire, 'listening')
  const cut = (): void => sockets.forEach((socket) => socket.resetAndDestroy())
  return {
    url: `http://127.0.0.1:${(wire.address() as AddressInfo).port}/`,
    cut,
    close: () => {
      wire.close()
      cut()
    },
  }
}

const alarm = (page: Page): Promise<string | null> => page.locator('.alarm').first().textContent()

beforeAll(async () => {
  engine = await openTiny()
  if (executable !== undefined) browser = await launch(executable)
})

afterAll(async () => {
  await browser?.close()
  await Promise.all(servers.map((one) => one.close(0)))
  await closeTiny(engine)
})

describe.skipIf(executable === undefined)(title, () => {
  it('keeps what came of an answer whose connection was lost, and asks again', async () => {
    const wire = await wireTo(await serve(slowly(engine)))
    const page = await openPage(browser!, { url: wire.url })
    await setUp(page, 1000)
    await send(page, 'red blue red blue')
    await page.locator('.tokens .token').nth(5).waitFor()
    wire.cut()
    await page.locator('.alarm').waitFor()
    expect(await alarm(page)).toContain('the connection was lost before the answer was over')
    expect((await page.locator('.tokens').textContent())?.length).toBeGreaterThan(0)
    expect(await page.locator('.answer[aria-busy=false] .tokens').count()).toBe(1)
    const kept = await page.locator('.tokens').textContent()
    await page.route('**/v1/**', (route) => route.abort())
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.locator('.alarm', { hasText: 'the server does not answer' }).waitFor()
    expect(await page.locator('.tokens').textContent()).toBe(kept)
    await page.unroute('**/v1/**')
    await page.getByLabel('Most tokens').fill('5')
    await page.keyboard.press('Tab')
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.locator('.summary', { hasText: 'cut at the limit' }).waitFor()
    expect(await page.locator('.alarm').count()).toBe(0)
    wire.close()
    await send(page, 'red')
    await page.locator('.alarm').waitFor()
    expect(await alarm(page)).toContain('the server does not answer; is it still running?')
    await page.close()
  })

  it('sends what is typed even where Enter comes before the page is drawn again', async () => {
    const page = await openPage(browser!, { url: await serve(engine) })
    await page.evaluate(`{
      const field = document.getElementById('question')
      field.value = 'red'
      field.dispatchEvent(new InputEvent('input', { bubbles: true }))
      field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }))
    }`)
    await page.locator('.question', { hasText: 'red' }).waitFor()
    await page.close()
  })

  it('says that a stream without an end was cut, as a proxy does it', async () => {
    const url = await serve(engine)
    const page = await openPage(browser!, { url })
    const event = { choices: [{ index: 0, delta: { content: 'half' }, finish_reason: null }] }
    await page.route('**/v1/chat/completions', (route) =>
      route.fulfill({ contentType: 'text/event-stream', body: `data: ${JSON.stringify(event)}\n\n` }),
    )
    await send(page, 'red')
    await page.locator('.alarm').waitFor()
    expect(await alarm(page)).toContain('the connection was lost')
    expect(await page.locator('.tokens').textContent()).toBe('half')
    await page.close()
  })

  it('finds a server that was away', async () => {
    const url = await serve(engine)
    const page = await browser!.newPage()
    page.setDefaultTimeout(PATIENCE_MS)
    await page.route('**/props', (route) => route.abort())
    await page.goto(url)
    const problem = page.getByRole('alert').filter({ hasText: 'The server does not answer' })
    await problem.waitFor()
    await page.unroute('**/props')
    await problem.getByRole('button', { name: 'Try again' }).click()
    await page.locator('.model', { hasText: 'tiny' }).waitFor()
    expect(await page.locator('.alarm').count()).toBe(0)
    await page.close()
  })

  it('offers no drafter that the server does not have', async () => {
    const url = await serve(engine)
    const page = await openPage(browser!, { url })
    await page.locator('.model', { hasText: 'tiny' }).waitFor()
    const closed = page.getByLabel('Drafter').locator('option:disabled')
    await expect.poll(() => closed.allTextContents()).toEqual(['Draft head (not loaded)', 'Draft model (not loaded)'])
    await page.close()
  })

  it('says why a server takes no question, and gives the question back', async () => {
    const url = await serve(slowly(engine), { queueLimit: 0 })
    const [busy, page] = [await openPage(browser!, { url }), await openPage(browser!, { url })]
    await setUp(busy, 1000)
    await send(busy, 'red blue')
    await busy.locator('.tokens .token').first().waitFor()
    await ask(page, 'green')
    expect(await alarm(page)).toMatch(/the queue is full; try again later \(in about \d+ s\)/)
    await busy.getByRole('button', { name: 'Stop' }).click()
    await busy.locator('.summary', { hasText: 'stopped' }).waitFor()
    await page.getByRole('button', { name: 'Edit question' }).click()
    const field = page.getByLabel(/^Your question/)
    expect(await field.inputValue()).toBe('green')
    expect(await page.locator('textarea:focus').count()).toBe(1)
    await ask(page, 'red '.repeat(3000))
    expect(await alarm(page)).toContain('2048 tokens')
    expect(await violations(page)).toEqual([])
    await Promise.all([busy.close(), page.close()])
  })

  it('says that a key was not taken', async () => {
    const page = await openPage(browser!, { url: await serve(engine, { apiKeys: ['sesame'] }) })
    const field = page.getByLabel(/wants an API key/)
    await field.fill('wrong')
    await page.keyboard.press('Enter')
    const refused = page.getByRole('alert').filter({ hasText: 'did not take this key' })
    await refused.waitFor()
    expect(await violations(page)).toEqual([])
    await page.reload()
    // No header can hold these quotes.
    await field.fill('“sesame”')
    await page.keyboard.press('Enter')
    await refused.waitFor()
    expect(await page.locator('.strip').count()).toBe(1)
    await field.fill('sesame')
    await page.keyboard.press('Enter')
    await page.locator('.model', { hasText: 'tiny' }).waitFor()
    expect(await page.getByRole('alert').count()).toBe(0)
    await page.close()
  })

  it('asks for a key in every view, also where it is wanted later', async () => {
    const page = await openPage(browser!, { url: await serve(engine) })
    await page.locator('.model', { hasText: 'tiny' }).waitFor()
    // As if the server had begun anew with this key.
    const wantKey = (key: string): Promise<unknown> =>
      page.route(/v1|detokenize|props/, (route) =>
        route.request().headers()['authorization'] === `Bearer ${key}`
          ? route.continue()
          : route.fulfill({ status: 401, json: { error: { message: 'expected an API key' } } }),
      )
    const field = page.getByLabel(/wants an API key/)
    await wantKey('sesame')
    await page.getByRole('link', { name: 'Side by side' }).click()
    await page.getByRole('button', { name: 'Run both' }).click()
    await field.fill('sesame')
    await page.keyboard.press('Enter')
    await field.waitFor({ state: 'detached' })
    await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('question')
    await wantKey('another')
    await page.getByRole('link', { name: 'Replay' }).click()
    const path = join(engine.folder, 'locked.jsonl')
    await writeFile(path, JSON.stringify(makeRound({ tokens: [40], parents: [-1], acceptedPath: [], emitted: [43] })))
    await page.locator('input[type=file]').setInputFiles(path)
    await page.getByRole('alert').filter({ hasText: 'did not take this key' }).waitFor()
    expect(await page.locator('.replay .alarm').textContent()).toContain('Tokens are shown by number')
    expect(await violations(page)).toEqual([])
    await field.fill('another')
    await page.keyboard.press('Enter')
    await field.waitFor({ state: 'detached' })
    await page.close()
  })

  it('refuses files that are too large or no text, and says what a shared pass did', async () => {
    const page = await openPage(browser!, { url: await serve(engine), view: '#replay' })
    const path = join(engine.folder, 'trouble.jsonl')
    const file = page.locator('input[type=file]')
    await writeFile(path, Buffer.from([0, 159, 146, 150, 10, 200]))
    await file.setInputFiles(path)
    await page.locator('.alarm', { hasText: 'line 1: expected a round' }).waitFor()
    await truncate(path, 300 * 2 ** 20)
    await file.setInputFiles(path)
    await page.locator('.alarm', { hasText: 'expected at most 256 MiB, got 300 MiB' }).waitFor()
    const tree = { tokens: [40], parents: [-1], acceptedPath: [], emitted: [43] }
    const why = { nodes: 0, reason: 'drafts do not pay those who share the pass' }
    const budget = { depth: 0, width: 0, nodes: 0 }
    await writeFile(path, JSON.stringify(makeRound(tree, { why, budget, requests: 3 })))
    await file.setInputFiles(path)
    await page.locator('.why', { hasText: 'drafts rest' }).waitFor()
    expect(await page.locator('.why').textContent()).toContain('3 answers shared this pass')
    expect(await page.locator('.alarm').count()).toBe(0)
    await page.close()
  })

  it('goes on with a text where the model has no chat template, and warns of models for vectors', async () => {
    const { spec } = engine
    const other = withParts(engine, { template: undefined, spec: { ...spec, pooling: 'mean' } })
    const page = await openPage(browser!, { url: await serve(other) })
    await page.locator('.about', { hasText: 'made for vectors' }).waitFor()
    await setUp(page, 12)
    await ask(page, 'red blue')
    const { text } = await engine.complete({ prompt: 'red blue', temperature: 0, maxTokens: 12 })
    expect(await page.locator('.tokens').textContent()).toBe(text)
    expect(await violations(page)).toEqual([])
    await page.close()
  })
})
