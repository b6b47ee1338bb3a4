/** A pause that an abort signal ends. */
import { setTimeout } from 'node:timers/promises'
import { throwIfAborted } from '../util/errors.ts'

/** Resolves after `ms`; throws `aborted` as soon as the signal says so. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await setTimeout(ms, undefined, signal ? { signal } : {})
  } catch (error) {
    throwIfAborted(signal)
    throw error
  }
}
