/** Rounds of a server of ours, from its own counters: read between blocks, so that clients are not disturbed. */
import { askText } from '../sides/http.ts'
import type { RoundCounts } from './types.ts'

/** All rounds since the server's start. Throws `peer-failed` where it does not answer, `aborted`. */
export async function countRounds(base: URL, signal?: AbortSignal): Promise<RoundCounts> {
  const text = await askText(new URL('metrics', base), { signal })
  const counts = { all: 0, drafted: 0 }
  for (const [, mode, value] of text.matchAll(/^heterospec:spec_mode_total\{.*?mode="(\w+)".*?\} (\S+)$/gm)) {
    counts.all += Number(value)
    if (mode !== 'off') counts.drafted += Number(value)
  }
  return counts
}
