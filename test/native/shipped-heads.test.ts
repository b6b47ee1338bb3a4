/** Heads that lie ready: `auto` uses the one for the model, says what is wrong with a broken one, and runs without it. */
import { copyFile, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openEngine, type EngineOptions } from '../../src/engine/index.ts'
import { liveHandles } from '../../src/ffi/index.ts'
import { headFor, listHeads, loadGguf, sampleWeights, shippedHeadsFolder } from '../../src/gguf/index.ts'
import type { TinyHeadOptions } from '../../scripts/make-tiny-head.ts'
import { resolveModel } from '../../src/store/index.ts'
import { tinyFile, tinyHeadFile } from '../tiny.ts'

const PROMPT = 'one two three one two three one two'
let root: string
let model: string
let count = 0
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'heterospec-heads-'))
  model = await tinyFile({})
})
afterAll(async () => {
  await rm(root, { recursive: true })
  expect(liveHandles()).toEqual({})
})

/** A folder with one head that says that it was trained for `target`. */
async function folderOf(options: TinyHeadOptions, target = model): Promise<{ folder: string; head: string }> {
  const folder = join(root, String(count++))
  await mkdir(folder)
  const print = { 'heterospec.target_fingerprint': { type: 'string', value: loadGguf(target).fingerprint } } as const
  const head = join(folder, 'head.gguf')
  await copyFile(await tinyHeadFile({ ...options, metadata: { ...options.metadata, ...print } }), head)
  return { folder, head }
}

/** What an engine that may use heads of `headsDir` drafts with, what it says, and its words. */
async function answer(headsDir: string | false, speculative: EngineOptions['speculative'] = 'auto') {
  const warnings: string[] = []
  const onWarning = (message: string): number => warnings.push(message)
  const options = { threads: 1, context: 128, cacheDir: root, kernels: false, headsDir, onWarning } as const
  await using engine = await openEngine(model, { ...options, speculative })
  const drafter = await engine.lab.drafter(speculative)
  const budget = { policy: 'fixed', nodes: 6, depth: 3, width: 2 } as const
  const request = { prompt: PROMPT, maxTokens: 12, ignoreEos: true }
  const first = await engine.complete({ ...request, speculative: speculative === 'off' ? 'off' : { budget } })
  const second = await engine.complete({ ...request, speculative: speculative === 'off' ? 'off' : { budget } })
  expect(second.tokens).toEqual(first.tokens)
  return { sources: drafter?.sources, warnings, tokens: first.tokens }
}

describe('auto', () => {
  it('drafts with the head that was trained for the model, and says the same', async () => {
    const { folder } = await folderOf({ vocabularyStep: 2 })
    const plain = await answer(folder, 'off')
    const { sources, warnings, tokens } = await answer(folder)
    expect(sources).toContain('eagle3')
    expect(warnings).toEqual([])
    expect(tokens).toEqual(plain.tokens)
  })

  it.each([
    ['a folder without heads', () => Promise.resolve(join(root, 'nowhere'))],
    ['a head of another model', async () => (await folderOf({}, await tinyFile({ layers: 3 }))).folder],
  ])('does without where there is %s', async (_what, folder) => {
    const { sources, warnings } = await answer(await folder())
    expect(sources).not.toContain('eagle3')
    expect(warnings).toEqual([])
  })

  it('uses no head when it shall not, or when another drafter was asked for', async () => {
    const { folder } = await folderOf({})
    expect((await answer(false)).sources).not.toContain('eagle3')
    expect((await answer(folder, { drafter: { method: 'combined' } })).sources).not.toContain('eagle3')
  })

  it('tells models apart that differ in their weights only', async () => {
    const weights = { 'heterospec.target_weights': { type: 'string', value: sampleWeights(loadGguf(model)) } } as const
    expect((await answer((await folderOf({ metadata: weights })).folder)).sources).toContain('eagle3')
    const tuned = join(root, 'tuned.gguf')
    const { tensors, fingerprint } = loadGguf(model)
    const bytes = await readFile(model)
    const matrix = tensors.find(({ name }) => name === 'blk.1.ffn_up.weight')!
    bytes.fill(1, matrix.offset, matrix.offset + matrix.bytes)
    await writeFile(tuned, bytes)
    expect(loadGguf(tuned).fingerprint).toBe(fingerprint)
    const heads = listHeads((await folderOf({ metadata: weights })).folder).heads
    expect(headFor(loadGguf(model), heads)).toBeDefined()
    expect(headFor(loadGguf(tuned), heads)).toBeUndefined()
    // A head that does not tell is taken for either, as before.
    expect(headFor(loadGguf(tuned), listHeads((await folderOf({})).folder).heads)).toBeDefined()
  })

  const outside = (tensors: Parameters<NonNullable<TinyHeadOptions['tensors']>>[0]): typeof tensors =>
    tensors.map((tensor) => (tensor.name === 'd2t' ? { ...tensor, values: tensor.values.map(() => 9999n as never) } : tensor))
  const noNumbers = (tensors: Parameters<NonNullable<TinyHeadOptions['tensors']>>[0]): typeof tensors =>
    tensors.map((tensor) => (tensor.name === 'fc.weight' ? { ...tensor, values: new Float32Array(tensor.values.length).fill(NaN) } : tensor))
  const broken: [string, RegExp, () => Promise<string>][] = [
    [
      'that was cut off',
      /head\.gguf/,
      async () => {
        const { folder, head } = await folderOf({})
        await truncate(head, (await readFile(head)).length - 5000)
        return folder
      },
    ],
    [
      'that is something else',
      /head\.gguf/,
      async () => {
        const { folder, head } = await folderOf({})
        await writeFile(head, 'not a head')
        return folder
      },
    ],
    ['with weights that are no numbers', /numbers in fc\.weight/, async () => (await folderOf({ tensors: noNumbers })).folder],
    [
      'with a draft id outside the vocabulary',
      /draft ids from 0 to \d+ in .*got 9999/,
      async () => (await folderOf({ vocabularyStep: 2, tensors: outside })).folder,
    ],
    ['for another width', /a head for Tiny \(width 128\)/, async () => (await folderOf({ targetWidth: 64 })).folder],
    [
      'for other tokens',
      /vocabulary/,
      async () => (await folderOf({ metadata: { 'tokenizer.ggml.tokens': { type: 'array', of: 'string', values: ['a'] } } })).folder,
    ],
  ]
  it.each(broken)('warns once of a head %s, and drafts without it', async (_what, sentence, make) => {
    const folder = await make()
    const { sources, warnings, tokens } = await answer(folder)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(sentence)
    expect(warnings[0]).toMatch(/^drafting without a head: [^\n]*; [^\n]*$/)
    expect(sources).not.toContain('eagle3')
    expect(tokens).toEqual((await answer(folder, 'off')).tokens)
  })
})

describe('the heads of the package', () => {
  it('can be read, say what they were trained for, and have at most 12 MB', () => {
    const { heads, problems } = listHeads(shippedHeadsFolder())
    expect(problems).toEqual([])
    for (const { bytes, target } of heads) {
      expect(bytes).toBeLessThanOrEqual(12e6)
      expect(target).toMatch(/^[0-9a-f]{32}/)
    }
  })

  it('are found by name, without a network', async () => {
    const { heads } = listHeads(shippedHeadsFolder())
    expect(heads.map(({ path }) => basename(path, '.gguf'))).toContain('smollm2-135m-eagle3')
    for (const { path, bytes } of heads) {
      const found = await resolveModel(basename(path, '.gguf'), { pull: false, cacheDir: root })
      expect(found).toMatchObject({ path, bytes, source: 'package' })
    }
    await expect(resolveModel('../heads/smollm2-135m-eagle3', { pull: false })).rejects.toThrow('expected a GGUF file')
  })
})
