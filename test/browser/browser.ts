/** The browser of this machine, and what accessibility tests look for. */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import axe, { type AxeResults } from 'axe-core'
import { chromium, type Browser, type Page } from 'playwright-core'

/** Longest wait for anything in the browser: a machine under load takes its time, and a test may take two minutes. */
export const PATIENCE_MS = 100_000

/** Starts the browser. */
export function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, timeout: PATIENCE_MS })
}

/** A Chromium of this machine, or nothing. */
export function findBrowser(): string | undefined {
  const named = process.env['CHROME_PATH']
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const candidates = [
    ...(named ? [named] : []),
    ...names.flatMap((name) => folders.map((folder) => join(folder, name))),
  ]
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      // Some systems have a script of this name that only says where to get the browser.
      return spawnSync(path, ['--version'], { stdio: 'ignore' }).status === 0
    } catch {
      return false
    }
  })
}

/** What axe finds wrong with a page: rule and elements. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const found = await page.evaluate<AxeResults>('axe.run()')
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`)
}
