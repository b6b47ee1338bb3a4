/** A budget's reasons in words, and the choices that it weighed. Names are those of `explain` in `src/policy`. */
import type { Round } from '../types.ts'

/** One reason: what it is called, its value, and what it means. */
export interface Reason {
  readonly name: string
  readonly label: string
  readonly value: string
  readonly hint: string
}

/** A number of nodes (or levels) that was weighed. */
export interface Considered {
  readonly count: number
  /** Expected tokens per time, over plain decoding's. */
  readonly value: number
}

/** Reasons of a round in reading order; those that this page does not know come last, under their own names. */
export function reasonsOf({ why = {} }: Round): Reason[] {
  const known = Object.keys(words).filter((name) => name in why)
  const others = Object.keys(why).filter((name) => !(name in words) && !lists.includes(name))
  return [...known, ...others].map((name) => ({
    name,
    label: words[name]?.[0] ?? name,
    value: spell(name, why[name] ?? ''),
    hint: words[name]?.[1] ?? 'a reason of this budget',
  }))
}

/** Numbers of nodes that were weighed, as `0@1.00 4@1.21`; none where the budget tells none. */
export function consideredNodes({ why = {} }: Round): Considered[] {
  return String(why['consideredNodes'] ?? '')
    .split(' ')
    .map((entry) => /^(\d+)@(-?[\d.]+)$/.exec(entry))
    .filter((match) => match !== null)
    .map(([, count, value]) => ({ count: Number(count), value: Number(value) }))
}

/** Levels that were weighed, as `2:4@1.31/1.20`: with the level and without it. */
export function consideredLevels({
  why = {},
}: Round): { level: number; width: number; grown: number; stopped: number }[] {
  return String(why['consideredLevels'] ?? '')
    .split(' ')
    .map((entry) => /^(\d+):(\d+)@(-?[\d.]+)\/(-?[\d.]+)$/.exec(entry))
    .filter((match) => match !== null)
    .map(([, level, width, grown, stopped]) => ({
      level: Number(level),
      width: Number(width),
      grown: Number(grown),
      stopped: Number(stopped),
    }))
}

// ---------------------------------------------------------------------------------------------------------------

const lists = ['consideredNodes', 'consideredLevels']

const words: Readonly<Record<string, readonly [label: string, hint: string]>> = {
  reason: ['reason', 'why nothing was drafted'],
  entropy: [
    'entropy',
    'how unsure the drafter was along its likeliest path; with prices per step, else summed over it',
  ],
  bin: ['entropy bin', 'the range that this entropy falls into; 0 is the easiest text, 0 to 2 are the easy ones'],
  bins: ['bins from', 'where the ranges of entropy come from'],
  levels: ['levels', 'levels of the tree that were drafted one by one'],
  nodes: ['nodes', 'draft tokens that the budget let through to the target'],
  tokens: ['expected tokens', 'tokens that the round was expected to bring'],
  price: ['pass price', 'what the target’s pass was expected to cost, in plain passes'],
  draftPrice: ['draft price', 'what drafting was expected to cost, in plain passes'],
  plainMs: ['plain pass', 'milliseconds of a pass over one token'],
}

/** Where bins come from, `BinMemory.basis` among them. */
const origins: Readonly<Record<string, string>> = {
  prior: 'what is believed of any drafter',
  accepted: 'rounds that came true as a whole',
  all: 'all rounds so far',
  given: 'the settings',
}

function spell(name: string, value: number | string): string {
  if (typeof value === 'string') return name === 'bins' ? (origins[value] ?? value) : value
  const number = value.toLocaleString('en', { maximumFractionDigits: 2 })
  if (name === 'price' || name === 'draftPrice') return `${number} ×`
  if (name === 'plainMs') return `${number} ms`
  return name === 'entropy' ? `${number} nats` : number
}
