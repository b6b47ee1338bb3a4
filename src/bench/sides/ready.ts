/** Waiting for a server that was just started. */
import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError, throwIfAborted } from '../../util/errors.ts'
import { ask } from './http.ts'
import type { NodeChild } from './node-child.ts'

export interface Awaited {
  /** As people are told of it. */
  readonly name: string
  /** What answers with a 200 when the server is ready. */
  readonly url: URL
  readonly limitMs: number
  readonly signal?: AbortSignal | undefined
}

const POLL_MS = 50

/** Resolves when the server of `guard` answers. Throws `peer-failed` when it ended or takes longer than `limitMs`, `aborted`. */
export async function untilReady(guard: NodeChild, { name, url, limitMs, signal }: Awaited): Promise<void> {
  const started = performance.now()
  while (performance.now() - started < limitMs) {
    throwIfAborted(signal)
    try {
      await ask(url, { signal, silenceMs: 5000 })
      return
    } catch (error) {
      if (!(error instanceof UsageError) || error.code !== 'peer-failed') throw error
    }
    await guard.ask({ ping: true }, signal) // throws with its last words when it has ended
    await sleep(POLL_MS)
  }
  const words = guard.lastWords === '' ? '' : `; its last words: ${guard.lastWords}`
  const wanted = `expected ${name} to be ready within ${limitMs / 1000} s, it is not`
  throw new UsageError('peer-failed', `${wanted}${words}; try a smaller model or context`)
}
