/** Everyone who decodes in `bench/peers.ts`, behind one contract: the same token ids in, tokens and times out. */
import type { Engine, SpeculativeOptions } from '../src/engine/index.ts'
import { UsageError } from '../src/util/errors.ts'
import type { LlamaText } from './llama.ts'
import type { Peer } from './peer-process.ts'

export interface Task {
  /** The prompt, chat template included. */
  readonly tokens: readonly number[]
  /** The user's own words in it: where node-llama-cpp's chat session lets its predictor look. */
  readonly lookIn: readonly number[]
  readonly maxTokens: number
}

/** Counted the same way for all. The token that ends an answer is not part of it, but it had to be computed. */
export interface Outcome {
  readonly tokens: readonly number[]
  /** Whether an end token came, not the limit. */
  readonly ended: boolean
  /** Until the first token is known, with all preparations of a request. */
  readonly promptMs: number
  /** From there until the last is known. */
  readonly decodeMs: number
  /** Passes of the model in that time. */
  readonly passes: number
}

export interface Method {
  readonly name: string
  /** Plain decoding of the same program: what its output has to be. */
  readonly plain: string
  run(task: Task): Promise<Outcome>
}

export const LLAMA = 'libllama'
const OURS = 'heterospec off'
const NODE_LLAMA = 'node-llama-cpp'

/** Tokens computed after the first: what `decodeMs` was spent on. */
export function decodedTokens({ tokens, ended }: Outcome): number {
  return tokens.length + (ended ? 1 : 0) - 1
}

export function ourMethod(engine: Engine, name: string, speculative: SpeculativeOptions): Method {
  return {
    name: `heterospec ${name}`,
    plain: OURS,
    async run({ tokens, maxTokens }) {
      const prompt = Int32Array.from(tokens)
      const result = await engine.complete({ prompt, maxTokens, speculative, cachePrompt: false })
      return {
        tokens: result.tokens,
        ended: result.finishReason === 'stop',
        promptMs: result.timings.first_token_ms,
        decodeMs: result.timings.predicted_ms,
        passes: result.speculation.rounds,
      }
    },
  }
}

export function llamaMethod(llama: LlamaText, isEnd: (token: number) => boolean): Method {
  return {
    name: LLAMA,
    plain: LLAMA,
    run({ tokens, maxTokens }) {
      const made: number[] = []
      llama.clear()
      const started = performance.now()
      let token = llama.next(tokens)
      const firstAt = performance.now()
      let passes = 0
      while (!isEnd(token) && made.push(token) < maxTokens) {
        token = llama.next([token])
        passes++
      }
      const decodeMs = performance.now() - firstAt
      return Promise.resolve({ tokens: made, ended: isEnd(token), promptMs: firstAt - started, decodeMs, passes })
    },
  }
}

/** Plain, and with its predictor under each of the option sets: `default`, or `2:4` as `parseLookup` reads it. */
export function nodeLlamaMethods(peer: Peer, lookups: readonly string[]): Method[] {
  const method = (name: string, lookup: object | null): Method => ({
    name,
    plain: NODE_LLAMA,
    run: (task) => peer.decode(task, lookup),
  })
  const speculating = lookups.map((text) => method(`${NODE_LLAMA} lookup ${text}`, parseLookup(text)))
  return [method(NODE_LLAMA, null), ...speculating]
}

/** `2:4`: at least 2 tokens have to match, at most 4 are drafted. `default` leaves both to the package (1 and 3). */
function parseLookup(text: string): object {
  if (text === 'default') return {}
  const [match = NaN, draft = NaN] = text.split(':').map(Number)
  if (match >= 1 && draft >= match) return { patternLength: { min: match }, predictionLength: { max: draft } }
  throw new UsageError(
    'bad-option',
    `expected --lookup like default,2:4 (tokens that match, most tokens to draft; it drafts no fewer than match), got "${text}"`,
  )
}
