/** Numbers of answers in the words that clients know: OpenAI's `usage`, llama-server's `timings`. */
import type { GenerateResult } from '../engine/index.ts'

/** OpenAI's token counts. */
export interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  readonly prompt_tokens_details: { readonly cached_tokens: number }
}

/** `promptTokens`: of all prompts, each counted once; `perPrompt`: answers to each. */
export function usageOf(results: readonly GenerateResult[], promptTokens: number, perPrompt: number): Usage {
  const completion = results.reduce((sum, { tokens }) => sum + tokens.length, 0)
  // Further answers to a prompt find all of it in the cache, which says nothing about the request.
  const cached = results.reduce((sum, { timings }, index) => sum + (index % perPrompt === 0 ? timings.cache_n : 0), 0)
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completion,
    total_tokens: promptTokens + completion,
    prompt_tokens_details: { cached_tokens: cached },
  }
}

/** llama-server's block; of several answers the sums, and rates of the sums. */
export function timingsOf(results: readonly GenerateResult[]): Readonly<Record<string, number>> {
  const sum = (pick: (result: GenerateResult) => number): number =>
    results.reduce((total, result) => total + pick(result), 0)
  const promptCount = sum(({ timings }) => timings.prompt_n)
  const promptMs = sum(({ timings }) => timings.prompt_ms)
  const predicted = sum(({ timings }) => timings.predicted_n)
  const predictedMs = sum(({ timings }) => timings.predicted_ms)
  const drafted = sum(({ timings }) => timings.draft_n)
  return {
    cache_n: sum(({ timings }) => timings.cache_n),
    prompt_n: promptCount,
    prompt_ms: promptMs,
    prompt_per_token_ms: per(promptMs, promptCount),
    prompt_per_second: per(1000 * promptCount, promptMs),
    predicted_n: predicted,
    predicted_ms: predictedMs,
    predicted_per_token_ms: per(predictedMs, predicted),
    predicted_per_second: per(1000 * predicted, predictedMs),
    ...(drafted > 0 && { draft_n: drafted, draft_n_accepted: sum(({ timings }) => timings.draft_n_accepted) }),
  }
}

// ---------------------------------------------------------------------------------------------------------------

function per(amount: number, count: number): number {
  return count > 0 ? amount / count : 0
}
