/**
 * The first two links of the chain: logit bias, then the three penalties, as llama.cpp computes them.
 * Only the few touched tokens cost anything besides one copy of the row.
 */
import { UsageError } from '../util/errors.ts'
import type { TokenId } from '../tree/index.ts'
import type { ResolvedSampleOptions } from './options.ts'

/**
 * [vocab] logits after bias and penalties: the row itself when nothing applies, else a changed copy.
 * Throws `bad-option` for a bias on a token outside of the vocabulary.
 */
export function adjustLogits(
  logits: Float32Array,
  prefix: readonly TokenId[],
  options: ResolvedSampleOptions,
): Float32Array {
  const biases = Object.entries(options.logitBias)
  const counts = countRecent(prefix, options)
  if (biases.length === 0 && counts.size === 0) return logits
  const row = logits.slice()
  for (const [key, bias] of biases) {
    const token = Number(key)
    if (token >= row.length) {
      const advice = `expected token ids below ${row.length} in logitBias, got ${key}; remove it`
      throw new UsageError('bad-option', advice)
    }
    row[token] = (row[token] as number) + (bias ?? -Infinity)
  }
  for (const [token, count] of counts) {
    const logit = row[token] as number
    const scaled = logit <= 0 ? logit * options.repeatPenalty : logit / options.repeatPenalty
    row[token] = scaled - count * options.frequencyPenalty - options.presencePenalty
  }
  return row
}

/** Can these settings change a logit at all? */
export function adjusts(options: ResolvedSampleOptions): boolean {
  return Object.keys(options.logitBias).length > 0 || penalises(options)
}

function penalises({ repeatPenalty, frequencyPenalty, presencePenalty }: ResolvedSampleOptions): boolean {
  return repeatPenalty !== 1 || frequencyPenalty !== 0 || presencePenalty !== 0
}

/** How often each token occurs among the last `repeatLastN`; empty when no penalty is on. */
function countRecent(prefix: readonly TokenId[], options: ResolvedSampleOptions): Map<TokenId, number> {
  const { repeatLastN } = options
  const counts = new Map<TokenId, number>()
  if (!penalises(options)) return counts
  const start = repeatLastN < 0 ? 0 : Math.max(0, prefix.length - repeatLastN)
  for (let i = start; i < prefix.length; i++)
    counts.set(prefix[i] as TokenId, (counts.get(prefix[i] as TokenId) ?? 0) + 1)
  return counts
}
