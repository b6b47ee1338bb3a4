/** Contracts of constrained answers: what form an answer must have, and what that says about each next token. */
import type { Constraint } from '../sample/index.ts'
import type { NodeId, TokenId, TokenTree } from '../tree/index.ts'

/** A JSON Schema: an object, or `true` for any value. */
export type JsonSchema = boolean | Readonly<Record<string, unknown>>

/**
 * What form an answer must have. `json`: any JSON object; `json-schema`: what the schema describes, on one line, with
 * properties in the schema's order; `regex`: all of the answer matches; `choice`: one of the texts; `grammar`: a grammar
 * in EBNF (as llama.cpp's GBNF) whose start is `root`.
 */
export type ResponseFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json' }
  | { readonly type: 'json-schema'; readonly schema: JsonSchema }
  | { readonly type: 'regex'; readonly pattern: string }
  | { readonly type: 'choice'; readonly choices: readonly string[] }
  | { readonly type: 'grammar'; readonly grammar: string }

/** Text in which certain marks open a part that has a grammar of its own; the rest is free. */
export interface TaggedText {
  readonly type: 'tags'
  readonly tags: readonly TaggedPart[]
  /** Nothing but such parts, at least one of them. Default: free text, and parts where the model wants them. */
  readonly required: boolean
  /** One part at most, and nothing after it. */
  readonly single: boolean
  /** Form of an answer without any part, in the place of free text. Then there is one part at most. */
  readonly otherwise?: Exclude<ResponseFormat, { readonly type: 'text' }> | undefined
}

/** A part of a text: a JSON value between marks. */
export interface TaggedPart {
  /** What in free text opens the part: the beginning of `begin`. */
  readonly trigger: string
  readonly begin: string
  readonly schema: JsonSchema
  /** Refuse what the part could not be held to; else it is held to the rest of its schema. */
  readonly strict: boolean
  readonly end: string
}

/** A constraint that follows one answer, and can look ahead along drafts. */
export interface AnswerConstraint extends Constraint, Disposable {
  /** The nodes of a tree below `prefix` (which ends with the root) that the text may reach, ascending; the root is not among them. */
  reachable(prefix: readonly TokenId[], tree: TokenTree): NodeId[]
  /**
   * Tokens that surely or very likely come after `prefix` and then `path`, because the grammar leaves the text no choice:
   * at most `most`. Each is one that may come.
   */
  forced(prefix: readonly TokenId[], path: readonly TokenId[], most: number): TokenId[]
}
