/**
 * One file over HTTP into an unfinished file, continued where an earlier attempt ended. Lost connections are taken up
 * again as long as they bring something; a server that cannot be reached at all is reported at once.
 */
import { createWriteStream } from 'node:fs'
import { truncate } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { UsageError, throwIfAborted } from '../util/errors.ts'
import type { PullContext } from './context.ts'
import { fileBytes } from './disk.ts'
import { pause } from './pause.ts'

export interface Download {
  readonly url: string
  /** For sentences: `hf:user/repo/file.gguf`. */
  readonly label: string
  /** The unfinished file; it exists. */
  readonly part: string
  readonly bytes: number
}

const patience = 5

/** Appends to `part` until it has `bytes` bytes. Throws `download-failed`. */
export async function download(file: Download, context: PullContext, onBytes: (done: number) => void): Promise<void> {
  let connected = false
  for (let failures = 0; ; failures++) {
    const before = (await fileBytes(file.part)) ?? 0
    if (before === file.bytes) return
    if (before > file.bytes) await truncate(file.part, 0)
    const outcome = await attempt(file, context, onBytes)
    if (outcome === undefined) continue
    connected ||= outcome.connected
    if ((await fileBytes(file.part)) !== before) failures = 0
    if (!connected || failures >= patience) {
      const again = connected ? 'run the command again to go on where it stopped' : networkAdvice
      throw new UsageError(
        'download-failed',
        `expected ${file.label} from ${context.hub.endpoint}, got ${outcome.reason}; ${again}`,
      )
    }
    await pause(context.hub.retryMs * 2 ** failures, context.signal)
  }
}

/** A response with its headers within the time limit; its body is watched for stalls. Answers why where there is none. */
export async function request(
  url: string,
  headers: Record<string, string>,
  context: PullContext,
): Promise<{ response: Response; watchdog: Watchdog } | { reason: string }> {
  const { hub, signal } = context
  const watchdog = new Watchdog(hub.connectMs)
  const authorization = hub.token ? { authorization: `Bearer ${hub.token}` } : undefined
  try {
    const response = await fetch(url, {
      headers: { 'accept-encoding': 'identity', 'user-agent': 'heterospec', ...authorization, ...headers },
      signal: AbortSignal.any([signal, watchdog.signal]),
    })
    watchdog.reset(hub.stallMs)
    return { response, watchdog }
  } catch (error) {
    watchdog.stop()
    throwIfAborted(signal)
    return { reason: watchdog.signal.aborted ? `no answer in ${hub.connectMs / 1000} s` : networkReason(error) }
  }
}

/** What to do where a server cannot be reached. */
export const networkAdvice =
  'check the network, set HF_ENDPOINT to a mirror, or give a file with "--model path/to/model.gguf"'

/** Throws the sentence for an answer that repeating would not change. */
export function refuse(response: Response, label: string, token: string | undefined): void {
  const { status } = response
  if (status === 401 || status === 403) {
    const advice = token
      ? 'accept the licence of the model on its page with the account of HF_TOKEN, or check the name'
      : 'check the name, or set HF_TOKEN to an access token of an account that may read it'
    throw new UsageError('download-failed', `expected access to ${label}, got HTTP ${status}; ${advice}`)
  }
  if (status === 404) {
    throw new UsageError(
      'download-failed',
      `expected ${label} to exist, got HTTP 404; check user, repository and file name`,
    )
  }
  if (status >= 400 && status < 500 && ![408, 416, 429].includes(status)) {
    throw new UsageError(
      'download-failed',
      `expected ${label}, got HTTP ${status} ${response.statusText}; try again later`,
    )
  }
}

/** Aborts when nothing has happened for a while. */
export class Watchdog {
  readonly #controller = new AbortController()
  #timer: NodeJS.Timeout
  #ms: number
  constructor(ms: number) {
    this.#ms = ms
    this.#timer = setTimeout(() => this.#controller.abort(), ms)
  }
  get signal(): AbortSignal {
    return this.#controller.signal
  }
  /** Something happened. */
  reset(ms = this.#ms): void {
    this.stop()
    this.#ms = ms
    this.#timer = setTimeout(() => this.#controller.abort(), ms)
  }
  stop(): void {
    clearTimeout(this.#timer)
  }
}

// ------------------------------------------------------------------------------------------------------------------

/** One request. `undefined` when it went to its end, else why to try again; throws where that makes no sense. */
async function attempt(
  file: Download,
  context: PullContext,
  onBytes: (done: number) => void,
): Promise<{ reason: string; connected: boolean } | undefined> {
  const offset = (await fileBytes(file.part)) ?? 0
  const answer = await request(file.url, offset > 0 ? { range: `bytes=${offset}-` } : {}, context)
  if ('reason' in answer) return { reason: answer.reason, connected: false }
  const { response, watchdog } = answer
  try {
    refuse(response, file.label, context.hub.token)
    const resumed = response.status === 206 && contentStart(response) === offset
    if (response.status === 416 || (response.status === 206 && !resumed)) {
      await truncate(file.part, 0)
      return { reason: 'a server that cannot continue the file', connected: true }
    }
    if (!response.ok || !response.body) return { reason: `HTTP ${response.status}`, connected: true }
    // A server that ignores the range sends the file from its start.
    if (!resumed) await truncate(file.part, 0)
    let done = resumed ? offset : 0
    const meter = async function* (source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of source) {
        watchdog.reset()
        done += chunk.length
        if (done > file.bytes) throw tooLong(file)
        onBytes(done)
        yield chunk
      }
    }
    const sink = createWriteStream(file.part, { flags: 'a', highWaterMark: 1 << 20 })
    await pipeline(Readable.fromWeb(response.body), meter, sink, { signal: context.signal })
    return done < file.bytes ? { reason: `an end after ${done} of ${file.bytes} bytes`, connected: true } : undefined
  } catch (error) {
    throwIfAborted(context.signal)
    if (watchdog.signal.aborted) return { reason: `no data for ${context.hub.stallMs / 1000} s`, connected: true }
    // `fetch` reports every trouble of the network as a TypeError; anything else is not the network's doing.
    if (error instanceof TypeError) return { reason: networkReason(error), connected: true }
    throw error
  } finally {
    watchdog.stop()
    await response.body?.cancel().catch(() => undefined)
  }
}

function contentStart(response: Response): number {
  return Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1] ?? NaN)
}

function tooLong(file: Download): UsageError {
  return new UsageError('download-failed', `expected ${file.bytes} bytes of ${file.label}, got more; pull again later`)
}

function networkReason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof Error) return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message
  return error instanceof Error ? error.message : 'a failed connection'
}
