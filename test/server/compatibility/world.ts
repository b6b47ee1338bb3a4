/** A server with the tiny model, and the few things that tests of single fields ask of it. */
import { expect } from 'vitest'
import type { Engine } from '../../../src/engine/index.ts'
import type { ServerApp } from '../../../src/server/index.ts'
import { ask, eventsOf, serverOf, type Answered, type Body } from '../open.ts'

/** Paths of the two kinds of answers. */
export const CHAT = '/v1/chat/completions'
/** See `CHAT`. */
export const TEXT = '/v1/completions'

/** A question, and settings under which its answer is always the same 12 tokens. */
export const messages = [{ role: 'user', content: 'red blue red blue' }]
/** See `messages`. */
export const settled = { temperature: 0, max_tokens: 12, ignore_eos: true }

/** Requests that must succeed, and one that may not. */
export interface World {
  readonly engine: Engine
  readonly server: ServerApp
  readonly chat: (fields: object) => Promise<Body>
  readonly text: (fields: object) => Promise<Body>
  /** What a chat says. */
  readonly says: (fields: object) => Promise<string>
  /** The chunks of a streamed chat. */
  readonly chunks: (fields: object) => Promise<Body[]>
  readonly send: (path: string, body: unknown, init?: RequestInit) => Promise<Answered>
}

/** Requests to one server around `engine`. */
export function worldOf(engine: Engine): World {
  const server = serverOf(engine, { pooling: 'mean' })
  const send: World['send'] = (path, body, init) => ask(server, path, body, init)
  const succeed = async (path: string, body: object): Promise<Answered> => {
    const answered = await send(path, body)
    expect(answered.status, answered.text).toBe(200)
    return answered
  }
  const chat: World['chat'] = async (fields) => (await succeed(CHAT, { messages, ...settled, ...fields })).json
  return {
    engine,
    server,
    send,
    chat,
    text: async (fields) => (await succeed(TEXT, { prompt: 'one two', ...settled, ...fields })).json,
    says: async (fields) => (await chat(fields)).choices[0]?.message?.content ?? '',
    async chunks(fields) {
      const { text } = await succeed(CHAT, { messages, ...settled, ...fields, stream: true })
      return eventsOf(text).filter((event) => event !== '[DONE]')
    },
  }
}

/** What a test does with one row. */
export interface FieldCase {
  /** Sends valid values and looks at their effect. */
  readonly check: (world: World) => Promise<void>
  /** A value that is refused. */
  readonly bad: unknown
  /** Status of the refusal; default 400. */
  readonly status?: number
  /** Further fields of the refused request. */
  readonly beside?: object
}

/** A label: any text is taken and changes nothing. */
export function label(name: string, value: unknown = 'x'): FieldCase {
  return {
    check: async ({ says }) => expect(await says({ [name]: value })).toBe(await says({})),
    bad: value === 'x' ? 5 : { a: 1 },
  }
}

/** A sampler that, at `value`, leaves only the likeliest token, however hot the rest is. */
export function narrows(name: string, value: number, bad: unknown): FieldCase {
  return {
    check: async ({ says }) => {
      const hot = { temperature: 2, seed: 5 }
      expect(await says({ ...hot, [name]: value })).toBe(await says({}))
      expect(await says(hot)).not.toBe(await says({}))
    },
    bad,
  }
}

/** A form of the answer: what is said matches. */
export function form(fields: object, matches: RegExp, bad: unknown): FieldCase {
  return { check: async ({ says }) => expect(await says({ ...fields, max_tokens: 40 })).toMatch(matches), bad }
}

/** A penalty: the text without it repeats itself, and is another one with it. */
export function penalty(name: string, value: number): FieldCase {
  return { check: async ({ says }) => expect(await says({ [name]: value })).not.toBe(await says({})), bad: 'much' }
}
