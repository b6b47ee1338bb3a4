/** The load benchmark against real servers: its protocol, its figures, and what it makes of failures. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { arrivals, derived, shuffled } from '../../src/bench/load/draws.ts'
import { countRounds } from '../../src/bench/load/rounds.ts'
import { loadName, runLoads } from '../../src/bench/load/run.ts'
import { serveLlama, speculativeOf } from '../../src/bench/load/serve.ts'
import { loadMarkdown, loadRows } from '../../src/bench/load/table.ts'
import type { LoadSide } from '../../src/bench/load/types.ts'
import { freePort } from '../../src/bench/sides/llama-server.ts'
import { listen, type Listening } from '../../src/server/index.ts'
import { fakeLlamaServer } from '../fakes/llama-server.ts'
import { characterTokenizer, fakeServer } from '../fakes/servers.ts'
import { closeTiny, openTiny, serverOf } from './open.ts'

const questions = ['red blue red', 'one two', 'a b c d e'].map((text, id) => {
  return { id, category: 'c', group: 'c', turns: [text] }
})
const options = { clients: [1, 2], shares: [0.8], rounds: 2, perClient: 2, maxTokens: 8, seed: 3 }

describe('what chance decides', () => {
  it('comes from the seed: times with the right mean, each question once, every side first now and then', () => {
    const times = arrivals(5, 4000, 20)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(times.at(-1)! / 1000).toBeGreaterThan(180)
    expect(times.at(-1)! / 1000).toBeLessThan(220)
    expect(arrivals(5, 10, 20)).toEqual(times.slice(0, 10))
    expect(arrivals(6, 10, 20)).not.toEqual(times.slice(0, 10))
    expect(shuffled(1, 50).sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i))
    const firsts = Array.from({ length: 60 }, (_, round) => shuffled(derived(1, round), 3)[0])
    expect(new Set(firsts).size).toBe(3)
  })
})

describe('servers under load', () => {
  let engine: Awaited<ReturnType<typeof openTiny>>
  let server: Listening
  beforeAll(async () => {
    engine = await openTiny({ sequences: 2 })
    server = await listen(serverOf(engine), { host: '127.0.0.1', port: 0 })
  })
  afterAll(async () => {
    await server.close(0)
    await closeTiny(engine)
  })

  const side = (name: string, body: object, more: Partial<LoadSide> = {}): LoadSide => {
    return {
      name,
      plain: 'off',
      base: new URL(`${server.url}/`),
      body: { ignore_eos: true, ...body },
      details: {},
      ...more,
    }
  }

  it('are asked the same in every round, in turns, and say the same with speculation as without', async () => {
    const rounds = () => countRounds(new URL(`${server.url}/`))
    const sides = [
      side('off', { speculative: false }, { rounds }),
      side('off again', { speculative: 'off' }),
      side('on', {}, { rounds }),
    ]
    const done: number[] = []
    const result = await runLoads({
      sides,
      questions,
      options,
      onProgress: (blocks, total) => done.push(blocks / total),
    })
    expect(done.at(-1)).toBe(1)
    expect(result.failures).toEqual([])
    expect(result.blocks).toHaveLength(2 * 3 * 3)
    expect(new Set(result.blocks.map(({ load }) => load))).toEqual(new Set(['1 clients', '2 clients', 'arrivals 0.8']))
    for (const { load, requests, errors, different, goodput, firstMs, tokenMs, queueMs } of result.blocks) {
      expect([requests, errors, different]).toEqual([load === '1 clients' ? 2 : 4, 0, 0])
      for (const figure of [goodput, firstMs.p50, firstMs.p95]) expect(figure).toBeGreaterThan(0)
      // Zero where all of most answers came at once, because their reader stood still.
      expect(tokenMs.p50).toBeGreaterThanOrEqual(0)
      expect(queueMs.p95).toBeGreaterThanOrEqual(0)
      expect(firstMs.p95!).toBeGreaterThanOrEqual(firstMs.p50!)
    }
    // A server that tells is asked before and after: rounds of this side and block alone.
    for (const { side: name, rounds: counted } of result.blocks) {
      if (name === 'off again') expect(counted).toBeUndefined()
      else expect(counted!.all).toBeGreaterThan(0)
      if (name === 'off') expect(counted!.drafted).toBe(0)
      if (name === 'on') expect(counted!.drafted).toBeGreaterThan(0)
    }
    const off = result.summary.filter((row) => row.side === 'off')
    expect(off.map(({ goodput }) => goodput)).toEqual(Array(3).fill({ mean: 1, low: 1, high: 1 }))
    expect(loadRows(result)).toHaveLength(1 + 9)
    expect(loadMarkdown(result)).toContain('| 2 clients | on | ')
  })

  it('are found out when their text differs, or when they refuse', async () => {
    await using broken = await fakeServer({
      '/v1/chat/completions': (response) => void response.writeHead(503).end('{"error":{"message":"no room"}}'),
    })
    const sides = [
      side('off', { speculative: false }),
      side('other', { speculative: false, logit_bias: { 50: 100 } }),
      side('broken', {}, { plain: 'broken', base: new URL(`${broken.url}/`) }),
    ]
    const result = await runLoads({ sides, questions, options: { ...options, clients: [2], shares: [], rounds: 1 } })
    const of = (name: string) => result.summary.find((row) => row.side === name)!
    expect(of('other').different).toBe(4)
    expect(of('broken')).toMatchObject({ requests: 4, errors: 4, tokensPerSecond: 0, firstMs: { p50: null } })
    expect(result.failures).toHaveLength(1)
    expect(result.failures[0]).toMatch(/^broken: expected an answer from .*HTTP 503: no room/)
    expect(loadRows(result).at(-1)).toContain('-')
  })

  it('end their clients when the work is stopped', async () => {
    const signal = AbortSignal.timeout(50)
    const sides = [side('off', {})]
    const slow = { ...options, perClient: 50, maxTokens: 60, rounds: 9 }
    await expect(runLoads({ sides, questions, options: slow, signal })).rejects.toMatchObject({ code: 'aborted' })
  })
})

describe('the servers of the benchmark', () => {
  it('listen on ports that nobody gets by asking for any, and that are free', async () => {
    for (let times = 0; times < 20; times++) {
      const port = await freePort()
      expect(port).toBeLessThan(32_768)
      const taken = createServer()
      await new Promise<void>((resolve, reject) => taken.once('error', reject).listen(port, '127.0.0.1', resolve))
      await new Promise((resolve) => taken.close(resolve))
    }
  })

  it('are llama-server with as many places as ours, and once more with the flags of the user', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'heterospec-load-'))
    try {
      const common = { modelPath: 'm.gguf', threads: 1, slots: 4, context: 64, tokenizer: characterTokenizer }
      await using served = await serveLlama(fakeLlamaServer(folder), ['--spec-type ngram-simple'], common)
      expect(served.sides.map(({ name, plain }) => [name, plain])).toEqual([
        ['llama-server', 'llama-server'],
        ['llama-server --spec-type ngram-simple', 'llama-server'],
      ])
      const flags = served.sides.map(({ details }) => details['build'] as string)
      for (const own of flags) expect(own).toMatch(/--parallel 4 --ctx-size 256/)
      expect(flags[1]).toMatch(/--spec-type ngram-simple$/)
      const result = await runLoads({ sides: served.sides, questions, options: { ...options, rounds: 1 } })
      expect(result.failures).toEqual([])
      expect(result.summary.every(({ requests, different }) => requests > 0 && different === 0)).toBe(true)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('are asked for speculation in the words of a request', () => {
    expect(['off', 'auto', 'lookup', 'auto/heterospec-cost', 'combined/fixed'].map(speculativeOf)).toEqual([
      ...['off', 'auto', { method: 'lookup' }, { budget: 'heterospec-cost' }],
      { method: 'combined', budget: 'fixed' },
    ])
    expect(loadName({ kind: 'open', share: 1.1 })).toBe('arrivals 1.1')
  })
})
