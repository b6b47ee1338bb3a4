/** One request while it runs: its tokens, when to stop, and the sums for its statistics. Knows ids, not text. */
import type { DraftSession } from '../draft/index.ts'
import type { BudgetPolicy, CostModel, RoundContext } from '../policy/index.ts'
import type { Sampler } from '../sample/index.ts'
import type { TokenId } from '../tree/index.ts'
import type { Verdict } from '../verify/index.ts'
import type { RoundState } from './round.ts'
import type { FinishReason, TokenOrigin } from './types.ts'
import type { Sequence } from '../model/index.ts'

export interface SessionParts {
  readonly sequence: Sequence
  readonly draft: DraftSession
  readonly policy: BudgetPolicy
  readonly sampler: Sampler
  readonly cost: CostModel
  readonly prompt: readonly TokenId[]
  /** Most tokens to emit. */
  readonly maxTokens: number
  /** True for tokens that end the answer. */
  readonly isEnd: (token: TokenId) => boolean
  readonly signal?: AbortSignal | undefined
  /** Requests that share the next pass. Default: this one alone. */
  readonly batch?: (() => number) | undefined
  /** Drafts do not pay those who share the next pass. Default: never. */
  readonly resting?: (() => boolean) | undefined
}

export class Session implements RoundState {
  readonly sequence: Sequence
  readonly draft: DraftSession
  readonly policy: BudgetPolicy
  readonly sampler: Sampler
  readonly signal: AbortSignal | undefined
  /** Prompt and everything drawn since, end tokens included; the last one is the root. */
  readonly tokens: TokenId[]
  /** The answer so far: without the token that ended it. */
  readonly emitted: TokenId[] = []
  readonly origins: TokenOrigin[] = []
  finished: FinishReason | undefined
  readonly #parts: SessionParts
  #round = 0

  constructor(parts: SessionParts) {
    this.#parts = parts
    this.sequence = parts.sequence
    this.draft = parts.draft
    this.policy = parts.policy
    this.sampler = parts.sampler
    this.signal = parts.signal
    this.tokens = [...parts.prompt]
  }

  context(): RoundContext {
    const inCache = this.sequence.length
    const leftInCache = this.sequence.capacity - inCache - 1
    const leftToEmit = this.#parts.maxTokens - this.emitted.length - 1
    const batch = this.#parts.batch?.() ?? 1
    return {
      round: this.#round,
      room: Math.max(0, Math.min(leftInCache, leftToEmit)),
      context: inCache,
      batch,
      divided: batch > 1,
      resting: this.#parts.resting?.() === true,
      cost: this.#parts.cost,
    }
  }

  /** The token drawn from the prompt's last row. */
  appendFirst(token: TokenId): void {
    this.#take(token, 'target')
    this.#checkLimits()
  }

  append(emitted: readonly TokenId[], verdict: Verdict): number {
    this.#round++
    const before = this.tokens.length
    emitted.forEach((token, index) => this.#take(token, index < verdict.accepted.length ? 'drafted' : 'target'))
    this.#checkLimits()
    return this.tokens.length - before
  }

  /** The answer ends behind the first `count` emitted tokens: the last of them completed a stop string, say. */
  endAt(count: number, reason: FinishReason = 'stop'): void {
    this.emitted.length = count
    this.origins.length = count
    this.finished = reason
  }

  /** An end token inside the accepted path ends the answer there: what follows was never said. */
  #take(token: TokenId, origin: TokenOrigin): void {
    if (this.finished) return
    this.tokens.push(token)
    if (this.#parts.isEnd(token)) {
      this.finished = 'stop'
      return
    }
    this.emitted.push(token)
    this.origins.push(origin)
    if (this.emitted.length >= this.#parts.maxTokens) this.finished = 'length'
  }

  /** The next round must write the root's row. */
  #checkLimits(): void {
    if (!this.finished && this.sequence.length + 1 > this.sequence.capacity) this.finished = 'length'
  }
}
