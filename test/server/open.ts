/** A server around the tiny model, and the requests that tests send to it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, inject } from 'vitest'
import { PATIENCE_MS, stopwatch } from '../../scripts/faults/wire.ts'
import { openEngine, type Engine, type EngineOptions } from '../../src/engine/index.ts'
import { createApp, type ServerApp, type ServerOptions } from '../../src/server/index.ts'

/** An engine with the tiny model that drafts four nodes a round, in a cache folder of its own. */
export async function openTiny(options: EngineOptions = {}): Promise<OpenedEngine> {
  return openModel(inject('tinyModelPath'), options)
}

/** An engine, and its cache folder. */
export type OpenedEngine = Engine & { readonly folder: string }

/** The same with any model. */
export async function openModel(modelPath: string, options: EngineOptions = {}): Promise<OpenedEngine> {
  const folder = await mkdtemp(join(tmpdir(), 'heterospec-server-'))
  const speculative = { drafter: { method: 'combined' }, budget: { policy: 'fixed', nodes: 4 } } as const
  const engine = await openEngine(modelPath, { threads: 1, cacheDir: folder, speculative, ...options })
  return Object.assign(engine, { folder })
}

/** Frees the engine and its folder. */
export async function closeTiny(engine: OpenedEngine): Promise<void> {
  await engine[Symbol.asyncDispose]()
  await rm(engine.folder, { recursive: true })
}

/** An answer as plain data. */
export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body, read as JSON. */
  readonly json: Body
}

/** The parts of bodies that tests look at. */
export interface Body {
  readonly error?: {
    readonly message: string
    readonly param: string | null
    readonly code: string
    readonly type: string
  }
  readonly model: string
  readonly choices: readonly {
    readonly index: number
    readonly text?: string
    readonly message?: {
      readonly content?: string | null
      readonly tool_calls?: readonly {
        readonly id: string
        readonly function: { readonly name: string; readonly arguments: string }
      }[]
    }
    readonly delta?: {
      readonly content?: string
      readonly tool_calls?: readonly {
        readonly index: number
        readonly function: { readonly name?: string; readonly arguments: string }
      }[]
    }
    readonly logprobs: LogProbs | null
    readonly finish_reason: string | null
  }[]
  readonly usage: {
    readonly prompt_tokens: number
    readonly completion_tokens: number
    readonly prompt_tokens_details: { readonly cached_tokens: number }
  } | null
  readonly timings: Readonly<Record<string, number>>
  readonly metrics?: { readonly speculative_decoding: SpeculativeBlock } | null
}

/** vLLM's block. */
export interface SpeculativeBlock {
  readonly mean_acceptance_length: number
  readonly num_spec_steps: number
  readonly acceptance_histogram: Readonly<Record<string, number>>
  readonly acceptance_histogram_by_draft_length: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly per_step_accepted?: readonly number[]
  readonly per_step_drafted?: readonly number[]
}

/** Log-probabilities of a chat (`content`) or of a plain text. */
export interface LogProbs {
  readonly content?: readonly {
    readonly token: string
    readonly logprob: number
    readonly bytes: readonly number[]
    readonly top_logprobs: readonly { readonly token: string; readonly logprob: number }[]
  }[]
  readonly tokens?: readonly string[]
  readonly token_logprobs?: readonly number[]
  readonly top_logprobs?: readonly Readonly<Record<string, number>>[]
  readonly text_offset?: readonly number[]
}

/** Sends JSON and reads the answer; `body` undefined is a GET. */
export async function ask(server: ServerApp, path: string, body?: unknown, init: RequestInit = {}): Promise<Answered> {
  const response = await server.app.request(path, {
    ...(body !== undefined && { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) }),
    ...init,
    headers: { 'Content-Type': 'application/json', ...(init.headers as Record<string, string> | undefined) },
  })
  const text = await response.text()
  const json = response.headers.get('content-type')?.includes('json') ? (JSON.parse(text) as Body) : ({} as Body)
  return { status: response.status, headers: response.headers, text, json }
}

/** The events of a stream, `[DONE]` last. */
export function eventsOf(text: string): (Body | '[DONE]')[] {
  return text
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => event.replace(/^data: /, ''))
    .map((data) => (data === '[DONE]' ? data : (JSON.parse(data) as Body)))
}

/** Waits until nobody is in work or waits. A client that leaves is noticed within a round, but a machine may stand still for seconds. */
export async function untilIdle({ gate }: ServerApp): Promise<void> {
  const waited = stopwatch()
  while (gate.running + gate.waiting > 0 && waited() < PATIENCE_MS / 2) await sleep(5)
  expect([gate.running, gate.waiting]).toEqual([0, 0])
}

/** Bytes of tokens as log-probabilities tell them: control tokens, which no text shows, have their names. */
export function spelled({ tokenizer }: Engine, tokens: readonly number[]): number[] {
  return tokens.flatMap((token) => [...tokenizer.bytes(token, true)])
}

/** A server without a log. */
export function serverOf(engine: Engine, options: ServerOptions = {}): ServerApp {
  return createApp(engine, { modelNames: ['tiny'], ...options })
}

/** The engine, but one of its methods fails with `error`. */
export function failing(engine: Engine, error: Error, method: 'generate' | 'embed' = 'generate'): Engine {
  const fail = (): never => {
    throw error
  }
  return new Proxy(engine, {
    get(target, key) {
      if (key === method) return fail
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
