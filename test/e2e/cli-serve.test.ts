/** `heterospec serve` as a process: it says where it listens, answers, and ends when told to. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import { cli, startCli, temporaryFolder, type Running } from './cli.ts'

const folder = temporaryFolder()
const env = { HETEROSPEC_CACHE: join(folder, 'cache'), HETEROSPEC_API_KEYS: '' }
const model = inject('tinyModelPath')
const serve = ['serve', model, '--port', '0', '--quiet', '--budget', 'fixed']

async function urlOf(running: Running): Promise<string> {
  await running.until('stdout', /listening on (http:\S+)/)
  return /listening on (http:\S+)/.exec(running.said.stdout)?.[1] ?? ''
}

function post(url: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

describe('serve', () => {
  it('answers, keeps prompts out of its log, finishes what is in work on SIGTERM, and exits with 0', async () => {
    const running = startCli([...serve, '--alias', 'mine', '--temperature', '0'], { env })
    const url = await urlOf(running)
    const body = { model: 'mine', prompt: 'secretword', max_tokens: 40, ignore_eos: true }
    const first = (await (await post(`${url}/v1/completions`, body)).json()) as { choices: { text: string }[] }
    await post(`${url}/tokenize`, { content: 'secretword' })
    // The head of a stream comes when its answer has begun.
    const working = await post(`${url}/v1/completions`, { ...body, max_tokens: 300, stream: true })
    running.child.kill('SIGTERM')
    const events = (await working.text()).split('\n\n').filter((event) => event.startsWith('data: {'))
    const pieces = events.map((event) => (JSON.parse(event.slice(6)) as typeof first).choices[0]?.text ?? '')
    expect(pieces.join('').startsWith(first.choices[0]!.text)).toBe(true)
    const ended = await running.ended
    expect(ended).toMatchObject({ code: 0, signal: null })
    expect(ended.stdout.trimEnd().split('\n')).toHaveLength(1)
    const logged = ended.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string; requestId?: string; running?: number })
    expect(logged.filter(({ msg }) => msg === 'answer')).toHaveLength(2)
    expect(logged.filter(({ requestId }) => !requestId).map(({ msg }) => msg)).toEqual([
      'finishing the answers in work',
    ])
    expect(ended.stderr).not.toContain('secretword')
  })

  it('wants a key of its file, and serves only its own names on the loopback', async () => {
    const file = join(folder, 'keys.txt')
    writeFileSync(file, 'one\ntwo\n')
    const running = startCli([...serve, '--api-key-file', file, '--no-page', '--log-level', 'silent'], { env })
    const url = await urlOf(running)
    expect((await fetch(`${url}/v1/models`)).status).toBe(401)
    const known = await fetch(`${url}/v1/models`, { headers: { Authorization: 'Bearer two' } })
    const { data } = (await known.json()) as { data: { id: string }[] }
    expect(data[0]?.id).toBe('tiny')
    expect((await fetch(`${url}/health`)).status).toBe(200)
    // The page would need no key.
    expect((await fetch(url)).status).toBe(401)
    running.child.kill('SIGINT')
    expect(await running.ended).toMatchObject({ code: 0, stderr: '' })
  })

  it('refuses what makes no sense before it loads anything', async () => {
    const both = await cli(['serve', model, '--model', model], { env })
    expect(both).toMatchObject({ code: 2, stdout: '' })
    expect(both.stderr).toContain('expected one model')
    const empty = join(folder, 'empty.txt')
    writeFileSync(empty, '\n')
    const keys = await cli(['serve', model, '--api-key-file', empty], { env })
    expect(keys).toMatchObject({ code: 2 })
    expect(keys.stderr).toContain('expected a key per line')
  })

  it('warns where everybody who reaches it may ask', async () => {
    for (const [more, warns] of [
      [['--host', '0.0.0.0'], true],
      [['--host', '0.0.0.0', '--api-key', 'one'], false],
      [['--host', '127.1'], false],
    ] as const) {
      const running = startCli([...serve, '--log-level', 'warn', ...more], { env })
      await urlOf(running)
      running.child.kill('SIGTERM')
      expect((await running.ended).stderr.includes('everybody who reaches this server may ask')).toBe(warns)
    }
  })

  it('says so when the port is taken', async () => {
    const running = startCli([...serve, '--log-level', 'silent'], { env })
    const { port } = new URL(await urlOf(running))
    const second = await cli(['serve', model, '--port', port, '--quiet'], { env })
    expect(second).toMatchObject({ code: 2, stdout: '' })
    expect(second.stderr).toContain('expected a free port')
    running.child.kill('SIGTERM')
    await running.ended
  })
})
