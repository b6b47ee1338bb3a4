/** What `load` gives: requests in, events out, and an account of what runs, so that the end can wait for it. */
import type { DisposeStack } from '../util/dispose.ts'
import { DisposedError } from '../util/errors.ts'
import { joinSignals } from '../util/signals.ts'
import type { ChatTemplate, Tokenizer } from '../text/index.ts'
import { openChat } from './chat.ts'
import { embed } from './embed.ts'
import type { EngineParts } from './engine.ts'
import { formOf } from './form.ts'
import { collect, generate, type Conditions } from './generate.ts'
import { openLab } from './lab.ts'
import { Reading } from './reading.ts'
import type {
  ChatOptions,
  ChatSession,
  CostRow,
  Embedding,
  EmbedRequest,
  Engine,
  EngineLab,
  FormRequest,
  GenerateEvent,
  GenerateRequest,
  GenerateResult,
} from './types.ts'

export class LoadedEngine implements Engine {
  readonly threads: number
  readonly lab: EngineLab
  readonly #parts: EngineParts
  readonly #stack: DisposeStack
  readonly #closing = new AbortController()
  readonly #running = new Set<Reading>()
  readonly #embedding = new Set<Promise<Embedding>>()

  constructor(parts: EngineParts, threads: number, stack: DisposeStack) {
    this.#parts = parts
    this.threads = threads
    this.lab = openLab(parts, (request, conditions) => this.#start(request, conditions))
    this.#stack = stack
  }

  get spec(): Engine['spec'] {
    return this.#parts.model.spec
  }

  get tokenizer(): Tokenizer {
    return this.#parts.tokenizer
  }

  get template(): ChatTemplate | undefined {
    return this.#parts.template
  }

  get sequences(): number {
    return this.#parts.slots.limit
  }

  get prefixCache(): Engine['prefixCache'] {
    return this.#parts.model.prefixes?.use
  }

  get cacheTokens(): number {
    return this.#parts.model.cacheTokens
  }

  get context(): number {
    return this.#parts.model.context
  }

  generate(request: GenerateRequest): AsyncIterable<GenerateEvent> {
    return this.#start(request)
  }

  complete(request: GenerateRequest): Promise<GenerateResult> {
    return collect(this.generate(request))
  }

  async embed(request: EmbedRequest): Promise<Embedding> {
    if (this.#closing.signal.aborted) throw new DisposedError('engine')
    using joined = joinSignals([this.#closing.signal, ...(request.signal ? [request.signal] : [])])
    const work = embed(this.#parts, { ...request, signal: joined.signal })
    this.#embedding.add(work)
    try {
      return await work
    } finally {
      this.#embedding.delete(work)
    }
  }

  chat(options: ChatOptions = {}): ChatSession {
    return openChat(this, options)
  }

  async prepareForm(request: FormRequest): Promise<void> {
    const form = formOf(request)
    if (form) await this.#parts.formats.prepare(form)
  }

  async costTable(): Promise<readonly CostRow[]> {
    const cost = await this.#parts.prices.measured()
    return cost.costTable()
  }

  /**
   * Ends running requests (they finish as `aborted` within one round), then frees everything. Requests whose reader went
   * away, or waits for this very call, end without a last event.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await Promise.all([...this.#running].map((reading) => reading.end()))
    await Promise.allSettled(this.#embedding)
    await this.#stack[Symbol.asyncDispose]()
  }

  #start(request: GenerateRequest, conditions?: Conditions): AsyncIterable<GenerateEvent> {
    const reading: Reading = new Reading(this.#run(request, conditions, () => reading))
    return reading
  }

  /** Keeps account of what runs, so that the end can wait for it. */
  async *#run(
    request: GenerateRequest,
    conditions: Conditions | undefined,
    reading: () => Reading,
  ): AsyncGenerator<GenerateEvent, void, undefined> {
    if (this.#closing.signal.aborted) throw new DisposedError('engine')
    this.#running.add(reading())
    reading().live = true
    using joined = joinSignals([this.#closing.signal, ...(request.signal ? [request.signal] : [])])
    try {
      yield* generate(this.#parts, { ...request, signal: joined.signal }, conditions)
    } finally {
      this.#running.delete(reading())
      reading().live = false
    }
  }
}
