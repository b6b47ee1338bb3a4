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
      library: { devices: string[]; kernels: { set?: string; path?: string; origin?: string; reason?: string } }
      model: { threads: number }
      passes: { rows: number; ms: number }[]
      findings: { message: string }[]
    }
    expect(checkup.library.devices.length).toBeGreaterThan(0)
    expect(checkup.model.threads).toBeGreaterThan(0)
    expect(checkup.passes.find(({ rows }) => rows === 1)?.ms).toBeGreaterThan(0)
    const { kernels } = checkup.library
    if (kernels.set === undefined) expect(kernels.reason).toMatch(/./)
    else expect(kernels).toMatchObject({ path: expect.stringContaining('libheterospec-') as string })
    // Own kernels are no must: a machine without compiler is told how to get them.
    expect(checkup.findings.filter(({ message }) => !message.includes("heterospec's own kernels"))).toEqual([])
  })

  it("names heterospec's own kernels, or why there are none and what to do", async () => {
    const kernelsOf = async (variables: NodeJS.ProcessEnv) => {
      const ended = await cli(['doctor'], { env: { ...env, ...variables } })
      const row = /^kernels +(.*)$/m.exec(ended.stdout)?.[1]
      return { code: ended.code, row, text: ended.stdout }
    }
    const off = await kernelsOf({ HETEROSPEC_KERNELS: 'off' })
    expect(off).toMatchObject({ code: 0, row: "ggml's own operations (ours: they are switched off)" })
    expect(off.text).not.toMatch(/note: .*own kernels/)
    const wrong = await kernelsOf({ HETEROSPEC_KERNELS: 'fastest' })
    expect(wrong.code).toBe(1)
    expect(wrong.text).toMatch(/MISSING: expected one of the kernels auto, off, avx512-vnni, .* got fastest/)
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
