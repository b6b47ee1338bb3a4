import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { fakeNodeLlamaCpp } from '../../../test/fakes/node-llama-cpp.ts'
import { characterTokenizer, taskOf } from '../../../test/fakes/servers.ts'
import { loadTokenizer, type Tokenizer } from '../../text/index.ts'
import { processAlive } from '../../util/env.ts'
import { locateNodeLlamaCpp, NODE_LLAMA_CPP, peerFolder } from './install.ts'
import { libllamaSide } from './libllama-side.ts'
import { NodeLlama } from './node-llama-cpp.ts'

const folder = mkdtempSync(join(tmpdir(), 'heterospec-peers-'))
fakeNodeLlamaCpp(folder, NODE_LLAMA_CPP)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** 500 ends an answer. */
const tokenizer: Tokenizer = { ...characterTokenizer, vocabSize: 1000, isEnd: (token) => token === 500 }

async function start(
  modelPath = 'm.gguf',
  changes: { threads?: number; draftModel?: string; signal?: AbortSignal } = {},
) {
  const entry = await locateNodeLlamaCpp(folder, { install: false })
  return NodeLlama.start({ entry, modelPath, threads: 2, context: 64, tokenizer, ...changes })
}

const from = (token: number, maxTokens = 16) => taskOf('', { tokens: [7, token], lookIn: [8, 9], maxTokens })

describe('node-llama-cpp in its own process', () => {
  it('decodes until the limit or an end token', async () => {
    await using program = await start()
    const side = program.side('node-llama-cpp', null)
    expect(side.info.details).toMatchObject({ version: NODE_LLAMA_CPP, llamaCpp: 'v0', threads: 2, context: 64 })
    const limited = await side.run(from(65, 5))
    expect(limited).toMatchObject({ tokens: [66, 67, 68, 69, 70], text: 'BCDEF', ended: false })
    expect(limited).toMatchObject({ calls: 4, verified: 4, drafted: 0, accepted: 0 })
    expect(await side.run(from(497))).toMatchObject({ tokens: [498, 499], ended: true, calls: 2 })
    expect(await side.run(from(499))).toMatchObject({ tokens: [], ended: true, calls: 0 })
    await expect(side.run({ ...from(65), temperature: 1 })).rejects.toMatchObject({ code: 'bad-option' })
  })

  it('counts passes and rows of its predictors, without the draft of the prompt', async () => {
    await using program = await start('m.gguf', { draftModel: 'small.gguf' })
    const lookup = program.side('node-llama-cpp/lookup:1:1', { lookup: { patternLength: { min: 1 } } })
    // 7 tokens: one with the prompt, then three passes of two tokens, which drafted two each; the prompt's drafted one.
    expect(await lookup.run(from(65, 7))).toMatchObject({ calls: 3, verified: 9, drafted: 7, accepted: 3 })
    const draft = program.side('node-llama-cpp/draft', { draft: {} })
    expect(await draft.run(from(65, 7))).toMatchObject({ calls: 3, tokens: [66, 67, 68, 69, 70, 71, 72] })
    expect(draft.info).toMatchObject({ name: 'node-llama-cpp/draft', plain: 'node-llama-cpp' })
  })

  it('hands options, the searched text and the draft model to the predictors', async () => {
    await using program = await start('m.gguf', { draftModel: 'small.gguf' })
    const lookup = program.side('a', { lookup: { patternLength: { min: 99 }, predictionLength: { max: 3 } } })
    const options = '{"patternLength":{"min":99},"predictionLength":{"max":3}}'
    await expect(lookup.run(from(65))).rejects.toThrow(`got: [${options},[8,9]]`)
    const draft = program.side('b', { draft: { minTokens: 99 } })
    await expect(draft.run(from(65))).rejects.toThrow('got: ["small.gguf",{"minTokens":99}]')
  })

  it('tells in a sentence what it cannot load', async () => {
    await expect(start('broken.gguf')).rejects.toThrow('expected an answer from node-llama-cpp, got: no model')
    await expect(start('m.gguf', { threads: 8 })).rejects.toThrow(/take 8 threads, it takes 4; choose other --threads/)
  })

  it('survives an error, and tells its death', async () => {
    await using program = await start()
    const side = program.side('node-llama-cpp', null)
    await expect(side.run(from(597))).rejects.toThrow('got: token 600 is forbidden')
    expect(await side.run(from(65, 1))).toMatchObject({ tokens: [66], decodeMs: 0 })
    await expect(side.run(from(697))).rejects.toThrow(/expected node-llama-cpp to run, it ended \(SIGABRT\)/)
    await expect(side.run(from(65))).rejects.toThrow(/it ended \(SIGABRT\)/)
  })

  it('stops at an abort and goes on with the next question', async () => {
    await using program = await start('slow.gguf')
    const side = program.side('node-llama-cpp', null)
    // Behind all tokens that end it: this answer takes hours.
    const task = { ...from(1000, 1e6), signal: AbortSignal.timeout(100) }
    await expect(side.run(task)).rejects.toMatchObject({ code: 'aborted' })
    expect(await side.run(from(65, 2))).toMatchObject({ tokens: [66, 67] })
  })

  it('ends when it is disposed, in the middle of an answer too', async () => {
    const program = await start('slow.gguf')
    const answer = expect(program.side('node-llama-cpp', null).run(from(1000, 1e6))).rejects.toThrow(/it ended/)
    await program[Symbol.asyncDispose]()
    await answer
    expect(processAlive(program.pid)).toBe(false)
  })
})

const real = await locateNodeLlamaCpp(peerFolder(), { install: false }).catch(() => undefined)
if (real !== undefined) {
  describe('the real node-llama-cpp', () => {
    it('writes what libllama writes, with and without its predictors', async () => {
      const modelPath = inject('modelPath')
      using words = await loadTokenizer(modelPath)
      const settings = { modelPath, threads: 1, context: 512, tokenizer: words }
      await using plain = await libllamaSide(modelPath, settings, words)
      await using program = await NodeLlama.start({ ...settings, entry: real })
      const text = 'Repeat this: the quick brown fox jumps over the lazy dog, and the lazy dog sleeps.'
      const tokens = words.tokenize(`<|im_start|>user\n${text}<|im_end|>\n<|im_start|>assistant\n`, {
        parseSpecial: true,
      })
      const task = { ...taskOf(text), tokens, lookIn: words.tokenize(text), maxTokens: 24 }
      const expected = await plain.run(task)
      expect(expected.tokens.length).toBeGreaterThan(8)
      const { tokens: said, ended, text: written } = expected
      expect(await program.side('a', null).run(task)).toMatchObject({ tokens: said, ended, text: written })
      const lookup = await program.side('b', { lookup: {} }).run(task)
      expect(lookup).toMatchObject({ tokens: said, ended })
      expect(lookup.calls).toBeLessThan(expected.calls!)
      expect(lookup.drafted).toBeGreaterThan(lookup.accepted!)
    })
  })
}
