/** What a request says, checked, apart from its prompt and its speculation: how tokens are drawn, and how many. */
import { UsageError } from '../util/errors.ts'
import { resolveSampleOptions, type ResolvedSampleOptions, type SampleOptions } from '../sample/index.ts'
import type { GenerateRequest } from './types.ts'

/** What of a request limits and draws its tokens. */
export interface ReadRequest {
  /** With a seed, unless the request is greedy. */
  readonly sampling: ResolvedSampleOptions
  /** Infinity without a limit. */
  readonly maxTokens: number
}

/** Checks and completes. Throws `bad-option`. */
export function readRequest(request: GenerateRequest): ReadRequest {
  return {
    sampling: withSeed(resolveSampleOptions(samplingOf(request))),
    maxTokens: checkMaxTokens(request.maxTokens),
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** The fields of a request that are not about sampling. */
const OWN_FIELDS: ReadonlySet<string> = new Set<Exclude<keyof GenerateRequest, keyof SampleOptions>>([
  ...([
    'prompt',
    'maxTokens',
    'stop',
    'ignoreEos',
    'speculative',
    'cachePrompt',
    'priority',
    'signal',
    'maxPredictMs',
    'onPrefill',
  ] as const),
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
