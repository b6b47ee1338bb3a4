/** Texts into training and held-out ones, and into windows. Everything is a function of the texts and the settings. */
import { createHash } from 'node:crypto'
import { UsageError } from '../../util/errors.ts'
import type { TrainingText } from '../types.ts'

/** Indices into a list of texts, ascending. */
export interface TextSplit {
  readonly training: readonly number[]
  readonly heldOut: readonly number[]
}

/** A piece of a text that goes into a batch. */
export interface TextWindow {
  /** Index of the text. */
  readonly text: number
  /** Positions [from, to). */
  readonly from: number
  readonly to: number
}

/**
 * Rows at the end of a window that teach nothing there, because their lesson is beyond it: the next window begins with
 * them. So every answered token is a lesson exactly once.
 */
const OVERLAP = 2
/** More texts than this share of all with the same beginning have a template in common, not a question. */
const TEMPLATE_SHARE = 0.05

/** What follows the last answer teaches nothing and is never computed; `most` is what the target can read. */
export function trimText(text: TrainingText, most: number): TrainingText {
  const end = Math.min(most, text.answers.at(-1)?.[1] ?? 0)
  const answers = text.answers.filter(([from]) => from < end).map(([from, to]) => [from, Math.min(to, end)] as const)
  return { ...text, tokens: text.tokens.slice(0, end), answers }
}

/** Identifies texts and their order. */
export function hashTexts(texts: readonly TrainingText[]): string {
  const hash = createHash('sha256')
  for (const { tokens, answers } of texts)
    hash.update(Int32Array.of(tokens.length, answers.length, ...answers.flat())).update(Int32Array.from(tokens))
  return hash.digest('hex').slice(0, 32)
}

/**
 * Holds out about `share` of the texts, at most `most` and at least one: those whose question has the lowest hash, so that
 * all answers to one question are on the same side, and a text stays on its side when others are added. Texts that begin
 * alike because no question was asked are told apart by all they say. Throws `bad-file` for fewer than two groups.
 */
export function splitTexts(texts: readonly TrainingText[], share: number, most: number): TextSplit {
  const groups = new Map<string, number[]>()
  texts.forEach((text, index) => {
    const key = hashTokens(text.tokens.slice(0, text.answers[0]?.[0]))
    groups.set(key, [...(groups.get(key) ?? []), index])
  })
  const common = Math.max(8, TEMPLATE_SHARE * texts.length)
  const sorted = [...groups.entries()]
    .flatMap(([key, members]): [string, number[]][] =>
      members.length <= common
        ? [[key, members]]
        : members.map((index) => [hashTokens(texts[index]?.tokens ?? []), [index]]),
    )
    .sort(([a, [first = 0]], [b, [second = 0]]) => (a < b ? -1 : a > b ? 1 : first - second))
  if (sorted.length < 2) {
    throw new UsageError(
      'bad-file',
      `expected training data of at least two different texts, got ${sorted.length === 0 ? 'none with an answer' : 'one'}; make more with "heterospec head data"`,
    )
  }
  const wanted = Math.min(most, Math.max(1, Math.round(share * texts.length)))
  const heldOut: number[] = []
  for (const [, members] of sorted.slice(0, -1)) {
    if (heldOut.length > 0 && heldOut.length + members.length > wanted) break
    heldOut.push(...members)
  }
  const held = new Set(heldOut)
  return {
    training: texts.map((_, index) => index).filter((index) => !held.has(index)),
    heldOut: heldOut.sort((a, b) => a - b),
  }
}

/** The texts `indices` cut into windows of at most `length` positions; windows without a lesson are left out. */
export function windowsOf(texts: readonly TrainingText[], indices: readonly number[], length: number): TextWindow[] {
  return indices.flatMap((text) => {
    const { tokens = [], answers = [] } = texts[text] ?? {}
    const windows: TextWindow[] = []
    for (let from = 0; from + OVERLAP < tokens.length; from += length - OVERLAP) {
      const to = Math.min(tokens.length, from + length)
      if (answers.some(([first, end]) => first < to && end > from + OVERLAP)) windows.push({ text, from, to })
    }
    return windows
  })
}

/** Lessons of a window: answered tokens that a row of it can be asked for. */
export function lessonsOf(window: TextWindow, { answers }: TrainingText): number {
  return answers.reduce(
    (sum, [from, to]) => sum + Math.max(0, Math.min(to, window.to) - Math.max(from, window.from + OVERLAP)),
    0,
  )
}

// ---------------------------------------------------------------------------------------------------------------

function hashTokens(tokens: readonly number[]): string {
  return createHash('sha256').update(Int32Array.from(tokens)).digest('hex')
}
