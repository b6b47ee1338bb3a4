/** What a user may set, and the request that it comes to. The text of an answer depends on sampling only, never on drafting. */

import type { StreamRequest } from './api.ts'
import { isObject, readJson } from './rounds.ts'

/** Ways of drafting that the page offers: the request's word, and what people read. */
export const methods = {
  server: 'Server’s setting',
  off: 'None: plain decoding',
  auto: 'Automatic',
  lookup: 'Lookup',
  recycling: 'Token recycling',
  combined: 'Lookup and recycling',
  eagle3: 'Draft head',
  model: 'Draft model',
} as const

/** Budgets that the page offers. */
export const budgets = {
  server: 'The default',
  goodput: 'Goodput',
  'heterospec-cost': 'HeteroSpec with prices',
  heterospec: 'HeteroSpec',
  eagle: 'EAGLE’s fixed tree',
  fixed: 'Fixed number of nodes',
} as const

/** How an answer is drafted. */
export interface Speculation {
  readonly method: keyof typeof methods
  /** For all methods but `server` and `off`. */
  readonly budget: keyof typeof budgets
  /** Of the budget `fixed`. */
  readonly nodes: number
}

/** How tokens are chosen. Undefined: the server's own. */
export interface Sampling {
  readonly temperature: number
  readonly topP: number | undefined
  readonly topK: number | undefined
  readonly maxTokens: number | undefined
  readonly seed: number | undefined
}

/** All settings of a conversation. */
export interface Settings extends Sampling {
  readonly system: string
  readonly speculation: Speculation
}

/** A message of a conversation. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

/** What a number may be; `step`: of the arrow keys. */
export interface Limits {
  readonly min: number
  readonly max: number
  readonly step: number
  readonly isWhole: boolean
}

const share = { min: 0, max: 1, step: 0.05, isWhole: false }
const whole = { min: 0, max: Number.MAX_SAFE_INTEGER, step: 1, isWhole: true }

/** As the server has them. */
export const limits = {
  temperature: { min: 0, max: 1e6, step: 0.1, isWhole: false },
  topP: share,
  topK: whole,
  seed: whole,
  maxTokens: { ...whole, min: 1 },
  nodes: { ...whole, min: 1, max: 255 },
} as const satisfies Readonly<Record<string, Limits>>

/** Whether a number is one that the server takes. */
export function isWithin({ min, max, isWhole }: Limits, value: unknown): value is number {
  return typeof value === 'number' && value >= min && value <= max && (!isWhole || Number.isInteger(value))
}

/** What is taken, for people. */
export function limitWords({ min, max, isWhole }: Limits): string {
  const range = max >= 1e6 ? `${min} or more` : `${min} to ${max}`
  return isWhole ? `a whole number, ${range}` : range
}

/** Greedy, of moderate length, drafted as the server was started. */
export const defaultSettings: Settings = {
  system: '',
  temperature: 0,
  topP: undefined,
  topK: undefined,
  maxTokens: 256,
  seed: undefined,
  speculation: { method: 'server', budget: 'server', nodes: 8 },
}

/** Settings from the JSON of earlier ones; what makes no sense is the default. */
export function readSettings(text: string | undefined): Settings {
  const kept = text === undefined ? undefined : readJson(text)
  if (!isObject(kept)) return defaultSettings
  const speculation = isObject(kept['speculation']) ? kept['speculation'] : {}
  const { method, budget, nodes } = defaultSettings.speculation
  return {
    system: typeof kept['system'] === 'string' ? kept['system'] : defaultSettings.system,
    temperature: numberFrom(limits.temperature, kept['temperature']) ?? defaultSettings.temperature,
    topP: numberFrom(limits.topP, kept['topP']),
    topK: numberFrom(limits.topK, kept['topK']),
    maxTokens: numberFrom(limits.maxTokens, kept['maxTokens']),
    seed: numberFrom(limits.seed, kept['seed']),
    speculation: {
      method: keyOf(methods, speculation['method']) ?? method,
      budget: keyOf(budgets, speculation['budget']) ?? budget,
      nodes: numberFrom(limits.nodes, speculation['nodes']) ?? nodes,
    },
  }
}

/** Whether nothing was changed. */
export function isDefault(settings: Settings): boolean {
  return JSON.stringify(settings) === JSON.stringify(defaultSettings)
}

/** Whether the method is a drafter of its own: the server may not have what it reads. */
export function isDrafter(method: Speculation['method']): boolean {
  return method !== 'server' && method !== 'off' && method !== 'auto'
}

/** Whether the budget of these settings has a say. */
export function hasBudget({ method }: Speculation): boolean {
  return method !== 'server' && method !== 'off'
}

/** The field `speculative`; undefined leaves it to the server. */
export function speculativeOf(speculation: Speculation): unknown {
  const { method, budget, nodes } = speculation
  if (method === 'server') return undefined
  if (method === 'off') return false
  const named = method === 'auto' ? {} : { method }
  if (budget === 'server') return method === 'auto' ? 'auto' : named
  return { ...named, budget: budget === 'fixed' ? { policy: 'fixed', nodes } : { policy: budget } }
}

/** A sentence for these settings, short enough for a heading. */
export function nameOf(speculation: Speculation): string {
  const { method, budget, nodes } = speculation
  if (!hasBudget(speculation) || budget === 'server') return methods[method]
  const limit = budget === 'fixed' ? `${nodes} nodes` : budgets[budget]
  return `${methods[method]}, ${limit}`
}

/** Sampling in words, as far as it is set. */
export function samplingWords({ temperature, topP, topK, maxTokens, seed, system }: Settings): string {
  const parts = [
    temperature === 0 ? 'greedy' : `temperature ${temperature}`,
    ...(temperature > 0 && topP !== undefined ? [`top-p ${topP}`] : []),
    ...(temperature > 0 && topK !== undefined ? [`top-k ${topK}`] : []),
    ...(temperature > 0 && seed !== undefined ? [`seed ${seed}`] : []),
    maxTokens === undefined ? 'the server’s limit of tokens' : `at most ${maxTokens} tokens`,
    ...(system.trim() === '' ? [] : ['with the system prompt']),
  ]
  return parts.join(', ')
}

/** A streamed answer that tells its rounds. A model that does not chat goes on with the text of all messages. */
export function requestOf(settings: Settings, messages: readonly Message[], chats: boolean): StreamRequest {
  const { system, temperature, topP, topK, maxTokens, seed, speculation } = settings
  const speculative = speculativeOf(speculation)
  const all = system.trim() === '' ? messages : [{ role: 'system', content: system } as const, ...messages]
  const body = {
    ...(chats ? { messages: all } : { prompt: textOf(all) }),
    temperature,
    ...(topP !== undefined && { top_p: topP }),
    ...(topK !== undefined && { top_k: topK }),
    ...(maxTokens !== undefined && { max_tokens: maxTokens }),
    ...(seed !== undefined && { seed }),
    ...(speculative !== undefined && { speculative }),
    stream: true,
    stream_options: { include_rounds: true },
  }
  return { path: chats ? 'v1/chat/completions' : 'v1/completions', body }
}

// ---------------------------------------------------------------------------------------------------------------

/** What was said so far as one text: what the model wrote follows its question directly, and a question begins a line. */
function textOf(messages: readonly Message[]): string {
  return messages.map(({ role, content }, at) => (role === 'user' && at > 0 ? `\n${content}` : content)).join('')
}

function numberFrom(limit: Limits, value: unknown): number | undefined {
  return isWithin(limit, value) ? value : undefined
}

function keyOf<Key extends string>(table: Readonly<Record<Key, string>>, value: unknown): Key | undefined {
  return typeof value === 'string' && Object.hasOwn(table, value) ? (value as Key) : undefined
}
