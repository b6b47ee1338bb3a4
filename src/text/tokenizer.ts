/**
 * Text to tokens and back, by libllama on the vocabulary alone: exactly what the reference does, for every tokenizer
 * that our architectures use. Loading runs on another thread, so that weights can be read meanwhile.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { countHandle, isNull, loadGgml, type LlamaFunctions, type LlamaModelPtr, type VocabPtr } from '../ffi/index.ts'
import { loadGguf, type GgufModel, type Metadata } from '../gguf/index.ts'
import type { TokenId } from '../tree/index.ts'
import { readEnvironment } from '../util/env.ts'
import { DisposedError, ModelFileError, UsageError } from '../util/errors.ts'
import { readNote, writeNote } from '../util/notes.ts'
import type { TokenizeOptions, Tokenizer } from './types.ts'
import { checkVocabulary, splitsRecursively } from './vocabulary.ts'

/** The check reads every token once; a vocabulary that passed it is not checked at every start. Change with the checks. */
const CHECKED = 'good by checks 1'
/** Tokens; the check of fewer takes no time. */
const WORTH_A_NOTE = 10_000

/**
 * Loads the vocabulary of a model given by its path or its plain data.
 * Throws `bad-file` or `unsupported-model` for a vocabulary that cannot be used.
 */
export async function loadTokenizer(file: string | GgufModel): Promise<Tokenizer> {
  const model = typeof file === 'string' ? loadGguf(file) : file
  const folder = join(readEnvironment().cacheDir, 'vocabularies')
  const isKnown = readNote(folder, model.fingerprint) === CHECKED
  if (!isKnown) checkVocabulary(model)
  const path = model.files[0]?.path ?? ''
  const llama = loadGgml().llama()
  const params = { ...llama.llama_model_default_params(), vocab_only: true, n_gpu_layers: 0 }
  const pointer = await new Promise<LlamaModelPtr | null>((resolve, reject) => {
    llama.llama_model_load_from_file.async(path, params, (error, result) => {
      if (error) reject(error)
      else resolve(result)
    })
  })
  if (pointer === null || isNull(pointer)) {
    const pre = model.metadata.string('tokenizer.ggml.pre') ?? 'none'
    throw new ModelFileError(
      'unsupported-model',
      `${path}: expected a vocabulary that libllama reads, it refused this one (pre-tokenizer ${JSON.stringify(pre)}); use another model`,
    )
  }
  const tokenCount = model.metadata.arrayLength('tokenizer.ggml.tokens') ?? 0
  if (!isKnown && tokenCount >= WORTH_A_NOTE) writeNote(folder, model.fingerprint, CHECKED)
  return new LlamaTokenizer(llama, pointer, model.metadata)
}

// ---------------------------------------------------------------------------------------------------------------

/**
 * Longest run without a change between space and non-space for tokenizers that recurse. One match spans at most two
 * runs; 32,000 characters fit into the 16 MiB stack that `ffi` gives to calls, a quarter is left for other platforms.
 */
const longestRun = 12_000

/** Characters; fewer take some milliseconds, and are not worth another thread. */
const LONG_TEXT = 16_384

const spm = 1

class LlamaTokenizer implements Tokenizer {
  readonly vocabSize: number
  readonly bos: TokenId | undefined
  readonly eos: TokenId | undefined
  readonly addsBos: boolean
  readonly #llama: LlamaFunctions
  readonly #metadata: Metadata
  readonly #vocab: VocabPtr
  readonly #recursive: boolean
  /** SentencePiece puts a space in front of text; the way back takes it away. */
  readonly #addsSpace: boolean
  readonly #pieces = new Map<TokenId, Uint8Array>()
  readonly #specialPieces = new Map<TokenId, Uint8Array>()
  #model: LlamaModelPtr | undefined
  #ended = false
  /** Texts that other threads read now. */
  #aside = 0
  #fingerprint: string | undefined

  constructor(llama: LlamaFunctions, model: LlamaModelPtr, metadata: Metadata) {
    countHandle('vocab', 1)
    this.#llama = llama
    this.#model = model
    this.#metadata = metadata
    this.#vocab = llama.llama_model_get_vocab(model)
    this.#recursive = splitsRecursively(metadata)
    this.#addsSpace =
      llama.llama_vocab_type(this.#vocab) === spm && (metadata.boolean('tokenizer.ggml.add_space_prefix') ?? true)
    this.vocabSize = llama.llama_vocab_n_tokens(this.#vocab)
    this.bos = known(llama.llama_vocab_bos(this.#vocab))
    this.eos = known(llama.llama_vocab_eos(this.#vocab))
    this.addsBos = llama.llama_vocab_get_add_bos(this.#vocab)
  }

  get fingerprint(): string {
    return (this.#fingerprint ??= vocabularyFingerprint(this.#metadata))
  }

  isEnd(token: TokenId): boolean {
    return this.#llama.llama_vocab_is_eog(this.#live(token), token)
  }

  isControl(token: TokenId): boolean {
    return this.#llama.llama_vocab_is_control(this.#live(token), token)
  }

  tokenize(text: string, options: TokenizeOptions = {}): TokenId[] {
    const bytes = this.#read(text)
    let tokens = roomFor(bytes)
    let count = this.#llama.llama_tokenize(...this.#call(bytes, tokens, options))
    if (count < 0) {
      tokens = new Int32Array(-count)
      count = this.#llama.llama_tokenize(...this.#call(bytes, tokens, options))
    }
    return Array.from(tokens.subarray(0, count))
  }

  async tokenizeAside(text: string, options: TokenizeOptions = {}): Promise<TokenId[]> {
    // Other threads have less stack than those that recurse need.
    if (text.length < LONG_TEXT || this.#recursive) return this.tokenize(text, options)
    const bytes = this.#read(text)
    const run = (tokens: Int32Array): Promise<number> =>
      new Promise((resolve, reject) => {
        this.#llama.llama_tokenize.async(...this.#call(bytes, tokens, options), (error, count) => {
          if (error) reject(error)
          else resolve(count)
        })
      })
    this.#aside++
    try {
      let tokens = roomFor(bytes)
      let count = await run(tokens)
      if (count < 0) {
        tokens = new Int32Array(-count)
        count = await run(tokens)
      }
      return Array.from(tokens.subarray(0, count))
    } finally {
      this.#aside--
      this.#free()
    }
  }

  bytes(token: TokenId, special = false): Uint8Array {
    const cache = special ? this.#specialPieces : this.#pieces
    const cached = cache.get(token)
    if (cached) return cached
    const piece = this.#readPiece(token, special)
    cache.set(token, piece)
    return piece
  }

  detokenize(tokens: readonly TokenId[], { special = false }: { readonly special?: boolean } = {}): string {
    const pieces = tokens.map((token) => this.bytes(token, special))
    const bytes = Buffer.concat(pieces)
    const first = pieces.findIndex((piece) => piece.length > 0)
    const strip = this.#addsSpace && bytes[0] === 0x20 && !this.isControl(tokens[first] ?? 0)
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(strip ? bytes.subarray(1) : bytes)
  }

  [Symbol.dispose](): void {
    this.#ended = true
    this.#free()
  }

  /** Frees the vocabulary as soon as nobody will use it: texts that other threads read are read to their end. */
  #free(): void {
    if (!this.#ended || this.#aside > 0 || this.#model === undefined) return
    this.#llama.llama_model_free(this.#model)
    this.#model = undefined
    countHandle('vocab', -1)
  }

  #call(bytes: Uint8Array, tokens: Int32Array, { addSpecial = true, parseSpecial = false }: TokenizeOptions) {
    return [this.#vocab, bytes, bytes.length, tokens, tokens.length, addSpecial, parseSpecial] as const
  }

  /** A text as libllama takes it. Throws `bad-prompt`. */
  #read(text: string): Uint8Array {
    this.#live()
    this.#checkText(text)
    return Buffer.from(text)
  }

  /** The native vocabulary, after making sure that it is there and holds the token: libllama checks neither. */
  #live(token: TokenId = 0): VocabPtr {
    if (this.#ended) throw new DisposedError('tokenizer')
    if (!Number.isInteger(token) || token < 0 || token >= this.vocabSize) {
      throw new UsageError(
        'bad-prompt',
        `expected token ids from 0 to ${this.vocabSize - 1}, got ${token}; tokenize with this model's tokenizer`,
      )
    }
    return this.#vocab
  }

  #checkText(text: string): void {
    const lone = /\p{Surrogate}/u.exec(text)
    if (lone) {
      throw new UsageError(
        'bad-prompt',
        `expected well-formed Unicode, got half a character (a lone surrogate) at position ${lone.index}; remove it`,
      )
    }
    if (!this.#recursive) return
    for (const { 0: run, index } of text.matchAll(/\S+|\s+/g)) {
      if (run.length <= longestRun) continue
      throw new UsageError(
        'bad-prompt',
        `expected text with a change between words and spaces every ${longestRun} characters for this model's tokenizer, got ${run.length} at position ${index}; break them up`,
      )
    }
  }

  #readPiece(token: TokenId, special: boolean): Uint8Array {
    const vocab = this.#live(token)
    let buffer = new Uint8Array(64)
    const run = (): number => this.#llama.llama_token_to_piece(vocab, token, buffer, buffer.length, 0, special)
    let length = run()
    if (length < 0) {
      buffer = new Uint8Array(-length)
      length = run()
    }
    return buffer.slice(0, length)
  }
}

/** Nearly always at most one token per byte; where not, the answer tells the room that it takes. */
function roomFor(bytes: Uint8Array): Int32Array<ArrayBuffer> {
  return new Int32Array(bytes.length + 8)
}

function known(token: number): TokenId | undefined {
  return token < 0 ? undefined : token
}

/** What `Tokenizer.fingerprint` is, of a file that nobody loads a tokenizer for: texts with their boundaries, and types. */
export function vocabularyFingerprint(metadata: Metadata): string {
  const hash = createHash('sha256').update(JSON.stringify(metadata.strings('tokenizer.ggml.tokens')))
  hash.update(Int32Array.from(metadata.numbers('tokenizer.ggml.token_type') ?? []))
  return hash.digest('hex').slice(0, 32)
}
