/**
 * Contracts of the page: what it reads of the engine's records, and what its parts share. `Round` is the engine's
 * `RoundTrace` as far as the page shows it; a test holds the two together.
 */

/** A token's text, or its bytes where they are no text on their own. */
export type Piece = string | readonly number[]

/** Texts by token id. */
export type Pieces = ReadonlyMap<number, Piece>

/** Draft nodes as flat lists, parents before children. */
export interface NodeLists {
  readonly tokens: readonly number[]
  /** Ids; -1 for the root. */
  readonly parents: readonly number[]
  /** The drafter's estimates. */
  readonly logProbs: readonly number[]
  /** Indices into `Round.sourceNames`. */
  readonly sources: readonly number[]
}

/** One round of speculation, as the server and `--trace` tell it. Milliseconds. */
export interface Round {
  readonly round: number
  readonly context: number
  readonly budget: { readonly depth: number; readonly width: number; readonly nodes: number }
  /** The budget's reasons. */
  readonly why?: Readonly<Record<string, number | string>>
  readonly drafted: number
  readonly accepted: number
  /** The accepted path, then the target's own token. */
  readonly emitted: readonly number[]
  readonly tree: NodeLists & { readonly acceptedPath: readonly number[] }
  /** Drafted and not verified: the likeliest of `count`. The first has the id after the tree's last. */
  readonly pruned?: NodeLists & { readonly count: number }
  readonly sourceNames?: readonly string[]
  readonly draftMs: number
  readonly targetMs: number
  readonly hostMs: number
  /** How many requests shared the target's pass; left out where this one was alone. */
  readonly requests?: number
  /** In a trace of the server: the request's id, and the answer's number. */
  readonly request?: string
  readonly answer?: number
}

/** Who said a token: the target itself, or the drafter of this name. */
export type Origin = 'target' | (string & {})

/** One token of an answer as it is shown. */
export interface ShownToken {
  /** The part of the answer's text that it completes; may be empty. */
  readonly text: string
  readonly origin: Origin
  /** Index into the answer's rounds; -1: read from the prompt, before the first round. */
  readonly round: number
  /** Node of the round's tree; undefined for the target's own. */
  readonly node: number | undefined
}

/** llama-server's block, as far as the page reads it. */
export interface Timings {
  readonly prompt_n: number
  readonly prompt_ms: number
  readonly cache_n: number
  readonly predicted_n: number
  readonly predicted_ms: number
  readonly predicted_per_second: number
}
