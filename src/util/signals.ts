/** Several reasons to stop as one signal that lets go of them again: what `AbortSignal.any` joins stays listed at a long-lived source. */

import { setMaxListeners } from 'node:events'

/** One signal for several; disposed of, it hears of them no more. */
export interface JoinedSignals extends Disposable {
  readonly signal: AbortSignal
}

/** A signal that is aborted when one of `sources` is, for its reason. */
export function joinSignals(sources: readonly AbortSignal[]): JoinedSignals {
  const controller = new AbortController()
  // Many requests at a time are no leak: each lets go of its sources.
  setMaxListeners(0, ...sources)
  const letGo = sources.map((source) => {
    const stop = (): void => controller.abort(source.reason)
    if (source.aborted) stop()
    else source.addEventListener('abort', stop, { once: true })
    return () => source.removeEventListener('abort', stop)
  })
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const end of letGo) end()
    },
  }
}
