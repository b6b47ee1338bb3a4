/**
 * From response formats to constraints, for one vocabulary. Grammars are compiled once and kept; the library and the table of
 * the vocabulary are loaded at first need.
 */
import type { CompiledGrammar, GrammarCompiler, StructuralTagFormat, TagFormat } from '@mlc-ai/web-xgrammar'
import { UsageError } from '../util/errors.ts'
import type { Tokenizer } from '../text/index.ts'
import { loadGrammarLibrary, type GrammarLibrary } from './library.ts'
import { GrammarConstraint } from './matcher.ts'
import { byteLevelTexts } from './vocabulary.ts'
import { checkSchema, relaxSchema } from './schema.ts'
import type { AnswerConstraint, JsonSchema, ResponseFormat, TaggedText } from './types.ts'

/** Compiled grammars that are kept: the last ones that were asked for. */
const MOST_KEPT = 32

/** Most characters of a grammar or pattern. */
const LONGEST = 100_000

/** Whatever an answer may be held to. */
export type AnswerForm = Exclude<ResponseFormat, { readonly type: 'text' }> | TaggedText

/** A library that knows the vocabulary. */
interface Workshop {
  readonly library: GrammarLibrary
  readonly compiler: GrammarCompiler
}

/** Compiles formats for the vocabulary of one engine. */
export class FormatCompiler implements Disposable {
  readonly #tokenizer: Tokenizer
  readonly #vocabSize: number
  readonly #kept = new Map<string, Promise<{ readonly library: GrammarLibrary; readonly grammar: CompiledGrammar }>>()
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
    const { library, grammar } = await this.#compiled(form)
    const matcher = await library.api.GrammarMatcher.createGrammarMatcher(grammar)
    return new GrammarConstraint({ library, matcher, first, tokenizer: this.#tokenizer, vocabSize: this.#vocabSize })
  }

  [Symbol.dispose](): void {
    this.#kept.clear()
    this.#workshop = undefined
    this.#reader = undefined
  }

  async #compiled(form: AnswerForm): Promise<{ readonly library: GrammarLibrary; readonly grammar: CompiledGrammar }> {
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

  async #compile(form: AnswerForm): Promise<{ readonly library: GrammarLibrary; readonly grammar: CompiledGrammar }> {
    const source = await this.#read(form)
    this.#workshop ??= this.#openWorkshop()
    const { library, compiler } = await this.#workshop
    try {
      const grammar =
        typeof source === 'string'
          ? await compiler.compileGrammar(source)
          : await compiler.compileStructuralTag({ type: 'structural_tag', format: source })
      return { library, grammar }
    } catch {
      this.#workshop = undefined // answers that use it may go on; nothing new is begun in it
      throw unreadable(form, library.complaint())
    }
  }

  /** The grammar of a form: text, or a structure of texts. */
  async #read(form: AnswerForm): Promise<string | StructuralTagFormat> {
    checkForm(form)
    this.#reader ??= loadGrammarLibrary()
    const library = await this.#reader
    try {
      return await grammarOf(form, library)
    } catch {
      this.#reader = undefined
      throw unreadable(form, library.complaint())
    }
  }

  async #openWorkshop(): Promise<Workshop> {
    const library = await loadGrammarLibrary()
    const { GrammarCompiler, TokenizerInfo } = library.api
    const { texts, ends } = byteLevelTexts(this.#tokenizer)
    const vocabulary = await TokenizerInfo.createTokenizerInfo(texts, 'byte_level', false, this.#vocabSize, ends)
    // It would keep what it compiled for ever; we keep the last ones.
    return { library, compiler: await GrammarCompiler.createGrammarCompiler(vocabulary, false) }
  }
}

// ---------------------------------------------------------------------------------------------------------------

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

async function grammarOf(form: AnswerForm, library: GrammarLibrary): Promise<string | StructuralTagFormat> {
  if (form.type === 'tags') return tagsOf(form, library)
  if (form.type === 'json') return grammarOfSchema({ type: 'object', additionalProperties: true }, library)
  if (form.type === 'json-schema') return grammarOfSchema(form.schema, library)
  if (form.type === 'choice') return `root ::= ${form.choices.map(quote).join(' | ')}`
  if (form.type === 'regex') return { type: 'regex', pattern: form.pattern }
  ;(await library.api.Grammar.fromEBNF(form.grammar)).dispose()
  return form.grammar
}

/** One line, with the spaces that `json.dumps` puts: free whitespace is what small models never find out of again. */
function grammarOfSchema(schema: JsonSchema, { api }: GrammarLibrary): Promise<string> {
  return api.Testings._jsonSchemaToEBNF(JSON.stringify(schema), false, -1)
}

async function tagsOf(form: TaggedText, library: GrammarLibrary): Promise<StructuralTagFormat> {
  const tags: TagFormat[] = []
  for (const { begin, schema, strict, end } of form.tags) {
    const grammar = await grammarOfSchema(strict ? schema : relaxSchema(schema), library)
    tags.push({ type: 'tag', begin, end, content: { type: 'grammar', grammar } })
  }
  if (form.otherwise) {
    // The library takes no unlimited part as one of several choices: one call at most.
    const other = await grammarOf(form.otherwise, library)
    return { type: 'or', elements: [typeof other === 'string' ? { type: 'grammar', grammar: other } : other, ...tags] }
  }
  const stop = form.single
  if (!form.required) {
    const triggers = [...new Set(form.tags.map(({ trigger }) => trigger))]
    return { type: 'triggered_tags', triggers, tags, stop_after_first: stop }
  }
  return { type: 'tags_with_separator', separator: '\n', tags, at_least_one: true, stop_after_first: stop }
}

/** A literal of EBNF. */
function quote(text: string): string {
  const escape = (character: string): string => `\\U${(character.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`
  return `"${text.replaceAll(/[^\p{L}\p{N} ]/gu, escape)}"`
}

function unreadable({ type }: AnswerForm, complaint: string): UsageError {
  const what = type === 'tags' || type === 'json-schema' ? 'schema' : type
  return new UsageError(
    'bad-option',
    `expected a ${what} that makes a grammar, got another one: ${complaint}; change it`,
  )
}
