/** Many short requests: memory stays where it was after the first of them. */
import { requireNoHandles, requireSoundMetrics, untilIdle } from './checks.ts'
import { forEach } from './mixed.ts'
import type { Holding, Served } from './server.ts'
import { ask } from './wire.ts'

/** What the process held, in MiB, after each part of the requests. */
export interface ShortReport {
  readonly requests: number
  readonly residentMiB: readonly number[]
  readonly heapMiB: readonly number[]
  /** Last value against the one after the first fifth. */
  readonly residentRatio: number
  readonly heapRatio: number
}

/** Parts of the run; memory is counted after each. The first two are warming up. */
const PARTS = 10

/** Runs them, and throws when handles stay. */
export async function runShort(served: Served, requests: number, clients: number): Promise<ShortReport> {
  const { port } = served
  await ask(port, '/v1/completions', bodyOf(0))
  const before = await served.holding()
  const holdings: Holding[] = []
  for (let part = 0; part < PARTS; part++) {
    await forEach(requests / PARTS, clients, async (index) => {
      const { status, text } = await ask(port, '/v1/completions', bodyOf(index))
      if (status !== 200) throw new Error(`expected an answer, got ${status}: ${text}`)
    })
    await untilIdle(served)
    holdings.push(await served.holding())
  }
  await requireNoHandles(served, before)
  const finished = await requireSoundMetrics(port)
  if (finished !== requests + 1) throw new Error(`expected ${requests + 1} finished answers, got ${finished}`)
  const mebibytes = (of: (holding: Holding) => number) => holdings.map((one) => Math.round(of(one) / 2 ** 18) / 4)
  const ratio = (of: (holding: Holding) => number) => of(holdings.at(-1) as Holding) / of(holdings[1] as Holding)
  const resident = ({ residentBytes }: Holding): number => residentBytes
  const heap = ({ heapBytes }: Holding): number => heapBytes
  return {
    requests,
    residentMiB: mebibytes(resident),
    heapMiB: mebibytes(heap),
    residentRatio: ratio(resident),
    heapRatio: ratio(heap),
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** A different seed each time, a few prompts: what the server may remember is bounded by these. */
function bodyOf(index: number): object {
  const prompt = ['red', 'blue green', 'one two three', 'the end of it'][index % 4]
  return { prompt, max_tokens: 3, seed: index, ...(index % 5 === 0 && { stream: false, logprobs: 1 }) }
}
