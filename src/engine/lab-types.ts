/** Contracts of the engine's laboratory. */
import type { Drafter } from '../draft/index.ts'
import type { Calibration, DraftPrice } from '../policy/index.ts'
import type { TokenId } from '../tree/index.ts'
import type { SpeculativeOptions } from './options.ts'
import type { GenerateEvent, GenerateRequest } from './types.ts'

/** What passes and drafts are said to cost. */
export interface GivenPrices {
  readonly target: readonly CostRow[]
  readonly draft: DraftPrice
}

/** Under what conditions an experiment runs. */
export interface LabConditions {
  /** Drafts instead of the request's drafter, as if drafting were free. */
  readonly drafter?: Drafter | undefined
  /**
   * Budgets see prices instead of times, so that the same request makes the same rounds whenever it is repeated: those
   * measured here, or given ones.
   */
  readonly priced?: boolean | GivenPrices | undefined
  /** What was drafted is scored, so that drafters may learn from it, and never accepted: the rounds of plain decoding. */
  readonly acceptNothing?: boolean | undefined
  /** Learn here instead of in the engine. */
  readonly memory?: LabMemory | undefined
}

/** Drafters and what they and budgets have learned, apart from the engine's own: requests side by side do not teach each other. */
export interface LabMemory extends AsyncDisposable {
  /** As if new. Only while no request uses it. */
  forget(): Promise<void>
}

/** What benchmarks and experiments need and applications do not. Empties the cache rows of idle conversations. */
export interface EngineLab {
  /** Milliseconds of one target pass over `rows` rows as if `context` tokens were in the cache. */
  timePass(rows: number, context: number): Promise<number>
  /** The most likely token after `tokens`, and its lead over the second best in logits. */
  choose(tokens: readonly TokenId[]): Promise<{ readonly token: TokenId; readonly gap: number }>
  /** A memory of its own, empty; to be disposed before the engine. */
  openMemory(): LabMemory
  /** Drafters and budgets forget what requests so far have taught them. Only while no request runs. */
  forget(): Promise<void>
  generate(request: GenerateRequest, conditions: LabConditions): AsyncIterable<GenerateEvent>
  /** What drafting costs on this machine; measured at first need and remembered, or measured anew. */
  draftPrice(speculative: SpeculativeOptions, options?: { readonly anew?: boolean }): Promise<DraftPrice>
  /** Budgets use these prices of target passes from now on, and engines to come on this machine do. */
  keepPrices(prices: readonly CostRow[]): void
  /** Whether computation graphs are kept for passes of the same form (they are, by default) or only for the very next pass. */
  keepGraphs(keep: boolean): void
  /** The drafter of requests with these options, to be used in experiments; the engine disposes of it. */
  drafter(speculative: SpeculativeOptions): Promise<Drafter | undefined>
  /** What measured prices hold for. */
  readonly identity: CostIdentity
  /** The calibration that requests with these options start from; undefined without one. */
  calibration(speculative: SpeculativeOptions): Calibration | undefined
}

/** What prices hold for: one model, library, set of kernels, number of threads and type of cache. */
export interface CostIdentity {
  readonly model: string
  readonly library: string
  readonly threads: number
  readonly kvType: string
}

/** One row of the measured price list. */
export interface CostRow {
  readonly rows: number
  readonly context: number
  readonly ms: number
}
