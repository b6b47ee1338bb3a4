/** `heterospec serve` and the files that it writes: its trace, read by those who read traces, and both it and the log on bad disks. */
import { execFileSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, inject, it, vi } from 'vitest'
import { readTraceFile } from '../../src/page/data/trace-file.ts'
import { cli, startCli, temporaryFolder, type CliOptions, type Running } from './cli.ts'

const folder = temporaryFolder()
const env = { HETEROSPEC_CACHE: join(folder, 'cache'), HETEROSPEC_API_KEYS: '' }
const flags = ['--port', '0', '--quiet', '--budget', 'fixed', '--temperature', '0', '--context', '512']
const serve = ['serve', inject('tinyModelPath'), ...flags]

let running: Running | undefined
afterEach(async () => {
  running?.child.kill('SIGKILL')
  await running?.ended
})

interface Answered {
  readonly status: number
  readonly id: string | null
  readonly usage: { readonly completion_tokens: number }
}

/** A server with these flags, and how to ask it. */
async function start(args: readonly string[], options: CliOptions = {}): Promise<(more?: object) => Promise<Answered>> {
  const server = startCli([...serve, ...args], { env, ...options })
  running = server
  await server.until('stdout', /listening on (http:\S+)/)
  return async (more = {}) => {
    const body = { prompt: 'secret words', max_tokens: 30, ignore_eos: true, ...more }
    const headers = { 'Content-Type': 'application/json' }
    const response = await fetch(`${url()}/v1/completions`, { method: 'POST', headers, body: JSON.stringify(body) })
    const { usage } = (await response.json()) as Answered
    return { status: response.status, id: response.headers.get('x-request-id'), usage }
  }
}

function url(): string {
  return /listening on (http:\S+)/.exec(running?.said.stdout ?? '')?.[1] ?? ''
}

/** Ends the server as a supervisor does. */
async function end(): Promise<{ readonly log: Record<string, unknown>[]; readonly stderr: string }> {
  running?.child.kill('SIGTERM')
  const ended = await running!.ended
  expect(ended).toMatchObject({ code: 0, signal: null })
  const lines = ended.stderr.split('\n').filter((line) => line.startsWith('{'))
  return { log: lines.map((line) => JSON.parse(line) as Record<string, unknown>), stderr: ended.stderr }
}

function linesOf(file: string): { readonly request: string; readonly answer: number; readonly emitted: number[] }[] {
  const text = readFileSync(file, 'utf8')
  expect(text.endsWith('\n')).toBe(true)
  const lines = text.trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as ReturnType<typeof linesOf>[number])
}

describe('the trace of a server', () => {
  it('holds all rounds of all answers with their names, for the page and for simulate', async () => {
    const file = join(folder, 'rounds.jsonl')
    let ask = await start(['--trace', file, '--parallel', '3'])
    const answers = await Promise.all([ask(), ask({ prompt: 'other words', n: 2 })])
    await end()
    // A server that starts again goes on where the other ended.
    ask = await start(['--trace', file])
    answers.push(await ask())
    const { stderr } = await end()
    expect(stderr).not.toContain('secret words')

    const lines = linesOf(file)
    for (const { id, usage } of answers) {
      const own = lines.filter(({ request }) => request === id)
      const count = new Set(own.map(({ answer }) => answer)).size
      // The first token of an answer comes from its prompt, before the first round.
      const emitted = own.reduce((sum, line) => sum + line.emitted.length, 0)
      expect(emitted + count).toBe(usage.completion_tokens)
    }
    expect(new Set(lines.map(({ request, answer }) => `${request} ${answer}`)).size).toBe(4)
    expect(statSync(file).mode & 0o077).toBe(0)

    const read = readTraceFile(readFileSync(file, 'utf8'))
    if (typeof read === 'string') throw new Error(read)
    expect(read.map((rounds) => new Set(rounds.map(({ answer }) => answer)).size)).toEqual([1, 1, 1, 1])
    expect(read.map((rounds) => rounds.map(({ round }) => round))).toEqual(
      read.map((rounds) => rounds.map((_, at) => at)),
    )

    const simulated = await cli(['simulate', file, '--curve', 'flat', '--row-ms', '10', '--json'], { env })
    expect(simulated.stderr).toBe('')
    const { answers: priced } = JSON.parse(simulated.stdout) as { answers: { budget: string; tokens: number }[] }
    const traced = priced.filter(({ budget }) => budget === 'as traced').map(({ tokens }) => tokens)
    expect(traced.sort()).toEqual(
      read.map((rounds) => rounds.reduce((sum, { emitted }) => sum + emitted.length, 0)).sort(),
    )
  })

  it('ends with one warning where the disk is full, and answers go on', async () => {
    const ask = await start(['--trace', '/dev/full'])
    for (let i = 0; i < 2; i++) expect((await ask()).status).toBe(200)
    const { log } = await end()
    expect(log.filter(({ level }) => level === 40)).toEqual([expect.objectContaining({ file: '/dev/full' })])
  })

  it('keeps whole lines only on a disk that fills up', async () => {
    const file = join(folder, 'filling.jsonl')
    // A limit on files stands for the disk: 32 KB, errors instead of a signal.
    const ask = await start(['--trace', file], { before: "trap '' XFSZ; ulimit -f 64" })
    for (let i = 0; i < 4; i++) expect((await ask({ max_tokens: 200 })).status).toBe(200)
    const { log } = await end()
    expect(log.filter(({ level }) => level === 40)).toHaveLength(1)
    expect(statSync(file).size).toBeGreaterThan(20_000)
    expect(linesOf(file).length).toBeGreaterThan(10)
  })

  it('is begun anew where its file was deleted, and ends where the folder was', async () => {
    const place = join(folder, 'place')
    const file = join(place, 'rounds.jsonl')
    mkdirSync(place)
    const ask = await start(['--trace', file])
    // Answers do not wait for their trace.
    const written = (): number => {
      const begun = existsSync(file) && readFileSync(file, 'utf8').endsWith('\n')
      return begun ? linesOf(file).reduce((sum, line) => sum + line.emitted.length, 0) : 0
    }
    await ask()
    await vi.waitUntil(() => written() === 29, { timeout: 60_000 })
    rmSync(file)
    const second = await ask()
    await vi.waitUntil(() => written() === 29, { timeout: 60_000 })
    expect([...new Set(linesOf(file).map(({ request }) => request))]).toEqual([second.id])
    rmSync(place, { recursive: true })
    for (let i = 0; i < 2; i++) expect((await ask()).status).toBe(200)
    const { log } = await end()
    expect(log.filter(({ level }) => level === 40)).toHaveLength(1)
  })

  it('is refused before the model loads where it cannot be opened', async () => {
    writeFileSync(join(folder, 'file'), '')
    const refused = await cli([...serve, '--trace', join(folder, 'file', 'below')], { env })
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toContain('expected a file that can be written for --trace')
  })
})

describe('the log of a server', () => {
  it('on a full disk costs its lines, not the server', async () => {
    const full = openSync('/dev/full', 'w')
    const ask = await start([], { stderr: full })
    closeSync(full)
    for (let i = 0; i < 3; i++) expect((await ask()).status).toBe(200)
    await end()
  })

  it('may have a reader that stalls', async () => {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    const unread = openSync(pipe, 'r+')
    const ask = await start([], { stderr: unread })
    // More than a pipe holds.
    const long = 'x'.repeat(60)
    for (let i = 0; i < 60; i++) {
      const paths = Array.from({ length: 10 }, () => fetch(`${url()}/v1/${long}`))
      for (const response of await Promise.all(paths)) expect(response.status).toBe(404)
    }
    expect((await ask()).status).toBe(200)
    closeSync(unread)
    await end()
  })

  it('may lose its reader', async () => {
    const ask = await start([])
    running?.child.stderr?.destroy()
    for (let i = 0; i < 3; i++) expect((await ask()).status).toBe(200)
    await end()
  })
})
