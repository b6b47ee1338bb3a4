/** Two settings on the same prompt: one after the other, so that neither takes time from the other. */
import { Answer } from './answer.ts'
import type { Api, StreamRequest } from './api.ts'
import { nameOf, requestOf, samplingWords, type Settings, type Speculation } from './settings.ts'
import { figure, seconds } from './words.ts'

/** Two of something. */
export type Pair<T> = readonly [T, T]

export class Comparison {
  readonly answers: Pair<Answer>
  /** How tokens were chosen, in words. */
  readonly sampling: string
  readonly #requests: Pair<StreamRequest>
  #isStopped = false

  /** `chats`: whether the model answers conversations. */
  constructor(prompt: string, settings: Settings, speculations: Pair<Speculation>, chats: boolean) {
    // With chance in play the same seed makes the same text.
    const shared = { ...settings, seed: settings.seed ?? 1 }
    const made = (speculation: Speculation): StreamRequest => {
      const { path, body } = requestOf({ ...shared, speculation }, [{ role: 'user', content: prompt }], chats)
      // The second one shall not find the prompt read by the first.
      return { path, body: { ...body, cache_prompt: false } }
    }
    this.sampling = samplingWords(settings)
    const [a, b] = speculations
    this.answers = [new Answer(nameOf(a)), new Answer(nameOf(b))]
    this.#requests = [made(a), made(b)]
  }

  /** Runs both to their ends. Never throws. */
  async run(api: Api): Promise<void> {
    const [a, b] = this.answers
    await a.run(api, this.#requests[0])
    if (!this.#isStopped) await b.run(api, this.#requests[1])
  }

  /** Ends what is running, and the other one never begins. */
  stop(): void {
    this.#isStopped = true
    for (const answer of this.answers) answer.stop()
  }

  /** Whether more is to come. */
  get isRunning(): boolean {
    return !this.#isStopped && this.answers.some((answer) => answer.isOpen)
  }

  /** Whether both came to their end. */
  get isComplete(): boolean {
    return this.answers.every((answer) => answer.state.value === 'done')
  }

  /** Milliseconds of the slower one so far. */
  get slowestMs(): number {
    return Math.max(...this.answers.map(({ ms }) => ms))
  }

  /** Which one was faster, and whether they said the same. */
  verdict(): string {
    const [a, b] = this.answers
    if (!this.isComplete) return 'Not both came to their end.'
    const [slow, fast, name] = a.ms >= b.ms ? [a, b, 'B'] : [b, a, 'A']
    const same = a.text === b.text ? 'The texts are the same, character for character.' : 'The texts differ.'
    const times = figure(slow.ms / Math.max(1, fast.ms))
    const [less, more] = [fast.ms, slow.ms].map((ms) =>
      slow.ms < 10_000 ? `${(ms / 1000).toFixed(2)} s` : seconds(ms),
    )
    return `${name} took ${less} instead of ${more}: ${times} times as fast. ${same}`
  }
}
