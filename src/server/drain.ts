/** The end of what is in work: in good time, else at once, and never later than that. */
import type { ServerContext } from './types.ts'

/** Time for answers to notice that they were ended: a round takes less. */
const LAST_ROUND_MS = 5000

/** Timers fire at once for what is longer: 24 days, as good as for ever. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Nobody is admitted any more. Resolves when all have left, or a few seconds after they were told to. */
export async function drain({ gate, closing, logger }: ServerContext, limitMs: number): Promise<void> {
  gate.close()
  if (await isEmptyWithin(limitMs)) return
  closing.abort(new Error('the server is shutting down'))
  if (await isEmptyWithin(LAST_ROUND_MS)) return
  // Closing the engine ends them; a server that never ends helps nobody.
  logger.error({ running: gate.running, waiting: gate.waiting }, 'answers did not end when they were told to')

  async function isEmptyWithin(ms: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<false>(
      (resolve) => (timer = setTimeout(() => resolve(false), Math.min(ms, LONGEST_TIMER_MS))),
    )
    const empty = gate.empty().then(() => true as const)
    const isEmpty = await Promise.race([empty, late])
    clearTimeout(timer)
    return isEmpty
  }
}
