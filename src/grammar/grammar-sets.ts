/** Sets of characters in grammars of callers: those that the library would cut to one byte are written out. All else stays as it is. */
import { UsageError } from '../util/errors.ts'
import { complementOf, controlCodes, MOST_WRITTEN, setRule, writtenOf, type Range } from './characters.ts'
import { copiesOf } from './regex.ts'

/** The grammar (EBNF) with sets that the library reads as they are meant. Throws `bad-option` where they would write out too much. */
export function withSafeSets(grammar: string): string {
  let written = 0
  return grammar.replaceAll(PARTS, (part: string, opposite?: string, inside?: string, quantifier?: string) => {
    if (inside === undefined) return part
    const listed = rangesOf(inside)
    if (listed.every(([, last]) => last < 0x80)) return part
    const ranges = opposite === '^' ? complementOf(listed) : listed
    written += copiesOf(quantifier ?? '') * writtenOf(ranges)
    const rule = written > MOST_WRITTEN ? undefined : setRule(ranges)
    if (rule !== undefined) return `${rule}${quantifier ?? ''}`
    const expected = `expected a grammar whose sets of characters beyond ASCII have at most ${MOST_WRITTEN}, each time they come`
    throw new UsageError('bad-option', `${expected}, got more in ${part.slice(0, 100)}; change it`)
  })
}

// ---------------------------------------------------------------------------------------------------------------

/** Comments, texts and sets, the latter with what is behind them that tells how often they come. */
const PARTS = /#[^\n]*|"(?:\\[^]|[^"\\])*"|\[(\^?)((?:\\[^]|[^\]\\])*)\](\{[\d,\s]*\})?/g

const SIGN = /\\x([0-9a-fA-F]{1,2})|\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})|\\([^])|([^])/gu
const controls: Readonly<Record<string, number>> = { ...controlCodes, b: 8 }

/** The characters between the brackets. */
function rangesOf(inside: string): Range[] {
  const signs = [...inside.matchAll(SIGN)].map(([text, x, u, long, escape, plain]) => {
    const hex = x ?? u ?? long
    const own = controls[escape ?? ''] ?? (escape ?? plain)?.codePointAt(0) ?? 0
    return { code: hex === undefined ? own : Number.parseInt(hex, 16), isDash: text === '-' }
  })
  const found: Range[] = []
  for (let at = 0; at < signs.length; at++) {
    const first = signs[at]?.code ?? 0
    const last = signs[at + 1]?.isDash ? signs[at + 2]?.code : undefined
    found.push([first, last ?? first])
    if (last !== undefined) at += 2
  }
  // What is in the wrong order the library refuses.
  return found.some(([first, last]) => last < first) ? [] : found
}
