/** How a conversation begins: a pure function of options and its number, so that a resumed run makes the same ones. */
import { defined } from '../../util/assert.ts'
import { uniformAt } from '../../util/rng.ts'
import type { ChatMessage } from '../../text/index.ts'
import { followUps, generalOpeners, openers } from './openers.ts'

/** What the user says in a turn: given, or the target goes on from a few words. */
export type UserTurn = { readonly text: string } | { readonly opener: string; readonly length: number }

/** Everything about a conversation that is decided before it. */
export interface Start {
  /** Its number. */
  readonly conversation: number
  /** Of all its draws. */
  readonly seed: number
  readonly temperature: number
  readonly system: readonly ChatMessage[]
  readonly turns: readonly UserTurn[]
}

/** A conversation of a prompt file: what the user said. */
export interface Prompt {
  readonly system: readonly ChatMessage[]
  readonly turns: readonly string[]
}

export interface StartOptions {
  readonly seed: number
  /** Temperatures and how often each is taken. */
  readonly temperatures: readonly Weighted[]
  readonly prompts: readonly Prompt[]
  /** How often each prompt is used. */
  readonly repeats: number
  /** After the prompts the target writes user turns too. */
  readonly own: boolean
}

export interface Weighted {
  readonly temperature: number
  readonly weight: number
}

/** Share of conversations of its own that go on after the first answer, and of those that go on once more. */
const GOES_ON = 0.3
/** User turns end at the first sentence end after so many tokens. */
const SHORTEST_TURN = 4
const LONGEST_TURN = 56

/** The conversation of a number; undefined where there are no more prompts. */
export function startOf(options: StartOptions, conversation: number): Start | undefined {
  const { prompts, repeats, temperatures } = options
  const seed = Math.floor(uniformAt(options.seed, conversation) * 2 ** 52)
  // Draws of the beginning are counted down from -1, those of tokens up from 0.
  let drawn = 0
  const draw = (): number => uniformAt(seed, --drawn)
  const temperature = chooseTemperature(temperatures, draw())
  const rest = { conversation, seed, temperature }
  if (conversation < prompts.length * repeats) {
    const { system, turns } = defined(prompts[conversation % prompts.length])
    return { ...rest, system, turns: turns.map((text) => ({ text })) }
  }
  if (!options.own) return undefined
  const general = draw() < 0.6
  const [from, count] = general ? [0, generalOpeners] : [generalOpeners, openers.length - generalOpeners]
  const turns: UserTurn[] = [ownTurn(openers, from, count, draw)]
  while (turns.length < 3 && draw() < GOES_ON) turns.push(ownTurn(followUps, 0, followUps.length, draw))
  return { ...rest, system: [], turns }
}

// ---------------------------------------------------------------------------------------------------------------

function ownTurn(list: readonly string[], from: number, count: number, draw: () => number): UserTurn {
  const opener = defined(list[from + Math.floor(draw() * count)])
  // Squared: most questions are short, some are long.
  return { opener, length: SHORTEST_TURN + Math.floor((LONGEST_TURN - SHORTEST_TURN) * draw() ** 2) }
}

function chooseTemperature(list: readonly Weighted[], uniform: number): number {
  let left = uniform * list.reduce((sum, { weight }) => sum + weight, 0)
  for (const { temperature, weight } of list) {
    left -= weight
    if (left < 0) return temperature
  }
  return defined(list.at(-1)).temperature
}
