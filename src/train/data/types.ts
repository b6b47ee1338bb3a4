/** Contracts of training data: who wrote it, what a file holds, what making it is told and reports. */
import type { ModelSpec } from '../../model/index.ts'
import type { ChatMessage, ChatTemplate, Tokenizer } from '../../text/index.ts'
import type { TrainingText } from '../types.ts'

/** The model whose text this is: a file belongs to one, because a head is taught with that model's own scores. */
export interface DataTarget {
  readonly spec: Pick<ModelSpec, 'name' | 'fingerprint' | 'vocabSize'>
  readonly tokenizer: Tokenizer
  /** Undefined for models without one; their files must hold tokens. */
  readonly template: ChatTemplate | undefined
}

/** What a file says of its target. */
export interface DataIdentity {
  readonly name: string
  readonly fingerprint: string
  /** Hash of how the template writes a fixed conversation. */
  readonly template: string
}

/** First line of a file that `heterospec head data` wrote. */
export interface DataHeader {
  readonly format: typeof DATA_FORMAT
  readonly version: typeof DATA_VERSION
  readonly target: DataIdentity
  /** All that decides the texts. */
  readonly options: Readonly<Record<string, unknown>>
}

/** A further line: a text with what people and a resumed run need. */
export interface DataLine extends TrainingText {
  readonly messages: readonly ChatMessage[]
  /** Which conversation of the seed it is. */
  readonly conversation: number
  /** Tokens that were generated for it, the user's turns and what was cut away included. */
  readonly generated: number
  /** A repetition was cut off its end. */
  readonly cut: boolean
}

/** Why a conversation is not in the data. */
export type DropReason = 'loop' | 'duplicate' | 'empty' | 'too-long'

/** A further line: a conversation that is not in the data, so that a resumed run does not make it again. */
export interface DroppedLine {
  readonly conversation: number
  readonly dropped: DropReason
  readonly generated: number
}

export const DATA_FORMAT = 'heterospec-training-data'
export const DATA_VERSION = 1
