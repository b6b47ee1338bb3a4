/**
 * Plain greedy decoding by libllama as a side: in our process, on one thread of JavaScript, which is its best case. Only
 * greedy: libllama's own samplers would draw other tokens than ours from the same scores, and nothing could be compared.
 */
import { loadGgml } from '../../ffi/index.ts'
import { DisposedError, UsageError, throwIfAborted } from '../../util/errors.ts'
import type { Tokenizer } from '../../text/index.ts'
import type { Answer, Outcome, Side, SideInfo, Task } from '../types.ts'
import { openLibllama, type Libllama, type LibllamaOptions } from './libllama.ts'

/** Loads the model; the side frees it. */
export async function libllamaSide(path: string, options: LibllamaOptions, tokenizer: Tokenizer): Promise<Side> {
  const llama = await openLibllama(path, options)
  const { probe } = loadGgml()
  const info: SideInfo = {
    name: LIBLLAMA,
    kind: 'libllama',
    plain: LIBLLAMA,
    details: {
      ggml: `${probe.ggmlVersion} (${probe.ggmlCommit})`,
      threads: options.threads,
      context: options.context,
      flashAttention: true,
      cache: 'f16',
    },
  }
  let live = true
  const start = async (task: Task): Promise<LibllamaAnswer> => {
    if (!live) throw new DisposedError(LIBLLAMA)
    return LibllamaAnswer.start(llama, tokenizer, task)
  }
  return {
    info,
    start,
    async run(task) {
      const answer = await start(task)
      await answer.advance(Infinity)
      return answer.outcome()
    },
    [Symbol.asyncDispose]: () => {
      if (live) llama[Symbol.dispose]()
      live = false
      return Promise.resolve()
    },
  }
}

/** The name of the side. */
export const LIBLLAMA = 'libllama'

// ---------------------------------------------------------------------------------------------------------------

/** As many rows as libllama computes at a time anyway: pieces of this size give the same bits in the same time. */
const PROMPT_PIECE = 512
/** Calls of libllama block this thread: how long others (progress, Ctrl-C) may have to wait for their turn. */
const TURN_MS = 50

class LibllamaAnswer implements Answer {
  readonly #llama: Libllama
  readonly #tokenizer: Tokenizer
  readonly #task: Task
  readonly #tokens: number[] = []
  #token: number
  #calls = 0
  #decodeMs = 0
  readonly #firstTokenMs: number

  private constructor(llama: Libllama, tokenizer: Tokenizer, task: Task, first: { token: number; ms: number }) {
    this.#llama = llama
    this.#tokenizer = tokenizer
    this.#task = task
    this.#token = first.token
    this.#firstTokenMs = first.ms
    if (!this.#hasEnded()) this.#tokens.push(first.token)
  }

  static async start(llama: Libllama, tokenizer: Tokenizer, task: Task): Promise<LibllamaAnswer> {
    const { tokens: prompt, signal, temperature } = task
    if (temperature > 0) {
      throw new UsageError('bad-option', `expected temperature 0 for ${LIBLLAMA}, got ${temperature}; leave it out`)
    }
    throwIfAborted(signal)
    const turns = new Turns(signal)
    llama.clear()
    const started = turns.clock()
    const last = Math.floor((prompt.length - 1) / PROMPT_PIECE) * PROMPT_PIECE
    for (let at = 0; at < last; at += PROMPT_PIECE) {
      llama.read(prompt.slice(at, at + PROMPT_PIECE))
      if (turns.due()) await turns.give()
    }
    const token = llama.next(prompt.slice(last))
    return new LibllamaAnswer(llama, tokenizer, task, { token, ms: turns.clock() - started })
  }

  /** A method, so that the compiler does not take what it was for what it is. */
  #hasEnded(): boolean {
    return this.#tokenizer.isEnd(this.#token)
  }

  async advance(tokens: number): Promise<boolean> {
    const { maxTokens, signal } = this.#task
    const turns = new Turns(signal)
    const started = turns.clock()
    while (!this.#hasEnded() && this.#tokens.length < Math.min(tokens, maxTokens)) {
      if (turns.due()) await turns.give()
      this.#token = this.#llama.next([this.#token])
      this.#calls++
      if (!this.#hasEnded()) this.#tokens.push(this.#token)
    }
    this.#decodeMs += turns.clock() - started
    throwIfAborted(signal)
    return this.#hasEnded() || this.#tokens.length >= maxTokens
  }

  outcome(): Outcome {
    const calls = this.#calls
    return {
      tokens: this.#tokens,
      text: this.#tokenizer.detokenize(this.#tokens),
      ended: this.#hasEnded(),
      firstTokenMs: this.#firstTokenMs,
      decodeMs: this.#decodeMs,
      ...{ calls, verified: calls, drafted: 0, accepted: 0, offeredByDepth: [], acceptedByDepth: [] },
      ...{ draftMs: null, targetMs: null, hostMs: null },
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }
}

/** Lets the event loop run now and then, on a clock that stands still meanwhile. */
class Turns {
  readonly #signal: AbortSignal | undefined
  #since = performance.now()
  #givenMs = 0

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
  }

  clock(): number {
    return performance.now() - this.#givenMs
  }

  due(): boolean {
    return performance.now() - this.#since >= TURN_MS
  }

  async give(): Promise<void> {
    const started = performance.now()
    await new Promise(setImmediate)
    throwIfAborted(this.#signal)
    this.#since = performance.now()
    this.#givenMs += this.#since - started
  }
}
