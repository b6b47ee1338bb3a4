/**
 * Checks of a file's vocabulary before libllama reads it. libllama answers most nonsense with a refusal, but some kinds
 * abort the process, at once or at the first text that meets the gap. Those were found by trying a hundred damaged
 * vocabularies in child processes (libllama 0.5.0); each has its check here.
 */
import type { GgufModel, Metadata } from '../gguf/index.ts'
import { ModelFileError } from '../util/errors.ts'

/** Throws `bad-file` or `unsupported-model` for a vocabulary that libllama must not see. */
export function checkVocabulary({ files, metadata }: GgufModel): void {
  const path = files[0]?.path ?? 'the model'
  const family = metadata.string('tokenizer.ggml.model')
  // Other families belong to architectures that we do not run; "none" loads, and aborts at the first text.
  if (family !== 'gpt2' && family !== 'llama') {
    throw unsupported(
      path,
      `expected a tokenizer of family gpt2 (BPE) or llama (SentencePiece), got ${family ?? 'none'}`,
    )
  }
  const tokens = metadata.strings('tokenizer.ggml.tokens')
  if (!tokens?.length) throw badVocabulary(path, `expected a list of tokens, got ${tokens ? 'an empty one' : 'none'}`)
  expectArray(path, metadata, 'token_type', 'i32', tokens.length)
  expectArray(path, metadata, 'scores', 'f32', tokens.length)
  if (family === 'gpt2') checkMerges(path, metadata)
  const texts = checkDistinct(path, tokens)
  if (family === 'llama') checkBytes(path, texts)
}

/**
 * True where libllama splits text by a regular expression engine that recurses once per character of a match:
 * a long enough unbroken run of characters would overflow the stack.
 */
export function splitsRecursively(metadata: Metadata): boolean {
  if (metadata.string('tokenizer.ggml.model') !== 'gpt2') return false
  return !loopingSplitters.has(metadata.string('tokenizer.ggml.pre') ?? 'default')
}

// ---------------------------------------------------------------------------------------------------------------

/** Pre-tokenizers that libllama splits by loops of its own: runs of 60,000 equal characters of 34 kinds were tried. */
const loopingSplitters: ReadonlySet<string> = new Set([
  ...['llama-bpe', 'llama3', 'llama-v3', 'falcon3', 'dbrx', 'smaug-bpe', 'glm4', 'chatglm-bpe'],
  ...['qwen2', 'deepseek-r1-qwen', 'megrez', 'stablelm2', 'hunyuan', 'qwen35', 'solar-open'],
  ...['smollm', 'starcoder', 'refact', 'command-r', 'codeshell', 'exaone', 'minerva-7b', 'mellum2'],
  ...['gpt-2', 'phi-2', 'mpt', 'olmo', 'jais', 'trillion', 'granite-docling', 'exaone4'],
  ...['chameleon', 'kimi-k2', 'grok-2'],
])

function checkMerges(path: string, metadata: Metadata): void {
  if (!metadata.has('tokenizer.ggml.merges'))
    throw badVocabulary(path, 'expected the merges of a BPE tokenizer, got none')
  expectArray(path, metadata, 'merges', 'string', 0)
  // It looks up words with the spaces in them, which the table of merges asserts against.
  if (metadata.string('tokenizer.ggml.pre') === 'whitespace') {
    throw unsupported(path, 'expected a pre-tokenizer for text, got "whitespace"')
  }
}

function expectArray(path: string, metadata: Metadata, name: string, of: string, atLeast: number): void {
  const type = metadata.typeName(`tokenizer.ggml.${name}`)
  if (type === 'absent') return
  const [, element, length] = /^array<(\w+)>\[(\d+)\]$/.exec(type) ?? []
  if (element !== of || Number(length) < atLeast) {
    throw badVocabulary(path, `expected tokenizer.ggml.${name} as array<${of}> for ${atLeast} tokens, got ${type}`)
  }
}

/** libllama asserts that no two tokens have the same text, as C sees it. */
function checkDistinct(path: string, tokens: readonly string[]): ReadonlySet<string> {
  const texts = new Set<string>()
  for (const [id, token] of tokens.entries()) {
    const end = token.indexOf('\0')
    const text = (end < 0 ? token : token.slice(0, end)) || `[EMPTY_${id}]`
    if (texts.has(text))
      throw badVocabulary(path, `expected every token once, got ${JSON.stringify(text)} again as token ${id}`)
    texts.add(text)
  }
  return texts
}

/** A character without a token is spelled in bytes; a byte without a token ends the process. */
function checkBytes(path: string, texts: ReadonlySet<string>): void {
  for (let byte = 0; byte < 256; byte++) {
    const name = `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`
    const itself = byte > 0 && byte < 128 && texts.has(String.fromCharCode(byte))
    if (!texts.has(name) && !itself) throw badVocabulary(path, `expected a token for every byte, got none for ${name}`)
  }
}

function badVocabulary(path: string, sentence: string): ModelFileError {
  return new ModelFileError('bad-file', `${path}: ${sentence}; fetch the file again`)
}

function unsupported(path: string, sentence: string): ModelFileError {
  return new ModelFileError('unsupported-model', `${path}: ${sentence}; use another model`)
}
