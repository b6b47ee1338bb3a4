/** What a request says besides its prompt, checked before any work begins. */
import { UsageError } from '../util/errors.ts'
import { resolveSampleOptions, type ResolvedSampleOptions, type SampleOptions } from '../sample/index.ts'
import type { GenerateRequest } from './types.ts'

/** Most alternatives of a token whose log-probabilities may be asked for: as many as at OpenAI. */
export const MOST_LOG_PROBS = 20

/** The settings of a request, defaults filled in. */
export interface ResolvedRequest {
  readonly sampling: ResolvedSampleOptions
  /** Infinity where nobody said. */
  readonly maxTokens: number
  /** Undefined: none are told. */
  readonly logProbs: number | undefined
}

/** Checks a request and fills in what it leaves out. Throws `bad-option`. */
export function readRequest(request: GenerateRequest): ResolvedRequest {
  return {
    sampling: withSeed(resolveSampleOptions(samplingOf(request))),
    maxTokens: checkMaxTokens(request.maxTokens),
    logProbs: checkLogProbs(request.logProbs),
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** The fields of a request that are not about sampling. */
const OWN_FIELDS: ReadonlySet<string> = new Set<Exclude<keyof GenerateRequest, keyof SampleOptions>>([
  ...(['prompt', 'maxTokens', 'stop', 'ignoreEos', 'speculative', 'cachePrompt', 'priority', 'signal'] as const),
  ...(['maxPredictMs', 'onPrefill', 'logProbs', 'responseFormat', 'tools', 'toolChoice'] as const),
  ...(['parallelToolCalls'] as const),
])

/** The rest of a request; a name that nobody knows is refused by the sampling schema. */
function samplingOf(request: GenerateRequest): SampleOptions {
  return Object.fromEntries(Object.entries(request).filter(([name]) => !OWN_FIELDS.has(name)))
}

/** Without a seed every sampled request is different, and says how to repeat it. */
function withSeed(options: ResolvedSampleOptions): ResolvedSampleOptions {
  if (options.temperature === 0 || options.seed !== undefined) return options
  return { ...options, seed: Math.floor(Math.random() * 2 ** 32) }
}

function checkMaxTokens(maxTokens: number | undefined): number {
  if (maxTokens === undefined) return Infinity
  if (Number.isInteger(maxTokens) && maxTokens >= 0) return maxTokens
  throw new UsageError(
    'bad-option',
    `expected a whole number of tokens from 0, got ${maxTokens}; leave it out for no limit`,
  )
}

function checkLogProbs(count: number | undefined): number | undefined {
  if (count === undefined || (Number.isInteger(count) && count >= 0 && count <= MOST_LOG_PROBS)) return count
  throw new UsageError(
    'bad-option',
    `expected logProbs to be a whole number from 0 to ${MOST_LOG_PROBS}, got ${count}; leave it out for none`,
  )
}
