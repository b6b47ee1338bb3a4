/** One load on one server: all requests of a block from first to last, as their clients see them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { HeterospecError, throwIfAborted } from '../../util/errors.ts'
import { streamChat } from '../sides/chat-stream.ts'
import { quantile } from '../statistics.ts'
import type { Question } from '../types.ts'
import type { Asked, Block, LoadSide, Spread } from './types.ts'

/** What is asked, and when. */
export interface BlockPlan {
  readonly side: LoadSide
  readonly questions: readonly Question[]
  /** Indices of questions, in the order of their turn. */
  readonly order: readonly number[]
  /** Milliseconds from the beginning at which each comes; undefined: when one of `clients` is free. */
  readonly arrivals?: readonly number[] | undefined
  readonly clients: number
  readonly maxTokens: number
  readonly signal?: AbortSignal | undefined
}

/** Requests of a block in the order of `order`, and how long all of it took. Throws `aborted`; what else fails is in the requests. */
export async function runBlock(plan: BlockPlan): Promise<{ readonly asked: readonly Asked[]; readonly ms: number }> {
  const began = performance.now()
  const asked: Asked[] = []
  const one = async (index: number, due: number): Promise<void> => {
    asked[index] = await request(plan, plan.order[index] as number, due)
  }
  if (plan.arrivals) {
    await Promise.all(
      plan.arrivals.map(async (at, index) => {
        await sleep(at, undefined, { signal: plan.signal }).catch(() => undefined)
        // A timer that is late makes the server no slower: the request was due then.
        await one(index, began + at)
      }),
    )
  } else {
    let next = 0
    const client = async (): Promise<void> => {
      while (next < plan.order.length) await one(next++, performance.now())
    }
    await Promise.all(Array.from({ length: plan.clients }, client))
  }
  throwIfAborted(plan.signal)
  return { asked, ms: performance.now() - began }
}

/** The figures of a block; `texts`: what the plain side said to the same questions. */
export function measureBlock(
  about: Pick<Block, 'load' | 'round' | 'side' | 'rounds'>,
  { asked, ms }: { readonly asked: readonly Asked[]; readonly ms: number },
  texts: ReadonlyMap<number, string>,
): Block {
  const whole = asked.filter(({ error }) => error === undefined)
  const numbers = (values: readonly (number | null)[]): Spread => {
    const sorted = values.filter((value) => value !== null).sort((a, b) => a - b)
    const at = (share: number): number | null => (sorted.length > 0 ? quantile(sorted, share) : null)
    return { p50: at(0.5), p95: at(0.95) }
  }
  return {
    ...about,
    ms,
    goodput: (1000 * whole.reduce((sum, { tokens }) => sum + tokens, 0)) / ms,
    requests: asked.length,
    errors: asked.length - whole.length,
    different: whole.filter(({ question, text }) => (texts.get(question) ?? text) !== text).length,
    firstMs: numbers(whole.map(({ firstMs }) => firstMs)),
    tokenMs: numbers(
      whole.map(({ firstMs, lastMs, tokens }) =>
        firstMs === null || lastMs === null || tokens < 2 ? null : (lastMs - firstMs) / (tokens - 1),
      ),
    ),
    queueMs: numbers(whole.map(({ queueMs }) => queueMs)),
  }
}

// ---------------------------------------------------------------------------------------------------------------

async function request(
  { side, questions, maxTokens, signal }: BlockPlan,
  question: number,
  due: number,
): Promise<Asked> {
  const content = questions[question]?.turns[0] ?? ''
  // Nobody shall find its prompt in a cache because another side, or an earlier round, has asked the same.
  const body = { messages: [{ role: 'user', content }], max_tokens: maxTokens, temperature: 0, cache_prompt: false }
  try {
    const { text, firstAt, lastAt, completionTokens, promptMs } = await streamChat(
      side.base,
      { ...body, ...side.body },
      { signal },
    )
    const firstMs = firstAt === undefined ? null : firstAt - due
    const queueMs = firstMs === null || promptMs === undefined ? null : Math.max(0, firstMs - promptMs)
    const tokens = completionTokens ?? 0
    if (completionTokens === undefined) return { ...failed(question), text, error: NO_USAGE }
    return { question, firstMs, lastMs: lastAt - due, queueMs, tokens, text }
  } catch (error) {
    if (!(error instanceof HeterospecError)) throw error
    return { ...failed(question), error: error.message }
  }
}

const NO_USAGE = 'expected the number of tokens at the end of an answer, got none; this server cannot be measured'

function failed(question: number): Asked {
  return { question, firstMs: null, lastMs: null, queueMs: null, tokens: 0, text: '' }
}
