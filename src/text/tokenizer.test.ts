import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { makeTinyModel } from '../../scripts/make-tiny-model.ts'
import { liveHandles } from '../ffi/index.ts'
import { loadTokenizer, TextStream, type Tokenizer } from './index.ts'

const texts = {
  'plain words': 'The quick brown fox jumps over the lazy dog.',
  spaces: '  two  three   four\t\ttabs \n\n\n lines \r\n end ',
  emoji: '👩‍👩‍👧‍👦 🎉🇩🇪 👍🏽 ☃️',
  'Chinese, Japanese, Korean': '你好，世界。こんにちは世界。안녕하세요 세계',
  'right to left and combining': 'שלום مرحبا é̩̂ नमस्ते',
  code: 'for (let i = 0; i < n; i++) {\n\tconsole.log(`${i}: "${a[i]}"`) // ok\n}\n',
  'zero bytes and controls': 'a\0b\u0001\u001b[31m\u007f',
  'control-token texts': '<|im_start|>user\n<|im_end|><|endoftext|>',
  noncharacters: '\ufffe\uffff\u{10ffff}\ufeff',
}

describe('the tokenizer of the default model', () => {
  let tokenizer: Tokenizer
  beforeAll(async () => {
    tokenizer = await loadTokenizer(inject('modelPath'))
  })
  afterAll(() => {
    tokenizer[Symbol.dispose]()
    expect(liveHandles()).toEqual({})
  })

  it('knows its vocabulary', () => {
    expect(tokenizer).toMatchObject({ vocabSize: 49152, bos: 1, eos: 2, addsBos: false })
    expect([0, 1, 2, 300].map((token) => tokenizer.isControl(token))).toEqual([true, true, true, false])
    expect([2, 300].map((token) => tokenizer.isEnd(token))).toEqual([true, false])
  })

  it('tokenizes as the reference does', () => {
    expect(tokenizer.tokenize('Hello world')).toEqual([19556, 905])
    expect(tokenizer.tokenize('')).toEqual([])
  })

  it.each(Object.entries(texts))('gives back %s unchanged', (_, text) => {
    const tokens = tokenizer.tokenize(text)
    expect(tokenizer.detokenize(tokens)).toBe(text)
    const stream = new TextStream(tokenizer)
    expect(tokens.map((token) => stream.push(token)).join('') + stream.flush()).toBe(text)
  })

  it('gives back any text whose bytes have tokens', () => {
    const alphabet = new Set<number>()
    for (let token = 0; token < tokenizer.vocabSize; token++) {
      const bytes = tokenizer.bytes(token)
      if (bytes.length === 1) alphabet.add(bytes[0]!)
    }
    // This vocabulary has no tokens for a few control characters and for planes that Unicode does not use: the
    // reference drops these bytes.
    const character = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 1 })
      .filter((text) => Buffer.from(text).every((byte) => alphabet.has(byte)))
    const spelled = fc.string({ unit: character, maxLength: 60 })
    expect(alphabet.size).toBe(235)
    fc.assert(
      fc.property(spelled, (text) => {
        expect(tokenizer.detokenize(tokenizer.tokenize(text))).toBe(text)
      }),
      { numRuns: 300 },
    )
  })

  it('takes texts of a megabyte without a space', () => {
    const text = 'ab1é'.repeat(1 << 18)
    expect(tokenizer.detokenize(tokenizer.tokenize(text))).toBe(text)
  })

  it('reads long texts aside, to the same tokens', async () => {
    const options = { addSpecial: false, parseSpecial: true }
    for (const text of ['', 'short', ...Object.values(texts).map((text) => text.repeat(3000))]) {
      expect(await tokenizer.tokenizeAside(text, options)).toEqual(tokenizer.tokenize(text, options))
    }
    let settled = false
    const reading = tokenizer.tokenizeAside('one two '.repeat(4000)).then((tokens) => {
      settled = true
      return tokens
    })
    // Nothing from another thread arrives between microtasks: what is settled here was done by this one.
    for (let turn = 0; turn < 50; turn++) await Promise.resolve()
    expect(settled).toBe(false)
    expect(await reading).toEqual(tokenizer.tokenize('one two '.repeat(4000)))
    await expect(tokenizer.tokenizeAside(`${'word '.repeat(4000)}\ud83d`)).rejects.toThrow('a lone surrogate')
  })

  it('reads what it has begun to its end before it is freed', async () => {
    const other = await loadTokenizer(inject('modelPath'))
    const text = 'The engine hums. '.repeat(4000)
    const reading = Promise.all([other.tokenizeAside(text), other.tokenizeAside(text.repeat(3))])
    other[Symbol.dispose]()
    expect(liveHandles().vocab).toBe(2)
    await expect(other.tokenizeAside(text)).rejects.toMatchObject({ code: 'disposed' })
    expect(await reading).toEqual([tokenizer.tokenize(text), tokenizer.tokenize(text.repeat(3))])
    expect(liveHandles().vocab).toBe(1)
  })

  it('reads control tokens only when asked to', () => {
    const text = '<|im_start|>user'
    expect(tokenizer.tokenize(text, { parseSpecial: true })[0]).toBe(1)
    expect(tokenizer.tokenize(text)).not.toContain(1)
  })

  it('shows control tokens only when asked to', () => {
    expect(tokenizer.bytes(1)).toHaveLength(0)
    expect(Buffer.from(tokenizer.bytes(1, true)).toString()).toBe('<|im_start|>')
    const tokens = [1, ...tokenizer.tokenize('user')]
    expect([tokenizer.detokenize(tokens), tokenizer.detokenize(tokens, { special: true })]).toEqual([
      'user',
      '<|im_start|>user',
    ])
  })

  it('turns broken characters into U+FFFD', () => {
    const [first] = tokenizer.tokenize('🎉')
    expect(tokenizer.detokenize([first!])).toBe('\ufffd')
  })

  it('refuses half characters, and ids that are none', () => {
    expect(() => tokenizer.tokenize('good \ud83d bad')).toThrow('a lone surrogate) at position 5')
    expect(() => tokenizer.tokenize('\udc00')).toThrow(expect.objectContaining({ code: 'bad-prompt' }))
    for (const id of [-1, 49152, 0.5, NaN, 2 ** 32]) {
      expect(() => tokenizer.bytes(id)).toThrow('expected token ids from 0 to 49151')
      expect(() => tokenizer.isEnd(id)).toThrow('expected token ids')
    }
  })

  it('has a fingerprint that another copy shares', async () => {
    using other = await loadTokenizer(inject('modelPath'))
    expect(other.fingerprint).toBe(tokenizer.fingerprint)
    expect(tokenizer.fingerprint).toMatch(/^[0-9a-f]{32}$/)
  })

  it('keeps the event loop alive while it loads', async () => {
    // Turns are counted, not milliseconds: thousands where another thread loads, however slow, and hardly one where this one does.
    let [turns, isLoaded] = [0, false]
    const turn = (): void => {
      turns++
      if (!isLoaded) setImmediate(turn)
    }
    const loading = loadTokenizer(inject('modelPath'))
    setImmediate(turn)
    const other = await loading
    isLoaded = true
    other[Symbol.dispose]()
    expect(turns).toBeGreaterThan(20)
  })

  it('opens a split model by any of its files', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'split-'))
    const paths = await makeTinyModel(join(folder, 'm.gguf'), { files: 3 })
    for (const path of paths) {
      using split = await loadTokenizer(path)
      expect(split.detokenize(split.tokenize('the split model'))).toBe('the split model')
    }
    await rm(folder, { recursive: true })
  })

  it('cannot be used after its life', async () => {
    const other = await loadTokenizer(inject('modelPath'))
    other[Symbol.dispose]()
    other[Symbol.dispose]()
    for (const use of [
      () => other.tokenize('x'),
      () => other.bytes(5),
      () => other.isEnd(1),
      () => other.isControl(1),
    ]) {
      expect(use).toThrow(expect.objectContaining({ code: 'disposed' }))
    }
  })
})
