/**
 * Where one answer stands in its grammar. The library's matcher moves a token forward or any number of tokens back, so a
 * question about any place in the text or in a drafted tree is a short way from the last one.
 */
import type { GrammarMatcher } from '@mlc-ai/web-xgrammar'
import { assert } from '../util/assert.ts'
import type { Tokenizer } from '../text/index.ts'
import type { NodeId, TokenId, TokenTree } from '../tree/index.ts'
import type { LengthGuard } from './length-guard.ts'
import { endsWithinCharacter } from './lengths.ts'
import type { GrammarLibrary } from './library.ts'
import type { AnswerConstraint } from './types.ts'

/** Characters of a token, seldom more, and of the longest ones: a long text that must come is not split to its end at every step. */
const LONG_TOKEN = 16
const LONGEST_TOKEN = 64

/** What a constraint is made of. */
export interface ConstraintParts {
  readonly library: GrammarLibrary
  readonly matcher: GrammarMatcher
  /** Keeps to limits that the matcher does not know. */
  readonly guard?: LengthGuard | undefined
  readonly tokenizer: Pick<Tokenizer, 'tokenize' | 'bytes' | 'eos' | 'isEnd'>
  /** Entries of the model's logits. */
  readonly vocabSize: number
  /** Index in the text of the answer's first token. */
  readonly first: number
}

/**
 * The constraint of one answer. Behind the token that ends it anything may come: a walk asks what follows whatever it
 * accepted, and the answer has ended before that.
 */
export class GrammarConstraint implements AnswerConstraint {
  readonly #parts: ConstraintParts
  /** The answer's tokens that the matcher has read. */
  readonly #read: TokenId[] = []

  constructor(parts: ConstraintParts) {
    this.#parts = parts
  }

  allows(prefix: readonly TokenId[], token: TokenId): boolean {
    this.#seek(prefix)
    if (this.#parts.matcher.isTerminated()) return true
    if (!this.#enter(token)) return false
    this.#leave(1)
    return true
  }

  allowed(prefix: readonly TokenId[]): Int32Array {
    this.#seek(prefix)
    const { library, matcher, guard, vocabSize } = this.#parts
    if (matcher.isTerminated()) return new Int32Array(Math.ceil(vocabSize / 32)).fill(-1)
    const mask = library.mask(matcher)
    guard?.restrict(mask, matcher)
    return mask
  }

  reachable(prefix: readonly TokenId[], tree: TokenTree): NodeId[] {
    this.#seek(prefix)
    const base = this.#read.length
    const reached: NodeId[] = []
    const visit = (parent: NodeId): void => {
      for (const node of tree.children(parent)) {
        if (!this.#enter(tree.tokens[node] as TokenId)) continue
        reached.push(node)
        visit(node)
        this.#leave(1)
      }
    }
    visit(0)
    assert(this.#read.length === base, 'a walk through a tree ends where it began')
    return reached.sort((a, b) => a - b)
  }

  forced(prefix: readonly TokenId[], path: readonly TokenId[], most: number): TokenId[] {
    this.#seek(prefix)
    const base = this.#read.length
    const found: TokenId[] = []
    if (path.every((token) => this.#enter(token))) {
      const { tokenizer } = this.#parts
      const whole = this.#forcedText()
      const text = wellFormed(whole.slice(0, most * LONG_TOKEN + LONGEST_TOKEN))
      // The usual tokens of the text that must come: others would spell it too, but a model says the usual ones.
      const tokens = text === '' ? [] : tokenizer.tokenize(text, { addSpecial: false })
      // What stands at a cut might be the beginning of a longer one.
      if (text !== whole) tokens.pop()
      for (const token of tokens) {
        if (found.length >= most || !this.#enter(token)) break
        found.push(token)
      }
      const end = tokenizer.eos
      if (
        text === whole &&
        found.length === tokens.length &&
        found.length < most &&
        end !== undefined &&
        this.#endsHere()
      )
        found.push(end)
    }
    this.#leave(this.#read.length - base)
    return found
  }

  [Symbol.dispose](): void {
    this.#parts.matcher.dispose()
    this.#parts.guard?.[Symbol.dispose]()
  }

  /** What must come. Inside a character nothing is known: the library then reads the rest of its bytes as other characters. */
  #forcedText(): string {
    const { matcher, tokenizer } = this.#parts
    if (matcher.isTerminated()) return ''
    // No character has more than four bytes.
    const tail = this.#read.slice(-4).flatMap((token) => [...tokenizer.bytes(token)])
    return endsWithinCharacter(tail) ? '' : matcher.findJumpForwardString()
  }

  /** May nothing come but the end? */
  #endsHere(): boolean {
    const { library, matcher, tokenizer } = this.#parts
    if (matcher.isTerminated()) return false
    const mask = library.mask(matcher)
    let some = false
    for (let word = 0; word < mask.length; word++) {
      for (let bits = mask[word] as number; bits !== 0; bits &= bits - 1) {
        const id = 32 * word + (31 - Math.clz32(bits & -bits))
        if (!tokenizer.isEnd(id)) return false
        some = true
      }
    }
    return some
  }

  /** Moves to the end of `prefix`. */
  #seek(prefix: readonly TokenId[]): void {
    const { first } = this.#parts
    const length = prefix.length - first
    let shared = 0
    while (shared < this.#read.length && shared < length && this.#read[shared] === prefix[first + shared]) shared++
    this.#leave(this.#read.length - shared)
    for (let at = shared; at < length; at++) {
      const entered = this.#enter(prefix[first + at] as TokenId)
      assert(entered, `token ${prefix[first + at]} of an answer is none that its grammar lets come`)
    }
  }

  #enter(token: TokenId): boolean {
    const { matcher, guard } = this.#parts
    if (!matcher.acceptToken(token)) return false
    if (guard && !guard.enter(token)) {
      matcher.rollBack(1)
      return false
    }
    this.#read.push(token)
    return true
  }

  #leave(count: number): void {
    if (count === 0) return
    this.#parts.matcher.rollBack(count)
    this.#parts.guard?.leave(count)
    this.#read.length -= count
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Half a character, and all behind it, is cut off: it stands where the library, or a cut, ended within one. */
function wellFormed(text: string): string {
  const broken = text.search(/\p{Surrogate}/u)
  return broken < 0 ? text : text.slice(0, broken)
}
