import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { hostileFiles } from '../../test/fixtures/hostile.ts'
import { tinyModel } from '../../test/fixtures/tiny.ts'
import { vocabulary } from '../../scripts/tiny/vocabulary.ts'
import { liveHandles } from '../ffi/index.ts'
import { encodeGguf, type MetadataValue, type NumberType } from '../gguf/index.ts'
import { ModelFileError } from '../util/errors.ts'
import { loadTokenizer, type Tokenizer } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'vocabulary-'))
const path = join(folder, 'v.gguf')
afterAll(() => {
  rmSync(folder, { recursive: true })
  expect(liveHandles()).toEqual({})
})

type Changes = Readonly<Record<string, MetadataValue | undefined>>

async function load(changes: Changes): Promise<Tokenizer> {
  const named = Object.entries(changes).map(([key, value]) => [
    key.includes('.') ? key : `tokenizer.ggml.${key}`,
    value,
  ])
  writeFileSync(path, encodeGguf(tinyModel(Object.fromEntries(named) as Changes)))
  return loadTokenizer(path)
}

/** Uses everything that a bad vocabulary could break. */
function exercise(tokenizer: Tokenizer): void {
  for (const text of [
    '',
    'Hello world\n',
    'é日本語🎉\0\u0001',
    '<|im_start|>user',
    ' '.repeat(300),
    'x'.repeat(1000),
  ]) {
    for (const parseSpecial of [true, false]) tokenizer.detokenize(tokenizer.tokenize(text, { parseSpecial }))
  }
  for (let token = 0; token < tokenizer.vocabSize; token++) {
    tokenizer.bytes(token)
    tokenizer.bytes(token, true)
    tokenizer.isControl(token)
    tokenizer.isEnd(token)
  }
  expect(tokenizer.fingerprint).toHaveLength(32)
}

const { tokens, types } = vocabulary()
const text = (value: string): MetadataValue => ({ type: 'string', value })
const u32 = (value: number): MetadataValue => ({ type: 'u32', value })
const bool = (value: boolean): MetadataValue => ({ type: 'bool', value })
const strings = (values: readonly string[]): MetadataValue => ({ type: 'array', of: 'string', values })
const numbers = (values: readonly number[], of: NumberType = 'i32'): MetadataValue => ({ type: 'array', of, values })
const replaced = (id: number, token: string): MetadataValue =>
  strings(tokens.map((other, i) => (i === id ? token : other)))

const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
const pieces = ['<unk>', '<s>', '</s>', ...bytes, '▁', 'H', 'e', 'l', 'o', '▁H', 'el']
const sentencePiece = {
  model: text('llama'),
  pre: undefined,
  merges: undefined,
  tokens: strings(pieces),
  token_type: numbers(pieces.map((piece, i) => (piece.startsWith('<0x') ? 6 : i < 3 ? 3 : 1))),
  scores: numbers(
    pieces.map((_, i) => -i),
    'f32',
  ),
  add_bos_token: bool(true),
}

describe('vocabularies that would end the process', () => {
  const deadly: Record<string, readonly [Changes, string]> = {
    'a token twice': [{ tokens: replaced(50, tokens[51]!) }, `got ${JSON.stringify(tokens[51])} again as token 51`],
    'tokens that are equal for C': [{ tokens: replaced(50, 'Ġ\0x') }, 'expected every token once, got "Ġ"'],
    'an empty token beside its stand-in': [
      { tokens: strings(['[EMPTY_1]', '', 'a']), token_type: numbers([1, 1, 1]) },
      'got "[EMPTY_1]" again',
    ],
    'no tokenizer at all': [
      { model: text('none') },
      'expected a tokenizer of family gpt2 (BPE) or llama (SentencePiece), got none',
    ],
    'a promise of tokens': [{ model: text('no_vocab'), 'llama.vocab_size': u32(100) }, 'got no_vocab'],
    'a pre-tokenizer that asserts': [{ pre: text('whitespace') }, 'expected a pre-tokenizer for text'],
    'SentencePiece without bytes': [
      { ...sentencePiece, tokens: strings(['<unk>', '<s>', '</s>', '▁', 'a']) },
      'got none for <0x00>',
    ],
    'SentencePiece without one byte': [
      { ...sentencePiece, tokens: strings(pieces.filter((piece) => piece !== '<0xE9>')) },
      'got none for <0xE9>',
    ],
  }
  it.each(Object.entries(deadly))('%s is refused before libllama sees it', async (_, [changes, sentence]) => {
    await expect(load(changes)).rejects.toThrow(sentence)
    await expect(load(changes)).rejects.toBeInstanceOf(ModelFileError)
  })
})

describe('nonsense in vocabularies', () => {
  const refused: Record<string, Changes> = {
    'no tokens': { tokens: undefined },
    'tokens that are a string': { tokens: text('x') },
    'tokens that are numbers': { tokens: numbers([1, 2]) },
    'an empty list of tokens': { tokens: strings([]), token_type: numbers([]) },
    'no family': { model: undefined },
    'a family of another kind': { model: text('bert') },
    'a family that is a number': { model: u32(3) },
    'an unknown pre-tokenizer': { pre: text('foo') },
    'a pre-tokenizer that is a number': { pre: u32(1) },
    'no merges': { merges: undefined },
    'merges that are numbers': { merges: numbers([1]) },
    'too few token types': { token_type: numbers([1, 2, 3]) },
    'token types of another type': { token_type: numbers(types, 'u32') },
    'one token type': { token_type: u32(1) },
    'byte tokens that are none': { token_type: numbers(types.map(() => 6)) },
    'too few scores': { ...sentencePiece, scores: numbers([1], 'f32') },
    'scores of another type': { ...sentencePiece, scores: strings(['a']) },
    'a BOS that is text': { bos_token_id: text('x') },
    'a BOS that is a list': { bos_token_id: numbers([1]) },
    'a flag that is a number': { add_bos_token: u32(1) },
    'no architecture': { 'general.architecture': undefined },
    'an unknown architecture': { 'general.architecture': text('foo') },
    'a name that changes the rules': { 'general.name': text('phi-3') },
  }
  it.each(Object.entries(refused))('%s: refused with a sentence', async (_, changes) => {
    await expect(load(changes)).rejects.toThrow(/expected .*, .*(got|refused)/)
    await expect(load(changes)).rejects.toBeInstanceOf(ModelFileError)
  })

  const harmless: Record<string, Changes> = {
    'one token': { tokens: strings(['a']), token_type: numbers([1]) },
    'an empty token': { tokens: replaced(50, '') },
    'a token of a megabyte': { tokens: replaced(50, 'x'.repeat(1 << 20)) },
    'a token that is not in the byte alphabet': { tokens: replaced(50, '日本語') },
    'no token types': { token_type: undefined },
    'wild token types': { token_type: numbers(types.map((_, i) => i * 7919 - 5)) },
    'only control tokens': { token_type: numbers(types.map(() => 3)) },
    'only unknown tokens': { token_type: numbers(types.map(() => 2)) },
    'garbage merges': { merges: strings(['', 'a', '   ', 'a b c', 'ab', '\0', 'Ġ']) },
    'special tokens beyond the vocabulary': {
      bos_token_id: u32(1e6),
      eos_token_id: u32(0xffffffff),
      eot_token_id: u32(0x7fffffff),
    },
    'a BOS that is added and is none': { add_bos_token: bool(true), bos_token_id: u32(99999) },
    'byte tokens with odd names': {
      ...sentencePiece,
      tokens: strings([...pieces, '<0xZZ>']),
      token_type: undefined,
      scores: undefined,
    },
    'scores that are no numbers': {
      ...sentencePiece,
      scores: numbers(
        pieces.map(() => NaN),
        'f32',
      ),
    },
  }
  it.each(Object.entries(harmless))('%s: survived', async (_, changes) => {
    using tokenizer = await load(changes)
    exercise(tokenizer)
  })

  it('hostile files end in a sentence or in a working tokenizer', async () => {
    let loaded = 0
    for (const file of hostileFiles(7)) {
      writeFileSync(path, file.bytes)
      try {
        using tokenizer = await loadTokenizer(path)
        exercise(tokenizer)
        loaded++
      } catch (error) {
        if (!(error instanceof ModelFileError)) throw error
      }
    }
    expect(loaded).toBeGreaterThan(10)
  })
})

describe('tokenizers that recurse', () => {
  const runs = ['x', ' ', '1', '日', '!', '\n', 'é', '🎉', 'Aa', "a'"]

  it.each(['default', 'deepseek-llm', 'tekken', 'gpt-4o', 'falcon'])(
    '%s takes the longest run that is let through',
    async (pre) => {
      using tokenizer = await load({ pre: text(pre) })
      for (const run of runs) tokenizer.tokenize(run.repeat(12_000 / run.length))
      tokenizer.tokenize(` ${'!'.repeat(12_000)}${'\n'.repeat(12_000)}`)
      for (const run of ['x', ' ']) {
        expect(() => tokenizer.tokenize(`start ${run.repeat(13_000)}`)).toThrow(
          /every 12000 characters for this model's tokenizer, got 1300[01] at position/,
        )
      }
    },
  )

  it.each(['smollm', 'llama-bpe', 'qwen2', 'gpt-2'])('%s takes runs of any length', async (pre) => {
    using tokenizer = await load({ pre: text(pre) })
    for (const run of runs) tokenizer.tokenize(run.repeat(60_000))
  })
})

describe('SentencePiece', () => {
  it('adds a space in front and takes it away again', async () => {
    using tokenizer = await load(sentencePiece)
    const tokens = tokenizer.tokenize('Hello')
    expect(tokens[0]).toBe(tokenizer.bos)
    expect(Buffer.from(tokenizer.bytes(tokens[1]!)).toString()).toBe(' H')
    for (const words of ['Hello', ' Hello', '  two', 'é\n日本', '']) {
      expect(tokenizer.detokenize(tokenizer.tokenize(words))).toBe(words)
      expect(tokenizer.detokenize(tokenizer.tokenize(words, { addSpecial: false }))).toBe(words)
    }
  })
})
