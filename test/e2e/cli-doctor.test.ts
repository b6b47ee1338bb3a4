/** `heterospec doctor`, and the options page that derives from the same schemas as the flags. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import { optionsPage, pageUrl } from '../../scripts/gen-docs.ts'
import { cli, lastLine, temporaryFolder } from './cli.ts'

const env = { HETEROSPEC_CACHE: join(temporaryFolder(), 'cache') }

describe('doctor', () => {
  it('finds the library, the machine and the price of a pass', async () => {
    const ended = await cli(['doctor', '--json', '--model', inject('modelPath')], { env })
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const checkup = lastLine(ended.stdout) as {
      library: { devices: string[] }
      model: { threads: number }
      passes: { rows: number; ms: number }[]
      findings: unknown[]
    }
    expect(checkup.library.devices.length).toBeGreaterThan(0)
    expect(checkup.model.threads).toBeGreaterThan(0)
    expect(checkup.passes.find(({ rows }) => rows === 1)?.ms).toBeGreaterThan(0)
    expect(checkup.findings).toEqual([])
  })

  it('says what is missing and how to get it, for people and for scripts', async () => {
    const model = await cli(['doctor'], { env })
    expect(model.code).toBe(0)
    expect(model.stdout).toMatch(/note: expected .* in the cache, got nothing; run "heterospec pull/)
    const library = await cli(['doctor'], { env: { ...env, HETEROSPEC_LIBRARY: '/nowhere' } })
    expect(library.code).toBe(1)
    expect(library.stdout).toMatch(/MISSING: expected ggml libraries in \/nowhere/)
  })
})

describe('docs/options.md', () => {
  it('is what the schemas say; "npm run docs" writes it anew', async () => {
    expect(await readFile(pageUrl, 'utf8')).toBe(await optionsPage())
  })
})
