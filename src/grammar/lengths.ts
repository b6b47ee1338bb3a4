/**
 * Strings of limited length without their price. A grammar that counts characters has a state for each, and the library computes a
 * mask over the whole vocabulary for each state, in seconds and on the thread that serves. So long limits are left out of the
 * grammar that makes masks, and a second grammar that has them, compiled for bytes instead of tokens in milliseconds, says what is
 * too long.
 */
import type { Tokenizer } from '../text/index.ts'
import type { TokenId } from '../tree/index.ts'
import type { JsonSchema } from './types.ts'

/** How the vocabulary spells what strings hold. */
export interface Spelling {
  /** The token that is the letter x, alone, and the one that is a quote. */
  readonly letter: TokenId
  readonly quote: TokenId
  /** Most bytes of a token. */
  readonly longest: number
  /** Characters by token; -1: the token may end the string, escape something, or end within a character. */
  readonly characters: Int16Array
  /** Characters before a token's first quote, by token; -1: it has none, or something else than plain content before it. */
  readonly closesAfter: Int16Array
  /** Tokens with two quotes or more: they may hold a whole string. */
  readonly wholeStrings: readonly { readonly token: TokenId; readonly quotes: number }[]
  /** Bytes by token. */
  readonly bytes: readonly Uint8Array[]
  /** Limits below this stay in the grammar: one token could begin a string and exceed them. */
  readonly leastLimit: number
}

/** Reads the vocabulary; undefined where no token is the letter x alone, or a quote. */
export function spellingOf(tokenizer: Tokenizer): Spelling | undefined {
  const bytes = Array.from({ length: tokenizer.vocabSize }, (_, token) => tokenizer.bytes(token))
  const letter = bytes.findIndex((own) => own.length === 1 && own[0] === LETTER)
  const quote = bytes.findIndex((own) => own.length === 1 && own[0] === QUOTE)
  if (letter < 0 || quote < 0) return undefined
  const characters = Int16Array.from(bytes, charactersOf)
  const opened = bytes.map((own) => (own.includes(QUOTE) ? own.length - own.indexOf(QUOTE) : 0))
  return {
    letter,
    quote,
    longest: bytes.reduce((most, own) => Math.max(most, own.length), 0),
    characters,
    closesAfter: Int16Array.from(bytes, (own) =>
      own.includes(QUOTE) ? charactersOf(own.subarray(0, own.indexOf(QUOTE))) : -1,
    ),
    wholeStrings: bytes.flatMap((own, token) => {
      const quotes = own.filter((byte) => byte === QUOTE).length
      return quotes > 1 ? [{ token, quotes }] : []
    }),
    bytes,
    leastLimit: opened.reduce((most, count) => Math.max(most, count), 16),
  }
}

/** Is there a string with a least length, or a most of `least` characters and more, and does each place of a text belong to one string only? */
export function hasLongLimits(schema: JsonSchema, least: number): boolean {
  const isLong = (own: Keywords): boolean => {
    const limit = limitOf(own)
    return isLimited(own) && ((limit >= least && limit < Infinity) || Number(own['minLength'] ?? 0) > 0)
  }
  return hasSchema(schema, isLong) && !isAmbiguous(schema)
}

/**
 * The rule (EBNF) of a string of limited length; undefined where there is no limit: the library's own strings of limited length take no escapes, let control
 * characters pass and read a `minLength` of 0 as exactly one character. An escape counts as one character, so what is written as two of them
 * counts as two. With `least`, least lengths are left out, and limits from so many characters on. `isPlain`: the string has no escapes and keeps all
 * of its limits. Where one place may belong to several strings, the grammar counts all of them, and escapes are dear.
 */
export function lengthRule(own: Keywords, least: number | undefined, isPlain: boolean): string | undefined {
  if (!isLimited(own)) return undefined
  const leftOut = isPlain ? undefined : least
  const fewest = leftOut === undefined ? Number(own['minLength'] ?? 0) : 0
  const limit = limitOf(own)
  const most = limit >= (leftOut ?? Infinity) ? '' : String(limit)
  // The library has a better rule for strings without limits.
  if (fewest === 0 && most === '') return undefined
  return String.raw`"\"" ${isPlain ? PLAIN : CHARACTER}{${fewest},${most}} "\""`
}

/** What a grammar does about lengths. */
export interface Lengths {
  /** Limits from here on are left out, and least lengths. Undefined: all are kept. */
  readonly least?: number | undefined
  /** Is it clear which of several schemas a text belongs to? */
  readonly isClear: boolean
}

/** A byte as a token of the second grammar's vocabulary, which has the end as its last one. */
export const BYTE_VOCABULARY = 257

/** May the text go on inside an escape, or inside a character? `tail`: its last bytes. */
export function endsWithin(tail: readonly number[]): boolean {
  return /\\(u[0-9a-fA-F]{0,3})?$/.test(String.fromCharCode(...tail.slice(-6))) || endsWithinCharacter(tail)
}

/** Do these bytes end before their last character does? */
export function endsWithinCharacter(tail: readonly number[]): boolean {
  for (let back = 1; back <= 3; back++) {
    const byte = tail.at(-back)
    if (byte === undefined || byte < 0x80) return false
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2)
  }
  return false
}

/** The letter that stands for plain content. */
export const LETTER = 0x78
/** Begins and ends a string. */
export const QUOTE = 0x22

// ---------------------------------------------------------------------------------------------------------------

const BACKSLASH = 0x5c

/** Where a schema holds others by name, and where it holds values. */
const inNames: ReadonlySet<string> = new Set(['properties', '$defs', 'definitions'])
const values: ReadonlySet<string> = new Set(['enum', 'const', 'default', 'examples', 'example', 'required', 'type'])

/** Keywords of values that no string is. */
const scalars: ReadonlySet<unknown> = new Set(['null', 'boolean', 'integer', 'number'])

/** One character of a JSON string, as it is written. */
const CHARACTER = String.raw`([^"\\\x00-\x1f] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}))`
/** One that is no escape. */
const PLAIN = String.raw`[^"\\\x00-\x1f]`

type Keywords = Readonly<Record<string, unknown>>

/** A copy in which every schema, the innermost first, is what `change` makes of it. */
export function mapSchemas(schema: JsonSchema, change: (own: Keywords) => Keywords): JsonSchema {
  const copy = (value: unknown, isSchema: boolean): unknown => {
    if (Array.isArray(value)) return value.map((entry) => copy(entry, isSchema))
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value).map(([key, entry]): [string, unknown] => {
      if (isSchema && values.has(key)) return [key, entry]
      // Names of properties are no keywords.
      return [key, copy(entry, !isSchema || !inNames.has(key))]
    })
    const own = Object.fromEntries(entries)
    return isSchema ? change(own) : own
  }
  return copy(schema, true) as JsonSchema
}

/** Has the schema strings whose length it tells? */
function isLimited({ type, minLength, maxLength, pattern, format, ...others }: Keywords): boolean {
  const isString = type === 'string' || (Array.isArray(type) && type.includes('string'))
  const isPlain = pattern === undefined && format === undefined && !('enum' in others) && !('const' in others)
  return isString && isPlain && (minLength !== undefined || maxLength !== undefined)
}

function limitOf({ maxLength }: Keywords): number {
  return typeof maxLength === 'number' ? maxLength : Infinity
}

/** May a place of a text belong to several strings at once, of which perhaps only one has a limit? */
export function isAmbiguous(schema: JsonSchema): boolean {
  return hasSchema(schema, ({ anyOf, oneOf, additionalProperties }) => {
    if (typeof additionalProperties === 'object' && additionalProperties !== null) return true
    return [anyOf, oneOf].some(
      (list) => Array.isArray(list) && list.filter((entry: unknown) => !isScalar(entry)).length > 1,
    )
  })
}

/** Is the schema, or one inside it, such a one? */
function hasSchema(schema: JsonSchema, isSuch: (own: Keywords) => boolean): boolean {
  const found: Keywords[] = []
  mapSchemas(schema, (own) => {
    if (isSuch(own)) found.push(own)
    return own
  })
  return found.length > 0
}

function isScalar(schema: unknown): boolean {
  return typeof schema === 'object' && schema !== null && 'type' in schema && scalars.has(schema.type)
}

/** -1 unless the bytes are whole characters that a string may hold as they are. */
function charactersOf(bytes: Uint8Array): number {
  if (bytes.some((byte) => byte === QUOTE || byte === BACKSLASH || byte < 0x20)) return -1
  try {
    return Array.from(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)).length
  } catch {
    return -1
  }
}
