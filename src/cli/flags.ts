/**
 * From a schema to flags: name, type, range, default and meaning of every property. Commands and the options page
 * read the same list, so a new method has its flags the day its schema exists. Knows nothing of commander.
 */
import * as z from 'zod'
import { UsageError } from '../util/errors.ts'

/** One flag, e.g. `--lookup-max-ngram <integer>`. */
export interface Flag {
  /** Without the dashes. */
  readonly name: string
  /** Commander's name of its value, e.g. `lookupMaxNgram`. */
  readonly attribute: string
  /** The property of the schema that it sets. */
  readonly property: string
  readonly type: 'integer' | 'number' | 'boolean' | 'choice' | 'text' | 'list' | 'numbers' | 'pairs'
  /** Values of a choice or a list; empty where anything goes. */
  readonly choices: readonly string[]
  /** `a whole number between 1 and 64`, for errors and the options page. */
  readonly expected: string
  readonly meaning: string
  /** Undefined where the property has none. */
  readonly defaultValue: unknown
  /**
   * The property's value for what was typed; `previous` is what the same flag gave before (`pairs` collect).
   * Throws `bad-option`.
   */
  parse(text: string, previous?: unknown): unknown
}

/** Flags under one heading of the help and of the options page. */
export interface FlagGroup {
  readonly title: string
  readonly flags: readonly Flag[]
}

/** What was typed, by commander's names. */
export type Typed = Readonly<Record<string, unknown>>

/** An object schema, as the methods declare their options. */
export type OptionSchema = z.ZodObject

/** The flags of an object schema; `prefix` is the method's name, `skip` are properties that have flags of their own. */
export function flagsOf(schema: OptionSchema, prefix?: string, skip: readonly string[] = []): Flag[] {
  return Object.entries(schema.shape)
    .filter(([property]) => !skip.includes(property))
    .map(([property, type]) => flagOf(property, type as z.ZodType, prefix))
}

/** What was typed of a group, as properties of its schema. */
export function readFlags(typed: Typed, flags: readonly Flag[]): Record<string, unknown> {
  const given = flags.filter((flag) => wasTyped(typed, flag))
  return Object.fromEntries(given.map((flag) => [flag.property, typed[flag.attribute]]))
}

/** Commander fills in `true` for a `--no-x` that nobody typed; typed, it says false. */
export function wasTyped(typed: Typed, { attribute, type, defaultValue }: Flag): boolean {
  const value = typed[attribute]
  return value !== undefined && !(type === 'boolean' && value === defaultValue)
}

/** As it is typed: `--max-tokens`; `--no-mmap` where the default is true. */
export function spellingOf({ name, type, defaultValue }: Flag): string {
  return type === 'boolean' && defaultValue === true ? `--no-${name}` : `--${name}`
}

/** A default or value as a user would type it. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return value.map(show).join(',') || 'none'
  if (typeof value === 'object' && value !== null) {
    return (
      Object.entries(value)
        .map(([key, item]) => `${key}=${show(item)}`)
        .join(',') || 'none'
    )
  }
  return String(value)
}

// ---------------------------------------------------------------------------------------------------------------

function flagOf(property: string, schema: z.ZodType, prefix?: string): Flag {
  const name = [prefix, property]
    .filter((part) => part !== undefined)
    .map(kebab)
    .join('-')
  const { core, description, defaultValue } = unwrap(schema)
  const type = typeOf(core, name)
  const choices = choicesOf(core instanceof z.ZodArray ? core.element : core)
  const expected = (): string => ownWords(schema, type) ?? expectation(type, core, choices)
  return {
    name,
    attribute: camel(name),
    property,
    type,
    choices,
    get expected() {
      return expected()
    },
    meaning: clause(description ?? ''),
    defaultValue,
    parse(text, previous) {
      const value = type === 'pairs' ? addPair(text, previous) : valueOf(type, text)
      if (value !== undefined && schema.safeParse(value).success) return value
      const advice = defaultValue === undefined ? 'see --help' : `leave it out for the default (${show(defaultValue)})`
      throw new UsageError('bad-option', `expected ${expected()} for --${name}, got '${text}'; ${advice}`)
    },
  }
}

/** `Most nodes.` and `most nodes` look alike in a list. Words such as `GGUF` keep their capitals. */
function clause(text: string): string {
  const open = text.replace(/\.$/, '')
  return /^[A-Z][a-z ]/.test(open) ? open.charAt(0).toLowerCase() + open.slice(1) : open
}

interface Unwrapped {
  /** The schema without defaults, optionality and null. */
  readonly core: z.ZodType
  readonly description: string | undefined
  readonly defaultValue: unknown
}

/** Looks through the layers of a schema; by hand, because a JSON schema of each property costs 30 ms at start-up. */
function unwrap(schema: z.ZodType): Unwrapped {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return { ...below(schema), defaultValue: schema.def.defaultValue }
  }
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodReadonly) {
    return below(schema)
  }
  return { core: schema, description: schema.description, defaultValue: undefined }
}

function below(schema: z.ZodType & { def: { innerType: unknown } }): Unwrapped {
  const inner = unwrap(schema.def.innerType as z.ZodType)
  return { ...inner, description: schema.description ?? inner.description }
}

function typeOf(core: z.ZodType, name: string): Flag['type'] {
  if (core instanceof z.ZodEnum) return 'choice'
  if (core instanceof z.ZodNumber) return isInteger(core) ? 'integer' : 'number'
  if (core instanceof z.ZodBoolean) return 'boolean'
  if (core instanceof z.ZodString) return 'text'
  if (core instanceof z.ZodArray) return core.element instanceof z.ZodNumber ? 'numbers' : 'list'
  if (core instanceof z.ZodRecord) return 'pairs'
  throw new Error(`internal: the option ${name} has a schema that no flag can express`)
}

function isInteger(core: z.ZodNumber): boolean {
  return core.format === 'safeint' || core.format === 'int32' || core.format === 'uint32'
}

function choicesOf(core: unknown): readonly string[] {
  return core instanceof z.ZodEnum ? core.options.map(String) : []
}

/** A schema that says in its own words what it wants ("a share from 0 to 1") is quoted. */
function ownWords(schema: z.ZodType, type: Flag['type']): string | undefined {
  if (type === 'pairs') return undefined // its words speak of objects, which nobody types
  const message = schema.safeParse(Symbol('nothing that fits')).error?.issues[0]?.message
  return message !== undefined && /^(an?|one) /.test(message) ? message : undefined
}

function expectation(type: Flag['type'], core: z.ZodType, choices: readonly string[]): string {
  switch (type) {
    case 'integer':
      return `a whole number${range(core)}`
    case 'number':
      return `a number${range(core)}`
    case 'boolean':
      return 'true or false'
    case 'choice':
      return `one of ${choices.join(', ')}`
    case 'list':
      return choices.length > 0 ? `a comma-separated list of ${choices.join(', ')}` : 'a comma-separated list'
    case 'numbers':
      return 'a comma-separated list of numbers'
    case 'pairs':
      return `a pair like 42=-1.5 of token id and number${range(numbersOf(core))}`
    case 'text':
      return 'a text'
  }
}

/** In words, e.g. ` from 1 to 64` or ` of at least 0`; empty when any number will do. */
function range(core: z.ZodType): string {
  if (!(core instanceof z.ZodNumber)) return ''
  const low = finite(core.minValue)
  const high = finite(core.maxValue)
  const [open, closed] = [excludes(core, low), excludes(core, high)]
  if (low !== undefined && high !== undefined && !open && !closed) return ` from ${low} to ${high}`
  const words = [
    ...(low === undefined ? [] : [`${open ? 'more than' : 'at least'} ${low}`]),
    ...(high === undefined ? [] : [`${closed ? 'less than' : 'at most'} ${high}`]),
  ]
  return words.length === 0 ? '' : ` of ${words.join(' and ')}`
}

/** The numbers that a record takes, whatever else it does. */
function numbersOf(core: z.ZodType): z.ZodType {
  const value = core instanceof z.ZodRecord ? core.valueType : core
  const number = value instanceof z.ZodUnion ? value.options.find((option) => option instanceof z.ZodNumber) : value
  return number as z.ZodType
}

/** Bounds that only say "a safe integer" say nothing to a reader. */
function finite(value: number | null): number | undefined {
  return value === null || Math.abs(value) >= Number.MAX_SAFE_INTEGER ? undefined : value
}

function excludes(core: z.ZodNumber, bound: number | undefined): boolean {
  const definitions = core.def.checks?.map(
    (check) => check._zod.def as { readonly value?: unknown; readonly inclusive?: boolean },
  )
  return definitions?.some(({ value, inclusive }) => value === bound && inclusive === false) === true
}

/** `undefined` for what cannot be a value of the type. */
function valueOf(type: Flag['type'], text: string): unknown {
  switch (type) {
    case 'integer':
    case 'number':
      return text.trim() === '' ? undefined : Number(text)
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined
    case 'list':
      return text.split(',').map((item) => item.trim())
    case 'numbers':
      return text.split(',').map((item) => (item.trim() === '' ? NaN : Number(item)))
    case 'choice':
    case 'text':
    case 'pairs':
      return text
  }
}

/** `undefined` for what is not a pair. */
function addPair(text: string, previous: unknown): unknown {
  const match = /^(\d+)=([-+]?[\d.eE+-]+|-?inf)$/i.exec(text)
  if (!match) return undefined
  const number = /inf/i.test(match[2] ?? '') ? -Infinity : Number(match[2])
  return { ...(previous as Record<string, number> | undefined), [match[1] ?? '']: number }
}

/** `max-ngram` -> `maxNgram`. */
function camel(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}

/** `maxNgram` -> `max-ngram`. */
function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
