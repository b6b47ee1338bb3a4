/** Trace files: one line of JSON per round, as `heterospec run --trace` and `serve --trace` write them and this page saves them. */
import type { Round } from '../types.ts'
import { readJson, readRound } from './rounds.ts'

/** More would not be looked at, and the page has to hold them all. */
const MOST_ROUNDS = 20_000

/** A file with more is not even read: no browser holds its text. */
export const MOST_BYTES = 256 * 2 ** 20

/** What is wrong with a file of so many bytes. */
export function tooLarge(bytes: number): string {
  const [most, size] = [MOST_BYTES, bytes].map((amount) => Math.ceil(amount / 2 ** 20))
  return `expected at most ${most} MiB, got ${size} MiB; cut the file, docs/guide/server.md says how`
}

/**
 * The answers of a file, each its rounds, or the sentence that says what is wrong with it. A new answer begins at round 0; a server's
 * answers in work at once are told apart by their names.
 */
export function readTraceFile(text: string): readonly (readonly Round[])[] | string {
  const lines = text.split('\n')
  const answers: Round[][] = []
  const growing = new Map<string, Round[]>()
  let count = 0
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue
    if (++count > MOST_ROUNDS)
      return `expected at most ${MOST_ROUNDS} rounds, got more; cut the file, docs/guide/server.md says how`
    const round = readRound(readJson(line))
    if (typeof round === 'string') return `line ${index + 1}: ${round}`
    const name = `${round.request} ${round.answer}`
    const current = growing.get(name)
    if (current !== undefined && round.round > 0) current.push(round)
    else {
      const answer = [round]
      answers.push(answer)
      growing.set(name, answer)
    }
  }
  return answers.length > 0 ? answers : 'expected at least one round, got an empty file; choose a file of --trace'
}

/** The text of a trace file with these rounds. */
export function writeTraceFile(rounds: readonly Round[]): string {
  return rounds.map((round) => `${JSON.stringify(round)}\n`).join('')
}

/** All token ids that a picture of these rounds needs, each once. */
export function tokensOfRounds(rounds: readonly Round[]): number[] {
  const ids = new Set<number>()
  for (const { tree, pruned, emitted } of rounds) {
    for (const list of [tree.tokens, pruned?.tokens ?? [], emitted]) for (const id of list) ids.add(id)
  }
  return [...ids]
}
