import { describe, expect, inject, it } from 'vitest'
import { characterTokenizer, taskOf } from '../../../test/fakes/servers.ts'
import { someTokens } from '../../../test/tiny.ts'
import type { Tokenizer } from '../../text/index.ts'
import { openLibllama } from './libllama.ts'
import { libllamaSide } from './libllama-side.ts'

const settings = { threads: 1, context: 2048 }
const endless: Tokenizer = { ...characterTokenizer, isEnd: () => false }

function open(tokenizer = endless) {
  return libllamaSide(inject('tinyModelPath'), settings, tokenizer)
}

describe('libllama as a side', () => {
  it('writes what libllama says when it is asked token by token, after a long prompt too', async () => {
    using llama = await openLibllama(inject('tinyModelPath'), settings)
    await using side = await open()
    for (const length of [1, 40, 512, 513, 1300]) {
      const prompt = someTokens(length)
      llama.clear()
      const expected = [llama.next(prompt)]
      while (expected.length < 12) expected.push(llama.next(expected.slice(-1)))
      const outcome = await side.run(taskOf('', { tokens: prompt, maxTokens: 12 }))
      expect(outcome, `${length} tokens`).toMatchObject({ tokens: expected, ended: false, calls: 11, verified: 11 })
      expect(outcome.firstTokenMs).toBeGreaterThan(0)
    }
  })

  it('stops at an end token, which is no part of the answer', async () => {
    await using plain = await open()
    const { tokens } = await plain.run(taskOf('', { tokens: [5, 6, 7], maxTokens: 30 }))
    const end = tokens[20]!
    await using side = await open({ ...endless, isEnd: (token) => token === end })
    const at = tokens.indexOf(end)
    const outcome = await side.run(taskOf('', { tokens: [5, 6, 7], maxTokens: 30 }))
    expect(outcome).toMatchObject({ tokens: tokens.slice(0, at), ended: true, calls: at })
  })

  it('lets others run meanwhile, not counted, and stops at an abort', async () => {
    let turns = 0
    const block = (): void => {
      turns++
      const until = performance.now() + 20
      while (performance.now() < until);
    }
    // As many tokens as two turns take, on a machine of any speed.
    await using side = await open({ ...endless, isEnd: () => turns > 1 })
    const timer = setInterval(block, 1)
    const started = performance.now()
    const outcome = await side.run(taskOf('', { tokens: someTokens(8), maxTokens: 2000 }))
    const waited = performance.now() - started
    clearInterval(timer)
    expect(turns).toBeGreaterThan(1)
    const counted = outcome.firstTokenMs + outcome.decodeMs
    expect(waited - counted).toBeGreaterThan(15 * turns)

    await using other = await open()
    const task = taskOf('', { tokens: someTokens(8), maxTokens: 2000, signal: AbortSignal.timeout(1) })
    await expect(other.run(task)).rejects.toMatchObject({ code: 'aborted' })
  })

  it('refuses to sample, and to go on after its end', async () => {
    const side = await open()
    await expect(side.run(taskOf('', { tokens: [5], temperature: 1 }))).rejects.toThrow(/expected temperature 0/)
    await side[Symbol.asyncDispose]()
    await side[Symbol.asyncDispose]()
    await expect(side.run(taskOf('', { tokens: [5] }))).rejects.toMatchObject({ code: 'disposed' })
  })

  it('tells a file that is no model', async () => {
    await expect(openLibllama('/dev/null', settings)).rejects.toThrow(/it refused \/dev\/null; try another/)
  })
})
