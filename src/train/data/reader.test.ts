/** What the trainer can rely on when it reads a data file, and what is refused with file and line. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { loadGguf } from '../../gguf/index.ts'
import { createTemplate, encodeChat, loadTokenizer, type ChatTemplate, type Tokenizer } from '../../text/index.ts'
import type { TrainingText } from '../types.ts'
import { identityOf } from './format.ts'
import { readTrainingFile } from './reader.ts'
import type { DataTarget } from './types.ts'

const folder = mkdtempSync(join(tmpdir(), 'heterospec-data-'))
const path = join(folder, 'data.jsonl')
let tokenizer: Tokenizer
let target: DataTarget & { template: ChatTemplate }
beforeAll(async () => {
  const gguf = loadGguf(inject('tinyModelPath'))
  tokenizer = await loadTokenizer(gguf)
  const template = createTemplate(gguf.metadata, tokenizer)!
  target = { spec: { name: 'tiny', fingerprint: gguf.fingerprint, vocabSize: 297 }, tokenizer, template }
})
afterAll(() => {
  tokenizer[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})

const header = (changes: object = {}): string =>
  JSON.stringify({
    ...{ format: 'heterospec-training-data', version: 1, options: {} },
    target: { ...identityOf(target), ...changes },
  })
const text = { tokens: [1, 5, 6, 7, 8], answers: [[2, 4]], temperature: 0.7 }

async function read(lines: string | Uint8Array, name = path): Promise<TrainingText[]> {
  writeFileSync(name, lines)
  const texts: TrainingText[] = []
  for await (const each of readTrainingFile(name, target)) texts.push(each)
  return texts
}

describe('a data file', () => {
  it('gives its texts as they were generated, without conversations that were dropped', async () => {
    const dropped = JSON.stringify({ conversation: 3, dropped: 'loop', generated: 40 })
    const lines = [header(), JSON.stringify(text), dropped, JSON.stringify({ ...text, temperature: 0, messages: [] })]
    expect(await read(`${lines.join('\n')}\n`)).toEqual([text, { ...text, temperature: 0 }])
  })

  it('may be killed while it is written: a torn last line is not read', async () => {
    expect(await read(`${header()}\n${JSON.stringify(text)}\n{"tokens":[1,2`)).toEqual([text])
    expect(await read(`${header()}\n${JSON.stringify(text)}\n${JSON.stringify(text)}`)).toEqual([text])
  })

  it('of another target, or in another chat format, is refused', async () => {
    const line = JSON.stringify(text)
    await expect(read(`${header({ fingerprint: 'abc', name: 'other' })}\n${line}\n`)).rejects.toThrow(
      /^expected training data that tiny \(\w+\) wrote, got .*data\.jsonl of other \(abc\); name another file, or that model$/,
    )
    await expect(read(`${header({ template: 'abc' })}\n${line}\n`)).rejects.toThrow(
      /in another one; make the data again$/,
    )
  })

  it.each<[string, string]>([
    ['{"tokens": [1, 2', 'no JSON'],
    [JSON.stringify({ ...text, tokens: [1, -2, 3, 4] }), 'expected a list of token ids'],
    [JSON.stringify({ ...text, tokens: [1, 2, 3, 297] }), 'token 297, while tiny has 297'],
    [JSON.stringify({ ...text, answers: [[0, 2]] }), 'the answer [0, 2) among 5 tokens'],
    [JSON.stringify({ ...text, answers: [[2, 6]] }), 'the answer [2, 6) among 5 tokens'],
    [JSON.stringify({ ...text, answers: [[2, 2]] }), 'the answer [2, 2) among 5 tokens'],
    [JSON.stringify({ ...text, answers: [[1, 3], [2, 4]] }), 'the answer [2, 4) among 5 tokens'], // prettier-ignore
    [JSON.stringify({ ...text, temperature: undefined }), 'temperature'],
    ['{"turns": ["no answer"]}', 'neither tokens nor a chat with an answer'],
    ['{"messages": [{"role": "user", "content": "no answer"}]}', 'a chat without an answer'],
  ])('with the line %s is refused', async (line, what) => {
    const promise = read(`${header()}\n${JSON.stringify(text)}\n${line}\n${JSON.stringify(text)}\n`)
    await expect(promise).rejects.toThrow(`${path}, line 3: `)
    await expect(promise).rejects.toThrow(what)
  })

  it('that does not exist is refused', async () => {
    const nowhere = readTrainingFile(join(folder, 'nowhere.jsonl'), target)
    await expect(nowhere.next()).rejects.toThrow(/expected training data at .*nowhere\.jsonl/)
  })
})

describe('a chat of somebody else', () => {
  const messages = [
    { role: 'user', content: 'one' },
    { role: 'assistant', content: 'two three' },
    { role: 'user', content: 'four' },
    { role: 'assistant', content: 'five' },
  ] as const

  it('is written by the template, each answer from its first token to the end of its turn', async () => {
    const [found] = await read(JSON.stringify({ messages }))
    const { tokens, answers, temperature } = found!
    expect(temperature).toBe(0)
    expect(answers).toHaveLength(2)
    for (const [index, [from, to]] of answers.entries()) {
      expect(tokens.slice(0, from)).toEqual(encodeChat(target.template, tokenizer, messages.slice(0, 2 * index + 1)))
      expect(tokenizer.detokenize(tokens.slice(from, to))).toBe(messages[2 * index + 1]!.content)
      expect(tokenizer.isEnd(tokens[to - 1]!)).toBe(true)
    }
    expect(tokens).toHaveLength(answers[1]![1])
  })

  it('with user and assistant alone says the same; one that was cut short has no end', async () => {
    const chat = { user: 'one', assistant: 'two three', temperature: 0.7 }
    const [whole, short] = await read(`${JSON.stringify(chat)}\n${JSON.stringify({ ...chat, finished: false })}\n`)
    expect(whole).toMatchObject({ temperature: 0.7 })
    expect(short!.tokens).toEqual(whole!.tokens.slice(0, -1))
    expect(short!.answers).toEqual([[whole!.answers[0]![0], whole!.answers[0]![1] - 1]])
  })

  it('may be packed', async () => {
    const plain = await read(JSON.stringify({ messages }))
    expect(await read(gzipSync(`${JSON.stringify({ messages })}\n`), `${path}.gz`)).toEqual(plain)
  })
})
