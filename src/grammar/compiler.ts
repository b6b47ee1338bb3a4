/**
 * From response formats to constraints, for one vocabulary. Grammars are compiled once and kept; the library and the table of
 * the vocabulary are loaded at first need.
 */
import type { CompiledGrammar, GrammarCompiler, StructuralTagFormat, TagFormat } from '@mlc-ai/web-xgrammar'
import { UsageError } from '../util/errors.ts'
import type { Tokenizer } from '../text/index.ts'
import { textRule } from './characters.ts'
import { withSafeSets } from './grammar-sets.ts'
import { loadGrammarLibrary, type GrammarLibrary } from './library.ts'
import { LengthGuard } from './length-guard.ts'
import { BYTE_VOCABULARY, hasLongLimits, spellingOf, type Lengths, type Spelling } from './lengths.ts'
import { GrammarConstraint } from './matcher.ts'
import { placeRules } from './placed.ts'
import { byteLevelTexts, byteTexts } from './vocabulary.ts'
import { regexRule } from './regex.ts'
import { checkSchema, relaxSchema } from './schema.ts'
import { mostNeeded } from './shortest.ts'
import type { AnswerConstraint, JsonSchema, ResponseFormat, TaggedText } from './types.ts'

/** Compiled grammars that are kept: the last ones that were asked for. */
const MOST_KEPT = 32

/** Most characters of a grammar or pattern. */
const LONGEST = 100_000

/** Most characters that a grammar may leave no choice of: the library writes out what must come, at every step. */
const MOST_NEEDED = 100_000

/** Whatever an answer may be held to. */
export type AnswerForm = Exclude<ResponseFormat, { readonly type: 'text' }> | TaggedText

/** A library that knows the vocabulary. */
interface Workshop {
  readonly library: GrammarLibrary
  readonly compiler: GrammarCompiler
  /** For a vocabulary of bytes. */
  readonly byteCompiler: GrammarCompiler
  readonly spelling: Spelling | undefined
}

/** A form, ready for use. */
interface Compiled {
  readonly library: GrammarLibrary
  readonly grammar: CompiledGrammar
  /** Where `grammar` leaves out long limits of strings: one in bytes that has them. */
  readonly limits: { readonly grammar: CompiledGrammar; readonly spelling: Spelling } | undefined
}

/** Compiles formats for the vocabulary of one engine. */
export class FormatCompiler implements Disposable {
  readonly #tokenizer: Tokenizer
  readonly #vocabSize: number
  readonly #kept = new Map<string, Promise<Compiled>>()
  #workshop: Promise<Workshop> | undefined
  /** Reads grammars first: an instance that meets one that it cannot read is lost, with all that it compiled. */
  #reader: Promise<GrammarLibrary> | undefined

  /** `vocabSize`: entries of the model's logits, the tokenizer's or more. */
  constructor(tokenizer: Tokenizer, vocabSize: number) {
    this.#tokenizer = tokenizer
    this.#vocabSize = vocabSize
  }

  /** Compiles, unless that was done before. Throws `bad-option` for a format that makes no grammar. */
  async prepare(form: AnswerForm): Promise<void> {
    await this.#compiled(form)
  }

  /** A constraint for an answer whose first token stands at index `first` of the text; the caller disposes of it. */
  async open(form: AnswerForm, first: number): Promise<AnswerConstraint> {
    const { library, grammar, limits } = await this.#compiled(form)
    const { GrammarMatcher } = library.api
    const matcher = await GrammarMatcher.createGrammarMatcher(grammar)
    const guard = limits && new LengthGuard(await GrammarMatcher.createGrammarMatcher(limits.grammar), limits.spelling)
    return new GrammarConstraint({
      library,
      matcher,
      guard,
      first,
      tokenizer: this.#tokenizer,
      vocabSize: this.#vocabSize,
    })
  }

  [Symbol.dispose](): void {
    this.#kept.clear()
    this.#workshop = undefined
    this.#reader = undefined
  }

  async #compiled(form: AnswerForm): Promise<Compiled> {
    const key = JSON.stringify(form)
    const known = this.#kept.get(key)
    const compiled = known ?? this.#compile(form)
    // The one that was asked for last stands last.
    this.#kept.delete(key)
    this.#kept.set(key, compiled)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > MOST_KEPT && oldest !== undefined) this.#kept.delete(oldest)
    compiled.catch(() => this.#kept.delete(key))
    return compiled
  }

  async #compile(form: AnswerForm): Promise<Compiled> {
    checkForm(form)
    const source = await this.#read(form)
    this.#workshop ??= this.#openWorkshop()
    const { library, compiler, byteCompiler, spelling } = await this.#workshop
    const isWide = spelling && hasLimits(form, spelling.leastLimit)
    const wideSource = isWide ? await this.#read(form, spelling.leastLimit) : undefined
    const compiled = await (async () => {
      try {
        const grammar = await compileSource(compiler, wideSource ?? source)
        const limits =
          wideSource !== undefined && spelling
            ? { grammar: await compileSource(byteCompiler, source), spelling }
            : undefined
        return { library, grammar, limits }
      } catch {
        this.#workshop = undefined // answers that use it may go on; nothing new is begun in it
        throw unreadable(form, library.complaint())
      }
    })()
    requireEnd(form, compiled.grammar)
    return compiled
  }

  /** The grammar of a form: text, or a structure of texts. Limits of strings from `least` characters on are left out. */
  async #read(form: AnswerForm, least?: number): Promise<string | StructuralTagFormat> {
    this.#reader ??= loadGrammarLibrary()
    const library = await this.#reader
    try {
      return await grammarOf(form, library, { least, isClear: isClear(form) })
    } catch (error) {
      // A refusal of ours did not come to the library.
      if (error instanceof UsageError) throw error
      this.#reader = undefined
      throw unreadable(form, library.complaint())
    }
  }

  async #openWorkshop(): Promise<Workshop> {
    const library = await loadGrammarLibrary()
    const { GrammarCompiler, TokenizerInfo } = library.api
    const { texts, ends } = byteLevelTexts(this.#tokenizer)
    const vocabulary = await TokenizerInfo.createTokenizerInfo(texts, 'byte_level', false, this.#vocabSize, ends)
    const bytes = await TokenizerInfo.createTokenizerInfo(byteTexts(), 'byte_level', false, BYTE_VOCABULARY, [256])
    // They would keep what they compiled for ever; we keep the last ones.
    const [compiler, byteCompiler] = await Promise.all([
      GrammarCompiler.createGrammarCompiler(vocabulary, false),
      GrammarCompiler.createGrammarCompiler(bytes, false),
    ])
    return { library, compiler, byteCompiler, spelling: spellingOf(this.#tokenizer) }
  }
}

// ---------------------------------------------------------------------------------------------------------------

function compileSource(compiler: GrammarCompiler, source: string | StructuralTagFormat): Promise<CompiledGrammar> {
  return typeof source === 'string'
    ? compiler.compileGrammar(source)
    : compiler.compileStructuralTag({ type: 'structural_tag', format: source })
}

/** Beside a form of its own it might not be clear whose string a text is in. */
function isClear(form: AnswerForm): boolean {
  return form.type !== 'tags' || form.otherwise === undefined
}

/** Has the form long limits that can be left out of its masks? */
function hasLimits(form: AnswerForm, least: number): boolean {
  if (form.type === 'json-schema') return hasLongLimits(form.schema, least)
  return form.type === 'tags' && isClear(form) && form.tags.some(({ schema }) => hasLongLimits(schema, least))
}

function checkForm(form: AnswerForm): void {
  if (form.type === 'json-schema') checkSchema(form.schema)
  if (form.type === 'tags') {
    for (const { schema, strict } of form.tags) if (strict) checkSchema(schema)
    if (form.otherwise) checkForm(form.otherwise)
  }
  const source = form.type === 'grammar' ? form.grammar : form.type === 'regex' ? form.pattern : ''
  if (source.length > LONGEST) {
    throw new UsageError(
      'bad-option',
      `expected a ${form.type} of at most ${LONGEST} characters, got ${source.length}; shorten it`,
    )
  }
}

async function grammarOf(
  form: AnswerForm,
  library: GrammarLibrary,
  lengths: Lengths,
): Promise<string | StructuralTagFormat> {
  if (form.type === 'tags') return tagsOf(form, library, lengths)
  if (form.type === 'json') {
    return grammarOfSchema({ type: 'object', additionalProperties: true }, library, lengths)
  }
  if (form.type === 'json-schema') return grammarOfSchema(form.schema, library, lengths)
  if (form.type === 'choice') return `root ::= ${form.choices.map(textRule).join(' | ')}`
  if (form.type === 'regex') return `root ::= ${regexRule(form.pattern)}`
  const grammar = withSafeSets(form.grammar)
  ;(await library.api.Grammar.fromEBNF(grammar)).dispose()
  return grammar
}

/** One line, with the spaces that `json.dumps` puts: free whitespace is what small models never find out of again. */
async function grammarOfSchema(schema: JsonSchema, { api }: GrammarLibrary, lengths: Lengths): Promise<string> {
  const placed = placeRules(schema, lengths)
  return placed.finish(await api.Testings._jsonSchemaToEBNF(JSON.stringify(placed.schema), false, -1))
}

async function tagsOf(form: TaggedText, library: GrammarLibrary, lengths: Lengths): Promise<StructuralTagFormat> {
  const tags: TagFormat[] = []
  for (const { begin, schema, strict, end } of form.tags) {
    const grammar = await grammarOfSchema(strict ? schema : relaxSchema(schema), library, lengths)
    tags.push({ type: 'tag', begin, end, content: { type: 'grammar', grammar } })
  }
  if (form.otherwise) {
    // The library takes no unlimited part as one of several choices: one call at most.
    const other = await grammarOf(form.otherwise, library, lengths)
    return { type: 'or', elements: [typeof other === 'string' ? { type: 'grammar', grammar: other } : other, ...tags] }
  }
  const stop = form.single
  if (!form.required) {
    const triggers = [...new Set(form.tags.map(({ trigger }) => trigger))]
    return { type: 'triggered_tags', triggers, tags, stop_after_first: stop }
  }
  return { type: 'tags_with_separator', separator: '\n', tags, at_least_one: true, stop_after_first: stop }
}

/** Refuses a grammar whose texts cannot end, or not soon. */
function requireEnd(form: AnswerForm, compiled: CompiledGrammar): void {
  const grammar = compiled.grammar()
  const printed = grammar.toString()
  grammar.dispose()
  const most = mostNeeded(printed)
  if (most <= MOST_NEEDED) return
  const what = form.type === 'tags' || form.type === 'json-schema' ? 'schema' : form.type
  const got = most === Infinity ? 'one whose text may never end' : `one that may have ${most}`
  throw new UsageError(
    'bad-option',
    `expected a ${what} that comes to an end after at most ${MOST_NEEDED} given characters, got ${got}; change it`,
  )
}

function unreadable({ type }: AnswerForm, complaint: string): UsageError {
  const what = type === 'tags' || type === 'json-schema' ? 'schema' : type
  return new UsageError(
    'bad-option',
    `expected a ${what} that makes a grammar, got another one: ${complaint}; change it`,
  )
}
