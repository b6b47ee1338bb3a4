/** `heterospec head train` as a process: a head from chats, a run that is ended and goes on, sentences for wrong use. */
import { copyFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadGguf } from '../../src/gguf/index.ts'
import { readTensor } from '../../src/train/tensors.ts'
import { someTexts } from '../fakes/training-texts.ts'
import { someTokens, tinyFile } from '../tiny.ts'
import { cli, endAmidst, lastLine, startCli, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
const data = join(folder, 'data.jsonl')
// A cache of its own has no compiled kernels, and nothing here needs them.
const env = { HETEROSPEC_CACHE: join(folder, 'cache'), HETEROSPEC_KERNELS: 'off' }
let target: string
beforeAll(async () => {
  target = await tinyFile({ layers: 3 })
  const lines = someTexts(40).map((text, seed) =>
    JSON.stringify({ ...text, tokens: someTokens(text.tokens.length, seed + 1) }),
  )
  writeFileSync(data, lines.join('\n') + '\n')
})
afterAll(() => rmSync(folder, { recursive: true }))

const options = ['--draft-vocab', '64', '--batch', '4', '--length', '32', '--unroll', '2', '--held-out', '0.1']

function args(out: string, ...more: string[]): string[] {
  return ['head', 'train', '--target', target, '--data', data, '--out', join(folder, out), ...options, ...more]
}

function weightsOf(out: string): unknown {
  const file = loadGguf(join(folder, out))
  return file.tensors.filter(({ name }) => name !== 'd2t').map(({ name }) => [name, readTensor(file, name)])
}

describe('--log-chats', () => {
  it('keeps conversations for training, one a line, for the user only', async () => {
    const log = join(folder, 'chats.jsonl')
    const speak = ['--model', target, '--log-chats', log, '--max-tokens', '6', '--quiet', '--speculative', 'off']
    const { stdout } = await cli(['run', ...speak, 'hello'], { env })
    await cli(['chat', ...speak], { env, stdin: 'one\ntwo\n/clear\nthree\n' })
    const chats = readFileSync(log, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { messages: { role: string; content: string }[] })
    expect(
      chats.map(({ messages }) => messages.filter(({ role }) => role === 'user').map(({ content }) => content)),
    ).toEqual([['hello'], ['one', 'two'], ['three']])
    expect(chats[0]).toMatchObject({
      messages: [{ content: 'hello' }, { content: stdout.slice(0, -1) }],
      temperature: 0,
      finished: false,
    })
    expect(statSync(log).mode & 0o777).toBe(0o600)
    expect(await cli(['run', '--raw', ...speak, 'hello'], { env })).toMatchObject({ code: 2 })
  })
})

describe('head train', () => {
  it('writes a head, tells how good it is, and draws the curves', async () => {
    const page = join(folder, 'curves.html')
    const { code, stdout, stderr } = await cli(
      args('a.gguf', '--epochs', '2', '--patience', '50', '--json', '--html', page),
      { env },
    )
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(stderr).toMatch(/40 texts, 4 of them held out/)
    expect(stderr).toMatch(/step 0, epoch 0.00: held-out loss/)
    expect(stdout).toMatch(/a\.gguf: a head for Tiny, .* tokens per pass as a chain of 2\. Use it with --draft-head\./)
    expect(lastLine(stdout)).toMatchObject({
      target: 'Tiny',
      texts: 40,
      draftVocab: 64,
      finished: 'done',
      cachedShare: 1,
    })
    expect(readFileSync(page, 'utf8')).toMatch(/<svg[^]*Agreement by depth[^]*<\/html>/)
    expect(loadGguf(join(folder, 'a.gguf')).metadata.string('heterospec.target_name')).toBe('Tiny')
    expect(existsSync(join(folder, 'a.gguf.training'))).toBe(false)
  })

  it('goes on after SIGTERM and SIGKILL to the same head', async () => {
    const more = ['--epochs', '6', '--checkpoint', '0', '--type', 'f32']
    await cli(args('whole.gguf', ...more, '--quiet'), { env })
    const [out, kept] = ['pieces.gguf', 'kept'].map((name) => join(folder, name)) as [string, string]
    const begin = () => startCli(args('pieces.gguf', ...more), { env })
    const forget = (): void => rmSync(out)
    const polite = await endAmidst({ begin, reached: (one) => one.until('stderr', /step [1-9]/), signal: 'SIGTERM', forget }) // prettier-ignore
    expect(polite).toMatchObject({
      code: 143,
      stderr: expect.stringMatching(/stopped; the same command goes on/) as string,
    })
    copyFileSync(`${out}.training`, kept)
    const rude = await endAmidst({
      begin,
      reached: (one) => one.until('stderr', /going on after step [1-9]/),
      signal: 'SIGKILL',
      forget: () => {
        forget()
        copyFileSync(kept, `${out}.training`)
      },
    })
    expect(rude.signal).toBe('SIGKILL')
    const { code, stderr } = await cli(args('pieces.gguf', ...more), { env })
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(weightsOf('pieces.gguf')).toEqual(weightsOf('whole.gguf'))
  })

  it('says in one sentence what is wrong', async () => {
    writeFileSync(join(folder, 'empty.jsonl'), '')
    const wrong: [string[], RegExp][] = [
      [['head', 'train', '--target', target, '--out', 'x'], /expected --data, got none/],
      [['head', 'train', '--target', target, '--data', data], /expected --out, got none/],
      [args('b.gguf', '--epochs', '-1'), /expected a number of more than 0 .* for --epochs, got '-1'/],
      [args('b.gguf', '--taps', '1,2'), /three layers like 2,15,27/],
      [args('b.gguf', '--from', 'c.gguf'), /no --draft-vocab beside --from/],
      [args('b.gguf', '--data', join(folder, 'empty.jsonl')), /texts with answers in .*empty.jsonl, got none/],
      [args('a.gguf'), /expected a new file for --out, got .*a.gguf/],
    ]
    for (const [typed, sentence] of wrong) {
      const { code, stdout, stderr } = await cli(typed, { env })
      expect(stderr).toMatch(sentence)
      expect({ stdout, lines: stderr.trim().split('\n').length, failed: code !== 0 }).toEqual({
        stdout: '',
        lines: 1,
        failed: true,
      })
    }
    expect(existsSync(join(folder, 'b.gguf'))).toBe(false)
  })
})
