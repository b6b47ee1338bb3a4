/**
 * Rounds as events of a stream (`stream_options.include_rounds`): the engine's own record of a round, as `--trace` writes it,
 * with the texts of tokens that the reader has not been told yet.
 */
import type { RoundTrace } from '../engine/index.ts'
import type { Tokenizer } from '../text/index.ts'
import { pieceOf, type Piece } from './pieces.ts'

/** What the field `round` of a chunk holds. */
export interface RoundEvent {
  /** Of the choice that the round belongs to. */
  readonly index: number
  readonly trace: RoundTrace
  /** By token id: the texts of tokens in this trace that no earlier event of the stream has told. */
  readonly pieces: Readonly<Record<string, Piece>>
}

/** The events of one stream. */
export class RoundEvents {
  readonly #tokenizer: Pick<Tokenizer, 'bytes'>
  readonly #told = new Set<number>()

  constructor(tokenizer: Pick<Tokenizer, 'bytes'>) {
    this.#tokenizer = tokenizer
  }

  /** The event of one round of the answer with this index. */
  event(index: number, trace: RoundTrace): RoundEvent {
    const tokens = [...trace.tree.tokens, ...(trace.pruned?.tokens ?? []), ...trace.emitted]
    const pieces: Record<string, Piece> = {}
    for (const token of tokens) {
      if (this.#told.has(token)) continue
      this.#told.add(token)
      pieces[token] = pieceOf(token, this.#tokenizer)
    }
    return { index, trace, pieces }
  }
}
