/** `heterospec head import`: the file, what is said, wrong use, the hub, Ctrl-C. */
import { mkdir, readFile, readdir, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { loadGguf } from '../../src/gguf/index.ts'
import { makePublishedHead } from '../fixtures/published-head.ts'
import { tinyHeadFile } from '../tiny.ts'
import { cli, lastLine, startCli, temporaryFolder } from './cli.ts'
import { deadEndpoint, fakeHub, filesUnder } from './store-fixtures.ts'

const folder = temporaryFolder()
const env = { HETEROSPEC_CACHE: join(folder, 'cache') }
const published = join(folder, 'published')
const target = ['--target', inject('tinyModelPath')]

beforeAll(async () => {
  await makePublishedHead(published, { layout: 'SpecForge' })
})

describe('head import', () => {
  it('writes a head that run drafts with, and does not replace it unasked', async () => {
    const out = join(folder, 'head.gguf')
    const ended = await cli(['head', 'import', published, ...target, '--out', out], { env })
    expect(ended).toMatchObject({ code: 0, stdout: `${out}\n` })
    expect(ended.stderr).toMatch(
      /^SpecForge head: width 128, 149 draft tokens, reads the streams entering layers 0, 1, 2; \d+ kB\n$/,
    )
    expect(loadGguf(out).metadata.string('general.name')).toBe('published')
    const types = new Set(loadGguf(out).tensors.map(({ type }) => type))
    expect(types).toEqual(new Set([0, 8, 27])) // F32, Q8_0, I64

    const model = ['--model', inject('tinyModelPath'), '--threads', '1', '--max-tokens', '12', '--ignore-eos', '--json']
    const drafted = await cli(['run', ...model, '--draft-head', out, '--budget', 'eagle', 'hello'], { env })
    const plain = await cli(['run', ...model, '--speculative', 'off', 'hello'], { env })
    expect(drafted.code).toBe(0)
    expect((lastLine(drafted.stdout) as { text: string }).text).toBe((lastLine(plain.stdout) as { text: string }).text)

    const before = await readFile(out)
    const again = await cli(['head', 'import', published, ...target, '--out', out, '--type', 'f32'], { env })
    expect(again).toMatchObject({ code: 2, stdout: '' })
    expect(again.stderr).toBe(`heterospec: expected no file at ${out}, got one; add --force to replace it\n`)
    expect(await readFile(out)).toEqual(before)
    const forced = ['head', 'import', published, ...target, '--out', out, '--type', 'f32', '--force', '--quiet']
    expect(await cli(forced, { env })).toMatchObject({ code: 0, stderr: '' })
    expect(new Set(loadGguf(out).tensors.map(({ type }) => type))).toEqual(new Set([0, 27]))
  })

  it('lies ready for its model: shown, and used by auto', async () => {
    const heads = join(folder, 'heads')
    await mkdir(heads)
    const out = join(heads, 'ready.gguf')
    expect(await cli(['head', 'import', published, ...target, '--out', out, '--quiet'], { env })).toMatchObject({
      code: 0,
    })
    const own = { ...env, HETEROSPEC_HEADS: heads, HETEROSPEC_KERNELS: 'off' }
    const model = ['--model', inject('tinyModelPath'), '--threads', '1']
    const inspected = await cli(['inspect', inject('tinyModelPath'), '--json'], { env: own })
    const draftHead = { name: 'published', path: out, auto: true }
    expect(lastLine(inspected.stdout)).toMatchObject({ draftHead })
    const checkup = await cli(['doctor', '--json', ...model], { env: own })
    expect(lastLine(checkup.stdout)).toMatchObject({ model: { draftHead } })
    const trace = join(folder, 'trace.jsonl')
    const answer = ['run', ...model, '--max-tokens', '12', '--ignore-eos', 'hello']
    const speak = [...answer, '--budget', 'fixed', '--trace', trace]
    const drafted = await cli(speak, { env: own })
    const plain = await cli([...answer, '--speculative', 'off'], { env: own })
    expect(drafted.stdout).toBe(plain.stdout)
    // Source 2 of the merged tree is the head: lookup and recycling know nothing at first.
    const first = JSON.parse((await readFile(trace, 'utf8')).split('\n')[0] ?? '') as { tree: { sources: number[] } }
    expect(first.tree.sources.slice(1)).toContain(2)

    await truncate(out, 100_000)
    const broken = await cli(speak, { env: own })
    expect(broken).toMatchObject({ code: 0, stdout: plain.stdout })
    expect(broken.stderr).toMatch(/^heterospec: drafting without a head: .*ready\.gguf/m)
  })

  it('tells in one sentence what is wrong with a head, and leaves nothing', async () => {
    const broken = join(folder, 'broken')
    await makePublishedHead(broken, { layout: 'official' })
    await truncate(join(broken, 'model.safetensors'), 100_000)
    const place = join(folder, 'empty')
    await mkdir(place)
    const ended = await cli(['head', 'import', broken, ...target, '--out', join(place, 'head.gguf')], { env })
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(/^heterospec: expected \d+ bytes for "[^\n]*; download the head again\n$/)
    expect(await readdir(place)).toEqual([])
  })

  it('fetches from the hub what it reads, once', async () => {
    const names = await readdir(published)
    const files = Object.fromEntries(
      await Promise.all(names.map(async (name) => [name, await readFile(join(published, name))] as const)),
    )
    await using hub = await fakeHub({ ...files, 'README.md': Buffer.from('# head') })
    const own = { ...env, HF_ENDPOINT: hub.access.endpoint }
    const out = join(folder, 'fetched.gguf')
    const args = ['head', 'import', 'hf:user/repo', ...target, '--out', out]
    expect(await cli(args, { env: own })).toMatchObject({ code: 0, stdout: `${out}\n` })
    const asked = hub.requests.length
    expect(hub.requests.filter((request) => request.includes('README'))).toEqual([])
    expect(await cli([...args, '--force'], { env: own })).toMatchObject({ code: 0 })
    expect(hub.requests).toHaveLength(asked)
    // A head is no model.
    expect((await cli(['models'], { env: own })).stdout).not.toContain('user/repo')
  })

  it('refuses pickles of the hub before it fetches them', async () => {
    await using hub = await fakeHub({ 'config.json': Buffer.from('{}'), 'pytorch_model.bin': Buffer.alloc(10) })
    const out = join(folder, 'pickle.gguf')
    const own = { HETEROSPEC_CACHE: join(folder, 'other'), HF_ENDPOINT: hub.access.endpoint }
    const ended = await cli(['head', 'import', 'hf:user/repo', ...target, '--out', out], { env: own })
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(
      /^heterospec: expected weights in safetensors in hf:user\/repo, got a PyTorch pickle.*\n$/,
    )
    expect(hub.requests).toHaveLength(1)
  })

  it('stops on Ctrl-C with 130 and leaves no head', async () => {
    const cache = join(folder, 'stopped')
    await using hub = await fakeHub({ 'config.json': Buffer.from('{}'), 'model.safetensors': Buffer.alloc(1000) })
    // The list of files comes, the first file begins and never goes on.
    const begun = new Promise<void>((resolve) => {
      hub.faults.push(
        () => false,
        (_request, response) => {
          response.writeHead(200).write('{')
          resolve()
          return true
        },
      )
    })
    const own = { HETEROSPEC_CACHE: cache, HF_ENDPOINT: hub.access.endpoint }
    const out = join(folder, 'stopped.gguf')
    const running = startCli(['head', 'import', 'hf:user/repo', ...target, '--out', out], { env: own })
    await begun
    running.child.kill('SIGINT')
    expect(await running.ended).toMatchObject({ code: 130, stdout: '' })
    expect((await filesUnder(folder)).filter((name) => name.startsWith('stopped.gguf'))).toEqual([])
  })

  it('tells what to do without a network', async () => {
    const own = { HETEROSPEC_CACHE: join(folder, 'offline'), HF_ENDPOINT: await deadEndpoint() }
    const out = join(folder, 'offline.gguf')
    const ended = await cli(['head', 'import', 'hf:user/repo', ...target, '--out', out], { env: own })
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(/^heterospec: expected to reach http:.*, got ECONNREFUSED; check the network, .*\n$/)
  })
})

describe('head convert', () => {
  it('writes a smaller head that says the same of itself', async () => {
    const from = await tinyHeadFile({ vocabularyStep: 2 })
    const out = join(folder, 'small.gguf')
    const convert = ['head', 'convert', from, '--out', out, '--type', 'q8_0,output=q4_0', '--tokenizer', 'short']
    const ended = await cli(convert, { env })
    expect(ended).toMatchObject({ code: 0, stdout: `${out}\n` })
    expect(ended.stderr).toMatch(/^[\d.]+ [kM]B before, \d+ kB now\n$/)
    expect(loadGguf(out).metadata.string('general.name')).toBe('Tiny head')
    expect(await cli(convert, { env })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/add --force/) as string,
    })
    const onto = await cli(['head', 'convert', from, '--out', from, '--force'], { env })
    expect(onto).toMatchObject({ code: 2, stderr: expect.stringMatching(/another file for --out/) as string })
  })
})

describe('wrong use of head', () => {
  const out = ['--out', join(folder, 'no.gguf')]
  it.each([
    [['import', published, ...out], 'expected --target, got none; name the model that the head drafts for'],
    [['import', published, ...target], 'expected --out, got none; name the file to write'],
    [['import', published, ...target, '--out', join(folder, 'no', 'no.gguf')], 'expected a folder for'],
    [
      ['import', published, ...target, ...out, '--type', 'q8_0,head=q4_0'],
      "expected a type of f32, f16, q8_0, q5_1, q5_0, q4_1, q4_0, alone or with others for groups (output, embedding, fc, attention, ffn) like q8_0,output=q4_0, got 'q8_0,head=q4_0'",
    ],
    [['import', ...target, ...out], "missing required argument 'source'"],
    [['import', published, '--targe', 'x'], "unknown option '--targe' (did you mean --target?)"],
    [['imort'], "unknown command 'imort' (did you mean import?)"],
  ])('%j ends with 2 and one sentence', async (args, sentence) => {
    const ended = await cli(['head', ...args], { env })
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain(sentence)
    expect(ended.stderr).toMatch(/^heterospec: [^\n]*\n$/)
  })

  it('helps', async () => {
    const group = await cli(['head', '--help'])
    expect(group).toMatchObject({ code: 0, stderr: '' })
    expect(group.stdout).toContain('make a head file of a published EAGLE-3 head')
    const { code, stdout } = await cli(['head', 'import', '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/--target <text>.*\n[^]*Examples:\n {2}heterospec head import/)
  })
})
