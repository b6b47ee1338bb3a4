/** Contracts of the load benchmark: servers under clients, in turns; plain JSON out. Milliseconds and tokens. */
import type { Interval, Provenance } from '../types.ts'

/** A server, and how it is asked. */
export interface LoadSide {
  /** As in tables, unique. */
  readonly name: string
  /** The side whose texts this one's must equal: plain decoding of the same program. Its own name if it is that. */
  readonly plain: string
  /** What `/v1/...` is appended to; ends with a slash. */
  readonly base: URL
  /** What every request of it holds besides prompt and limits. */
  readonly body: Readonly<Record<string, unknown>>
  readonly details: Readonly<Record<string, unknown>>
  /** Rounds of the server so far, whoever asked; left out where a server does not tell. */
  readonly rounds?: (() => Promise<RoundCounts>) | undefined
}

/** Rounds of answers: each wrote at least one token. */
export interface RoundCounts {
  readonly all: number
  /** Of these: rounds that drafted. */
  readonly drafted: number
}

/**
 * Who asks. Closed: so many clients, each of which asks again as soon as it has its answer. Open: requests come when they come, as a
 * Poisson process of this share of what plain decoding managed with the most clients of the same run.
 */
export type Load =
  { readonly kind: 'closed'; readonly clients: number } | { readonly kind: 'open'; readonly share: number }

/** One request as its client saw it. */
export interface Asked {
  /** Which prompt. */
  readonly question: number
  /** From the moment when it was to be sent until the first piece of text; null without one. */
  readonly firstMs: number | null
  /** Until the last. */
  readonly lastMs: number | null
  /** Of the time until the first text what was not the reading of the prompt, by the server's own word; null where it has none. */
  readonly queueMs: number | null
  readonly tokens: number
  readonly text: string
  /** A sentence, where there was no whole answer. */
  readonly error?: string
}

/** What one side made of one load in one round. */
export interface Block {
  readonly load: string
  readonly round: number
  readonly side: string
  /** From the first request to the last answer. */
  readonly ms: number
  /** Tokens of whole answers per second. */
  readonly goodput: number
  readonly requests: number
  readonly errors: number
  /** Answers with another text than the plain side's in the same round. */
  readonly different: number
  readonly firstMs: Spread
  /** Per token after the first. */
  readonly tokenMs: Spread
  readonly queueMs: Spread
  /** Rounds of this block; left out where the server does not tell. */
  readonly rounds?: RoundCounts | undefined
}

/** Null without any value. */
export interface Spread {
  readonly p50: number | null
  readonly p95: number | null
}

/** One side under one load, over all rounds. */
export interface LoadSummary {
  readonly load: string
  readonly side: string
  /** Against the baseline in the same round: above 1 is more. */
  readonly goodput: Interval
  /** The same of the 95th percentile of the time to the first text: below 1 is sooner. */
  readonly firstP95: Interval
  readonly tokenMs: Interval
  /** Means over rounds. */
  readonly tokensPerSecond: number
  readonly firstMs: Spread
  readonly queueMs: Spread
  readonly requests: number
  readonly errors: number
  readonly different: number
}

export interface LoadOptions {
  readonly clients: readonly number[]
  /** Of open loads. */
  readonly shares: readonly number[]
  readonly rounds: number
  /** Requests of a block per client; open loads have as many as the most clients would. */
  readonly perClient: number
  readonly maxTokens: number
  readonly seed: number
}

export interface LoadDocument {
  readonly kind: 'heterospec-load'
  readonly version: 1
  readonly provenance: Provenance
  readonly options: LoadOptions
  readonly baseline: string
  readonly sides: readonly Omit<LoadSide, 'base' | 'rounds'>[]
  readonly summary: readonly LoadSummary[]
  readonly blocks: readonly Block[]
  /** The first failures, told once each. */
  readonly failures: readonly string[]
}
