/** What a finished answer looks like in numbers: the line for people, the document for scripts. Pure text, no printing. */
import type { GenerateResult, RoundTrace } from '../engine/index.ts'

/** The last line of stderr, e.g. `128 tokens, 61.2 tokens/s, tau 1.84, acceptance 43 % (120 of 280), ...`. */
export function statisticsLine(result: GenerateResult): string {
  const { timings, speculation, finishReason } = result
  const parts = [
    `${timings.predicted_n} ${timings.predicted_n === 1 ? 'token' : 'tokens'}`,
    `${decimals(timings.predicted_per_second)} tokens/s`,
    `tau ${speculation.tau.toFixed(2)}`,
    `acceptance ${Math.round(100 * speculation.acceptanceRate)} % (${speculation.accepted} of ${speculation.drafted})`,
    `${speculation.rounds} ${speculation.rounds === 1 ? 'round' : 'rounds'}`,
    `first token ${Math.round(timings.first_token_ms)} ms`,
    `prompt ${timings.prompt_n} tokens at ${decimals(timings.prompt_per_second)} tokens/s`,
  ]
  if (timings.cache_n > 0) parts.push(`${timings.cache_n} from the cache`)
  parts.push(speculation.drafter === 'none' ? 'no speculation' : `${speculation.drafter} + ${speculation.budget}`)
  const interrupted = finishReason === 'aborted' ? 'interrupted: ' : ''
  return `[${interrupted}${parts.join(', ')}]`
}

/** One round for `--explain`, e.g. `round 7: entropy 1.84, bin 0, levels 12, nodes 21: 9 of 21 accepted`. */
export function explanationLine({ round, why = {}, accepted, drafted }: RoundTrace): string {
  const reasons = Object.entries(why).map(([name, value]) => `${spelled(name)} ${value}`)
  const outcome = drafted === 0 ? 'decoded plainly' : `${accepted} of ${drafted} accepted`
  return [`round ${round}`, ...(reasons.length > 0 ? [reasons.join(', ')] : []), outcome].join(': ')
}

/** One line of JSON: `text`, `tokens`, `finishReason`, `seed` (null where chance had no part), `timings`, `speculation`. */
export function resultDocument(result: GenerateResult): string {
  const { text, tokens, finishReason, seed = null, timings, speculation } = result
  return JSON.stringify({ text, tokens: Array.from(tokens), finishReason, seed, timings, speculation })
}

// ---------------------------------------------------------------------------------------------------------------

/** `draftPrice` as `draft price`. */
function spelled(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function decimals(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1)
}
