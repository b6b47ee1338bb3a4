/** What a chat in the terminal remembers: the engine's session, the settings, the sums over its turns. Prints nothing. */
import type {
  ChatSession,
  Engine,
  GenerateEvent,
  GenerateRequest,
  GenerateResult,
  SpeculativeOptions,
} from '../engine/index.ts'
import { statisticsLine } from './statistics.ts'

/** The settings that a conversation starts with. */
export interface ConversationSettings {
  readonly request: Omit<GenerateRequest, 'prompt'>
  readonly system: string | undefined
  /** Told what was said before it is forgotten, and at the end. */
  readonly onEnd?: ((history: ChatSession['history'], last: GenerateResult | undefined) => void) | undefined
}

/** One conversation with one model. */
export class Conversation implements Disposable {
  readonly #engine: Pick<Engine, 'chat'>
  readonly #request: Omit<GenerateRequest, 'prompt'>
  readonly #results: GenerateResult[] = []
  readonly #onEnd: ConversationSettings['onEnd']
  #session: ChatSession
  #speculative: SpeculativeOptions | undefined

  constructor(engine: Pick<Engine, 'chat'>, settings: ConversationSettings) {
    this.#engine = engine
    this.#request = settings.request
    this.#onEnd = settings.onEnd
    this.#session = engine.chat({ ...this.#request, system: settings.system })
  }

  /** What was said so far, the system text included. */
  get history(): ChatSession['history'] {
    return this.#session.history
  }

  /** Asks one question; the answer joins the history. */
  async *ask(text: string, signal: AbortSignal): AsyncGenerator<GenerateEvent, void, undefined> {
    const speculative = this.#speculative === undefined ? {} : { speculative: this.#speculative }
    for await (const event of this.#session.send(text, { ...speculative, signal })) {
      if (event.type === 'done') this.#results.push(event)
      yield event
    }
  }

  /** Forgets what was said, not the system text. */
  clear(): void {
    this.#onEnd?.(this.history, this.#results.at(-1))
    this.#session.clear()
  }

  [Symbol.dispose](): void {
    this.#onEnd?.(this.history, this.#results.at(-1))
  }

  /** Changes the system text (empty: none) and keeps what was said. */
  instruct(system: string): void {
    const history = this.#session.history.filter(({ role }) => role !== 'system')
    this.#session = this.#engine.chat({ ...this.#request, system: system === '' ? undefined : system, history })
  }

  /** Speculation from the next question on. */
  speculate(options: SpeculativeOptions): void {
    this.#speculative = options
  }

  /** Numbers of the last answer and of all. */
  statistics(): string {
    const last = this.#results.at(-1)
    if (!last) return 'no answer yet'
    const sum = (pick: (result: GenerateResult) => number): number =>
      this.#results.reduce((total, result) => total + pick(result), 0)
    const tokens = sum(({ timings }) => timings.predicted_n)
    const rounds = sum(({ speculation }) => speculation.rounds)
    const emitted = sum(({ speculation }) => speculation.tau * speculation.rounds)
    const accepted = sum(({ speculation }) => speculation.accepted)
    const drafted = sum(({ speculation }) => speculation.drafted)
    const seconds = sum(({ timings }) => timings.predicted_ms) / 1000
    const parts = [
      `${this.#results.length} ${this.#results.length === 1 ? 'answer' : 'answers'}`,
      `${tokens} tokens in ${seconds.toFixed(1)} s`,
      `tau ${(rounds > 0 ? emitted / rounds : 1).toFixed(2)}`,
      `${accepted} of ${drafted} drafted tokens accepted`,
      `${sum(({ timings }) => timings.prompt_n)} prompt tokens read, ${sum(({ timings }) => timings.cache_n)} from the cache`,
    ]
    return `last: ${statisticsLine(last)}\nall:  [${parts.join(', ')}]`
  }
}
