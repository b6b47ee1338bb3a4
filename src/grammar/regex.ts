/**
 * Regular expressions (JavaScript's, without what looks around or back) as expressions of a grammar (EBNF), of which all of a text matches. The
 * library's own way lets alternatives out of their place and takes no characters but ASCII in sets.
 */
import { UsageError } from '../util/errors.ts'
import { commonOf, complementOf, controlCodes, MOST_WRITTEN, setRule, writtenOf, type Range } from './characters.ts'

/** The expression of the texts that match. Throws `bad-option` for what has none. */
export function regexRule(pattern: string): string {
  return ruleOf(pattern, 'regex', setRule)
}

/** The expression of the JSON strings, quotes included, whose value matches: special characters are escaped in them. Throws `bad-option`. */
export function jsonPatternRule(pattern: string): string {
  return `"\\"" (${ruleOf(pattern, '"pattern"', jsonSetRule)}) "\\""`
}

// ---------------------------------------------------------------------------------------------------------------

type Node =
  | { readonly kind: 'set'; readonly ranges: readonly Range[] }
  | { readonly kind: 'begin' }
  | { readonly kind: 'end' }
  | { readonly kind: 'sequence'; readonly parts: readonly Node[] }
  | { readonly kind: 'choice'; readonly parts: readonly Node[] }
  | { readonly kind: 'repeat'; readonly part: Node; readonly times: string }

type SetRule = (ranges: readonly Range[]) => string | undefined

function ruleOf(pattern: string, what: string, ruleOfSet: SetRule): string {
  const fail: Fail = (expected, got) => {
    const shown = pattern.length > 100 ? `${pattern.slice(0, 100)}…` : pattern
    throw new UsageError(
      'bad-option',
      `expected a ${what} ${expected}, got ${got} in ${JSON.stringify(shown)}; change it`,
    )
  }
  let written = 0
  /** `times`: how often the part may come. */
  const spell = (node: Node, isFirst: boolean, isLast: boolean, times: number): string => {
    if (node.kind === 'set') {
      written += times * writtenOf(node.ranges)
      if (written > MOST_WRITTEN)
        fail(`whose sets of characters beyond ASCII have at most ${MOST_WRITTEN}, each time they come`, 'more')
      return ruleOfSet(node.ranges) ?? fail('with characters in its sets that can be written', 'a set without')
    }
    if (node.kind === 'begin') return isFirst ? '""' : fail('with "^" where the text begins only', 'another')
    if (node.kind === 'end') return isLast ? '""' : fail('with "$" where the text ends only', 'another')
    if (node.kind === 'repeat') return `(${spell(node.part, false, false, times * copiesOf(node.times))})${node.times}`
    if (node.kind === 'choice') return `(${node.parts.map((part) => spell(part, isFirst, isLast, times)).join(' | ')})`
    const firstText = node.parts.findIndex(({ kind }) => kind !== 'begin')
    const lastText = node.parts.findLastIndex(({ kind }) => kind !== 'end')
    const parts = node.parts.map((part, at) =>
      spell(part, isFirst && (firstText < 0 || at <= firstText), isLast && at >= lastText, times),
    )
    return parts.length > 0 ? parts.join(' ') : '""'
  }
  return spell(new RegexReader(pattern, fail).read(), true, true, 1)
}

/** What JSON writes as a backslash and a letter; other control characters stand in no set. */
const shortEscapes: readonly (readonly [code: number, letter: string])[] = [
  ...([[0x22, '"'], [0x5c, '\\'], [8, 'b'], [9, 't'], [10, 'n'], [12, 'f'], [13, 'r']] as const), // prettier-ignore
]
const special: readonly Range[] = [[0, 0x1f], [0x22, 0x22], [0x5c, 0x5c]] // prettier-ignore

function jsonSetRule(ranges: readonly Range[]): string | undefined {
  const escapes = shortEscapes.filter(([code]) => commonOf(ranges, [[code, code]]).length > 0)
  const plain = commonOf(ranges, complementOf(special))
  const rule = setRule(plain)
  const letters = escapes.map(([, letter]) => letter.charCodeAt(0)).map((code): Range => [code, code])
  const escape = letters.length > 0 ? [`"\\\\" ${setRule(letters) ?? ''}`] : []
  const options = [...(rule === undefined ? [] : [rule]), ...escape]
  return options.length > 0 ? `(${options.join(' | ')})` : undefined
}

type Fail = (expected: string, got: string) => never

const digits: readonly Range[] = [[0x30, 0x39]]
const letters: readonly Range[] = [...digits, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]]
/** Of ASCII: all others cannot be left out of a set. */
const blanks: readonly Range[] = [[9, 13], [32, 32]] // prettier-ignore
const lineEnds: readonly Range[] = [[10, 10], [13, 13]] // prettier-ignore

/** Escapes that stand for several characters. */
const classes: Readonly<Record<string, readonly Range[]>> = {
  ...{ d: digits, w: letters, s: blanks },
  ...{ D: complementOf(digits), W: complementOf(letters), S: complementOf(blanks) },
}

/** How often the library writes out what comes with this quantifier; beyond that it counts. */
export function copiesOf(quantifier: string): number {
  const most = /(\d+)\D*$/.exec(quantifier)?.[1] ?? '1'
  return Math.max(1, Math.min(Number(most), 128))
}

/** Reads a pattern from its beginning to its end. */
class RegexReader {
  readonly #pattern: string
  readonly #fail: Fail
  #at = 0

  constructor(pattern: string, fail: Fail) {
    this.#pattern = pattern
    this.#fail = fail
  }

  read(): Node {
    const node = this.#choice(0)
    if (this.#at < this.#pattern.length) this.#fail('with a "(" for each ")"', 'another ")"')
    return node
  }

  /** What the rest begins with, which is passed then. */
  #take(what: RegExp): RegExpExecArray | undefined {
    const found = new RegExp(what.source, 'uy')
    found.lastIndex = this.#at
    const match = found.exec(this.#pattern) ?? undefined
    if (match) this.#at += match[0].length
    return match
  }

  #choice(depth: number): Node {
    if (depth > DEEPEST) this.#fail(`of at most ${DEEPEST} levels`, 'more')
    const parts: Node[] = []
    do parts.push(this.#sequence(depth))
    while (this.#take(/\|/))
    return parts.length === 1 ? (parts[0] as Node) : { kind: 'choice', parts }
  }

  #sequence(depth: number): Node {
    const parts: Node[] = []
    while (this.#at < this.#pattern.length && !/[|)]/.test(this.#pattern.charAt(this.#at))) {
      if (this.#take(/\^/)) parts.push({ kind: 'begin' })
      else if (this.#take(/\$/)) parts.push({ kind: 'end' })
      else parts.push(this.#repeated(this.#atom(depth)))
    }
    return parts.length === 1 ? (parts[0] as Node) : { kind: 'sequence', parts }
  }

  #repeated(part: Node): Node {
    const found = this.#take(/([*+?]|\{(\d{1,6})(,(\d{0,6}))?\})\??/)
    if (!found) return part
    const [, times = '', least = '0', , most = ''] = found
    if (most !== '' && Number(most) < Number(least)) this.#fail('with numbers in order', times)
    if (this.#take(/[*+?]|\{\d+(,\d*)?\}/)) this.#fail('with one quantifier in a place', 'two')
    return { kind: 'repeat', part, times }
  }

  #atom(depth: number): Node {
    if (this.#take(/\((\?:|\?<[\w$]+>)?(?!\?)/)) {
      const node = this.#choice(depth + 1)
      if (!this.#take(/\)/)) this.#fail('with a ")" for each "("', 'none')
      return node
    }
    if (this.#take(/\[/)) return { kind: 'set', ranges: this.#set() }
    if (this.#take(/\./)) return { kind: 'set', ranges: complementOf(lineEnds) }
    const wrong = this.#take(/\(\?[^)]?|[*+?]|\{\d+(?:,\d*)?\}/)
    if (wrong) this.#fail('of literals, sets, groups and quantifiers behind them', JSON.stringify(wrong[0]))
    return { kind: 'set', ranges: this.#characters(false) }
  }

  #set(): readonly Range[] {
    const isOpposite = this.#take(/\^/) !== undefined
    const ranges: Range[] = []
    while (!this.#take(/\]/)) {
      if (this.#at >= this.#pattern.length) this.#fail('with a "]" for each "["', 'none')
      const [first, ...others] = this.#characters(true)
      if (others.length === 0 && first?.[0] === first?.[1] && this.#take(/-(?!\])/)) {
        const [last, ...more] = this.#characters(true)
        if (more.length > 0 || !first || !last || last[0] !== last[1] || last[0] < first[0]) {
          return this.#fail('with ranges from a character to a later one', 'another')
        }
        ranges.push([first[0], last[0]])
      } else if (first) ranges.push(first, ...others)
    }
    return isOpposite ? complementOf(ranges) : ranges
  }

  /** A character, or what an escape stands for. */
  #characters(inSet: boolean): readonly Range[] {
    const one = (code: number): Range[] => [[code, code]]
    if (!this.#take(/\\/)) return one(this.#take(/[^]/)?.[0].codePointAt(0) ?? 0)
    const code = this.#take(/x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}/)
    if (code) return one(this.#codePoint(Number.parseInt(code[1] ?? code[2] ?? code[3] ?? '', 16)))
    const letter = this.#take(/[^]/)?.[0] ?? ''
    const known = classes[letter]
    if (known) return known
    if (Object.hasOwn(controlCodes, letter) && !this.#take(/(?<=0)\d/)) return one(controlCodes[letter] ?? 0)
    if (letter === 'b' && inSet) return one(8)
    if (letter === '' || /[\p{L}\p{N}]/u.test(letter)) this.#fail('with escapes of characters', `"\\${letter}"`)
    return one(letter.codePointAt(0) ?? 0)
  }

  /** The second half of a character may follow, written in the same way. */
  #codePoint(code: number): number {
    const low = code >= 0xd800 && code <= 0xdbff ? this.#take(/\\u([dD][c-fC-F][0-9a-fA-F]{2})/) : undefined
    const whole = low ? 0x10000 + (code - 0xd800) * 0x400 + Number.parseInt(low[1] ?? '', 16) - 0xdc00 : code
    if (whole > 0x10ffff || (whole >= 0xd800 && whole <= 0xdfff)) this.#fail('of whole characters', 'half of one')
    return whole
  }
}

/** Groups inside each other; the library reads no deep rules. */
const DEEPEST = 50
