/**
 * Sets of characters as expressions of a grammar (EBNF). The library cuts characters of a set that are not ASCII to one byte and then takes others
 * for them: only what a set of ASCII leaves out is safe there. So such characters are written out, one text each.
 */

/** From the first to the last code point. */
export type Range = readonly [first: number, last: number]

/** Characters that the sets of a form may write out, all together: each costs a tenth of a millisecond, once. Twice the usual Chinese ones. */
export const MOST_WRITTEN = 45_000

/** Control characters that escapes name, by their letters. */
export const controlCodes: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, 0: 0 }

/** The characters that are not in the set. */
export function complementOf(ranges: readonly Range[]): Range[] {
  const found: Range[] = []
  let next = 0
  for (const [first, last] of merged(ranges)) {
    if (first > next) found.push([next, first - 1])
    next = last + 1
  }
  if (next <= 0x10ffff) found.push([next, 0x10ffff])
  return found
}

/** What is in both. */
export function commonOf(a: readonly Range[], b: readonly Range[]): Range[] {
  return complementOf([...complementOf(a), ...complementOf(b)])
}

/** How many characters the expression of a set writes out. */
export function writtenOf(ranges: readonly Range[]): number {
  return beyondAscii(ranges).reduce((sum, [first, last]) => sum + last - first + 1, 0)
}

/** The expression of one character of the set; undefined for an empty one. Ask `writtenOf` before. */
export function setRule(ranges: readonly Range[]): string | undefined {
  // Left out of a set, ASCII characters leave all others in it.
  if (hasAllBeyond(ranges)) return `[^${complementOf(ranges).map(spelled).join('')}]`
  const codes = beyondAscii(ranges).flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  )
  const options = codes
    .filter((code) => code < 0xd800 || code > 0xdfff)
    .map((code) => textRule(String.fromCodePoint(code)))
  const ascii = commonOf(ranges, [[0, 0x7f]])
  if (ascii.length > 0) options.unshift(`[${ascii.map(spelled).join('')}]`)
  return options.length > 0 ? `(${options.join(' | ')})` : undefined
}

/** The expression of a text. */
export function textRule(text: string): string {
  return `"${text.replaceAll(/[^\p{L}\p{N} ]/gu, (character) => escaped(character.codePointAt(0) ?? 0))}"`
}

// ---------------------------------------------------------------------------------------------------------------

/** What has to be written out. */
function beyondAscii(ranges: readonly Range[]): Range[] {
  return hasAllBeyond(ranges) ? [] : commonOf(ranges, [[0x80, 0x10ffff]])
}

function hasAllBeyond(ranges: readonly Range[]): boolean {
  return complementOf(ranges).every(([, last]) => last < 0x80)
}

function escaped(code: number): string {
  return `\\U${code.toString(16).padStart(8, '0')}`
}

function spelled([first, last]: Range): string {
  return first === last ? escaped(first) : `${escaped(first)}-${escaped(last)}`
}

/** In order, and without touching each other. */
function merged(ranges: readonly Range[]): Range[] {
  const found: Range[] = []
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const before = found.at(-1)
    if (before && first <= before[1] + 1) found[found.length - 1] = [before[0], Math.max(before[1], last)]
    else found.push([first, last])
  }
  return found
}
