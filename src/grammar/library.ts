/**
 * XGrammar (arXiv 2411.15100) as WebAssembly: grammars to masks over a vocabulary. The only file that knows how it is loaded.
 *
 * The package is one CommonJS file inside a package of ES modules, which Node refuses to import as either; it is evaluated
 * here as the function body that it is. That also gives every instance a state of its own: the library ends with an abort
 * on input that it cannot read, and an instance that has aborted is thrown away.
 */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { compileFunction } from 'node:vm'
import type * as XGrammar from '@mlc-ai/web-xgrammar'
import { NativeError } from '../util/errors.ts'

/** One instance of the library. */
export interface GrammarLibrary {
  readonly api: typeof XGrammar
  /** [ceil(vocab / 32)] bits of the tokens that may come next. */
  mask(matcher: XGrammar.GrammarMatcher): Int32Array
  /** What the library said since it was asked last, without places in its sources. */
  complaint(): string
}

/** A fresh instance, in tens of milliseconds. Throws `library-broken`. */
export async function loadGrammarLibrary(): Promise<GrammarLibrary> {
  const path = createRequire(import.meta.url).resolve('@mlc-ai/web-xgrammar')
  const source = await readFile(path, 'utf8')
  // Masks are offered as promises only, but a verifier asks synchronously: what makes them is let out.
  const marked = source.replace(BINDING, `${BINDING} exports.binding = () => binding;`)
  const exports: Partial<Evaluated> = {}
  const said: string[] = []
  const listen = (line: unknown): void => {
    const text = /\.cc:\d+: (.*)/s.exec(String(line))?.[1]
    if (text !== undefined) said.splice(0, said.length, text)
  }
  const console = { log: listen, warn: listen, error: listen }
  // Without `process` the file takes itself to be in no particular place, and asks nothing of it.
  const names = ['exports', 'module', 'require', '__filename', 'console', 'process']
  const evaluate = compileFunction(marked, names, { filename: path }) as (...values: unknown[]) => void
  evaluate(exports, { exports }, createRequire(path), path, console, undefined)
  const { binding } = exports
  if (!binding) {
    const message = 'expected @mlc-ai/web-xgrammar as it was in version 0.1.27, got another one; install that version'
    throw new NativeError('library-broken', message)
  }
  return {
    api: exports,
    mask: (matcher) => readMask(matcher as unknown as MatcherInside, binding()),
    complaint: () => said.pop()?.trim().slice(0, LONGEST_COMPLAINT) ?? 'no reason given',
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Where the package keeps what talks to WebAssembly. */
const BINDING = 'let binding = null;'

/** Complaints may quote what they are about. */
const LONGEST_COMPLAINT = 300

type Evaluated = typeof XGrammar & { readonly binding: () => Binding }

interface IntVector {
  delete(): void
}

interface Binding {
  vecIntToView(vector: IntVector): Int32Array
}

interface MatcherInside {
  readonly handle: { GetNextTokenBitmask(vocabSize: number): IntVector }
  readonly vocab_size: number
}

function readMask({ handle, vocab_size: size }: MatcherInside, binding: Binding): Int32Array {
  const vector = handle.GetNextTokenBitmask(size)
  // A copy: the allocator writes into what is given back.
  const mask = binding.vecIntToView(vector).slice()
  vector.delete()
  return mask
}
