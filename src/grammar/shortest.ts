/**
 * How much a text must have at least. Where a grammar leaves no choice and comes to no end, the library writes out what must come until
 * no memory is left, and where the end is far it does so anew at every step: both are found here, before any answer begins.
 */
/**
 * Bytes without a choice that a text needs to its end in the rule and alternative of a grammar that needs most; `Infinity` where one comes
 * to no end. Reads a grammar as the library prints it (normalised EBNF, `Grammar.toString()`). About right: escapes count as they are written.
 */
export function mostNeeded(printed: string): number {
  const rules = new Map(parse(printed))
  const lengths = solve(rules)
  const lengthOf = (rule: string): number => lengths.get(rule) ?? (rules.has(rule) ? Infinity : 0)
  const needs = [...rules.values()].flat().map((one) => lengthOfSequence(one, lengthOf))
  return needs.reduce((most, need) => Math.max(most, need), 0)
}

// ---------------------------------------------------------------------------------------------------------------

/** Something that comes `times` times at least: so many bytes, or a rule. */
interface Item {
  readonly bytes: number
  readonly rule?: string
  readonly times: number
}

type Sequence = readonly Item[]

/** Alternatives of each rule. */
function* parse(printed: string): Generator<readonly [name: string, alternatives: readonly Sequence[]]> {
  const starts = [...printed.matchAll(/^(\S+) ::= /gm)]
  for (const [index, start] of starts.entries()) {
    const body = printed.slice(start.index + start[0].length, starts[index + 1]?.index)
    yield [start[1] ?? '', body.startsWith('TagDispatch(') ? dispatched(body) : alternativesOf(body)]
  }
}

/** Free text between parts that a mark begins: each part may come, none has to. */
function dispatched(body: string): Sequence[] {
  return [[], ...[...body.matchAll(/^ {2}\("(?:\\.|[^"\\])*", ([\w.-]+)\),?$/gm)].map(([, rule = '']) => [{ bytes: 0, rule, times: 1 }])] // prettier-ignore
}

/** `((a b) | (c))`, and what must follow, which is no part of the text, behind it. What is none of this is taken for nothing. */
function alternativesOf(body: string): Sequence[] {
  const found: Item[][] = [[]]
  const parts = /\s*(?:"((?:\\.|[^"\\])*)"|(\[(?:\\.|[^\]\\])*\]\*?)|([\w.-]+)(?:\{(\d+), -?\d+\})?|(\(=)|([()|]))/sy
  for (let part = parts.exec(body); part; part = parts.exec(body)) {
    const [, text, set, rule, times, ahead, sign] = part
    if (ahead !== undefined) break
    if (sign === '|') found.push([])
    const item = itemOf({ text, set, rule, times })
    if (item) found.at(-1)?.push(item)
  }
  return found
}

function itemOf(parts: Readonly<Record<'text' | 'set' | 'rule' | 'times', string | undefined>>): Item | undefined {
  const { text, set, rule, times } = parts
  if (text !== undefined) return { bytes: text.length, times: 1 }
  if (set !== undefined) return { bytes: 0, times: 1 }
  return rule === undefined ? undefined : { bytes: 0, rule, times: Number(times ?? 1) }
}

/** Shortest texts of all rules: from "none is known" until nothing becomes shorter, to and fro, as rules refer to those before and behind. */
function solve(rules: ReadonlyMap<string, readonly Sequence[]>): ReadonlyMap<string, number> {
  const lengths = new Map<string, number>()
  const lengthOf = (name: string): number => lengths.get(name) ?? (rules.has(name) ? Infinity : 0)
  const order = [...rules]
  for (let changed = true; changed; order.reverse()) {
    changed = false
    for (const [name, alternatives] of order) {
      const length = alternatives.reduce((least, one) => Math.min(least, lengthOfSequence(one, lengthOf)), Infinity)
      if (length >= lengthOf(name)) continue
      lengths.set(name, length)
      changed = true
    }
  }
  return lengths
}

function lengthOfSequence(sequence: Sequence, lengthOf: (rule: string) => number): number {
  // Nothing times without end is nothing.
  return sequence.reduce((sum, { bytes, rule, times }) => sum + (times === 0 ? 0 : times * (rule === undefined ? bytes : lengthOf(rule))), 0) // prettier-ignore
}
