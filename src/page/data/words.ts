/** Numbers and states as people read them. */
import type { Origin, Round } from '../types.ts'
import type { TreeNode } from './tree-layout.ts'

/** `3 tokens`, `1 token`. */
export function count(amount: number, word: string, words = `${word}s`): string {
  return `${amount} ${amount === 1 ? word : words}`
}

/** A sentence as it begins a line. */
export function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1)
}

/** A share as a percentage. */
export function percent(share: number): string {
  const rounded = Math.round(100 * share)
  return rounded === 0 && share > 0 ? '<1 %' : `${rounded} %`
}

/** Three digits at most. */
export function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2)
}

/** Seconds with one decimal, for clocks: always as many characters. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

/** A drafter's name, as the legend has it. */
export function originName(origin: Origin): string {
  const names: Readonly<Record<string, string>> = {
    target: 'the target itself',
    eagle3: 'draft head',
    model: 'draft model',
    lookup: 'lookup',
    recycling: 'recycling',
    draft: 'a drafter',
  }
  return names[origin] ?? origin
}

/** Class of an origin: those without a colour of their own share one. */
export function originClass(origin: Origin): string {
  const known = ['target', 'eagle3', 'model', 'lookup', 'recycling']
  return `origin-${known.includes(origin) ? origin : 'other'}`
}

/** What happened in a round. */
export function roundSentence({ drafted, accepted, emitted, pruned }: Round): string {
  const tokens = `${count(emitted.length, 'token')} in one pass`
  const without = pruned && pruned.count > 0 ? 'no guess was worth checking' : 'nothing drafted'
  return drafted === 0
    ? `${without}: ${tokens}`
    : `${count(drafted, 'guess', 'guesses')}, ${accepted} accepted: ${tokens}`
}

/** What became of a node. `pathChance`: the drafter's estimate of the whole way to it. */
export function nodeSentence({ state, text, origin, depth, chance }: TreeNode, pathChance: number): string {
  if (state === 'root') return `“${text}” is where the round began: the last token of the text so far.`
  if (state === 'own') return `“${text}” was added by the target itself.`
  const fates = {
    accepted: 'accepted',
    rejected: 'rejected by the target',
    pruned: 'pruned: drafted, but not worth the target’s time',
  }
  const confidence = chance === undefined ? '' : `, draft confidence ${percent(chance)}`
  const path = depth > 1 ? ` (${percent(pathChance)} with its path)` : ''
  return `“${text}”, guessed by ${originName(origin)} at depth ${depth}${confidence}${path}: ${fates[state]}.`
}
