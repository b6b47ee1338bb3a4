/** One answer while it grows: text, rounds, tokens, times. Parts of the page watch `version`. */
import { signal, type ReadonlySignal, type Signal } from '@preact/signals'
import type { Piece, Pieces, Round, ShownToken, Timings } from '../types.ts'
import type { Api, StreamRequest } from './api.ts'
import { textOfRounds, TokenSplitter } from './tokens.ts'

/** Where an answer stands. */
export type AnswerState = 'waiting' | 'streaming' | 'done' | 'stopped' | 'failed'

/** So many rounds after so many milliseconds. */
interface Moment {
  readonly ms: number
  readonly rounds: number
}

export class Answer {
  /** How it was drafted, for people. */
  readonly label: string
  readonly rounds: Round[] = []
  text = ''
  timings: Timings | undefined
  /** Why it ended, or what went wrong. */
  reason = ''
  /** Grows with every piece of text and every round. */
  readonly #moments: Moment[] = []
  readonly #version = signal(0)
  readonly #state: Signal<AnswerState> = signal('waiting')
  readonly #pieces = new Map<number, Piece>()
  readonly #splitter = new TokenSplitter()
  readonly #stop = new AbortController()
  #began = 0

  constructor(label: string) {
    this.label = label
  }

  /** Changes with every piece of text and every round. */
  get version(): ReadonlySignal<number> {
    return this.#version
  }

  get state(): ReadonlySignal<AnswerState> {
    return this.#state
  }

  get pieces(): Pieces {
    return this.#pieces
  }

  /** Tokens by round; they do not change once they are there. */
  get groups(): readonly (readonly ShownToken[])[] {
    return this.#splitter.groups
  }

  /** Text that no round has told of yet. */
  get rest(): string {
    return this.text.slice(this.#splitter.length)
  }

  /** Milliseconds since the request was sent, until the end. */
  get ms(): number {
    return this.isOpen ? this.#sinceStart() : (this.#moments.at(-1)?.ms ?? 0)
  }

  /** Whether more may come. */
  get isOpen(): boolean {
    return this.#state.value === 'waiting' || this.#state.value === 'streaming'
  }

  /** How many rounds were there after `ms`. */
  roundsAfter(ms: number): number {
    return this.#moments.findLast((moment) => moment.ms <= ms)?.rounds ?? 0
  }

  /** Sends the request and grows until the answer is over. Never throws: what goes wrong becomes the state. */
  async run(api: Api, request: StreamRequest): Promise<void> {
    this.#began = performance.now()
    try {
      await api.stream(
        request,
        {
          onText: (text) => this.#grow(() => (this.text += text)),
          onRound: (round, pieces) =>
            this.#grow(() => {
              this.#learn(pieces)
              this.#addRound(round)
            }),
          onEnd: (reason, timings) => {
            this.reason = reason
            this.timings = timings
          },
        },
        this.#stop.signal,
      )
      this.#end('done')
    } catch (error) {
      if (!this.#stop.signal.aborted) this.reason = error instanceof Error ? error.message : String(error)
      this.#end(this.#stop.signal.aborted ? 'stopped' : 'failed')
    }
  }

  /** Ends it where it stands. */
  stop(): void {
    this.#stop.abort()
  }

  /** Fills it with rounds of a file. */
  fill(rounds: readonly Round[], pieces: Pieces): void {
    this.#learn(pieces)
    for (const round of rounds) {
      this.#addRound(round)
      this.#note()
    }
    this.text = textOfRounds(rounds, pieces)
    this.#end('done')
  }

  #learn(pieces: Pieces): void {
    for (const [id, piece] of pieces) this.#pieces.set(id, piece)
  }

  #addRound(round: Round): void {
    this.#splitter.add(round, this.rounds.length, this.#pieces)
    this.rounds.push(round)
  }

  #grow(change: () => void): void {
    change()
    this.#splitter.settle(this.text, false)
    this.#state.value = 'streaming'
    this.#note()
    this.#version.value++
  }

  #end(state: AnswerState): void {
    this.#splitter.settle(this.text, true)
    this.#note()
    this.#state.value = state
    this.#version.value++
  }

  #note(): void {
    this.#moments.push({ ms: this.#sinceStart(), rounds: this.rounds.length })
  }

  #sinceStart(): number {
    return this.#began === 0 ? 0 : performance.now() - this.#began
  }
}
