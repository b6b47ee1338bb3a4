/** A trace at other prices: the rounds as they were, the time of their passes by another list. Decisions do not change. */
import type { VirtualMachine } from './machine.ts'
import type { TracedRound } from './file.ts'
import type { SimulatedAnswer } from './types.ts'

/** The name of a trace's own rounds. */
export const AS_TRACED = 'as traced'

/**
 * Plain decoding of the same text and the traced rounds, both by the prices of `machine`. Draft and host times are those
 * of the trace, once per sequence of the batch.
 */
export function repriceTrace(
  rounds: readonly TracedRound[],
  machine: VirtualMachine,
  batch: number,
): SimulatedAnswer[] {
  return splitRequests(rounds).flatMap((request, index) => {
    const common = { question: index + 1, category: 'trace', group: 'trace' }
    const tokens = sum(request, ({ emitted }) => emitted.length)
    const plainHostMs = typicalPlainHostMs(request)
    return [
      {
        ...{ budget: 'off', ...common, tokens, calls: tokens, verified: tokens, draftMs: 0 },
        targetMs: sum(request, ({ context, emitted }) =>
          emitted.reduce((total, _, at) => total + machine.cost.targetMs(batch, context + at), 0),
        ),
        hostMs: batch * tokens * plainHostMs,
      },
      {
        ...{ budget: AS_TRACED, ...common, tokens, calls: request.length },
        verified: sum(request, ({ drafted }) => drafted + 1),
        draftMs: batch * sum(request, ({ draftMs }) => draftMs),
        targetMs: sum(request, ({ context, drafted }) => machine.cost.targetMs(batch * (drafted + 1), context)),
        hostMs: batch * sum(request, ({ hostMs }) => hostMs),
      },
    ]
  })
}

/** What a plain pass took where the trace was made, in the middle; undefined when no round was plain. */
export function plainPassMs(rounds: readonly TracedRound[]): number | undefined {
  const plain = rounds.filter(({ drafted }) => drafted === 0).map(({ targetMs }) => targetMs)
  return plain.sort((a, b) => a - b)[plain.length >> 1]
}

// ---------------------------------------------------------------------------------------------------------------

/** A trace may hold several requests: one after the other, or at once, each with a name. */
function splitRequests(rounds: readonly TracedRound[]): TracedRound[][] {
  const requests: TracedRound[][] = []
  const growing = new Map<string, TracedRound[]>()
  for (const round of rounds) {
    const name = `${round.request} ${round.answer}`
    const current = growing.get(name)
    if (current !== undefined && round.round > 0) current.push(round)
    else {
      const request = [round]
      requests.push(request)
      growing.set(name, request)
    }
  }
  return requests
}

/** Host work of rounds without a draft; where there are none, that of the cheapest round. */
function typicalPlainHostMs(rounds: readonly TracedRound[]): number {
  const plain = rounds.filter(({ drafted }) => drafted === 0).map(({ hostMs }) => hostMs)
  if (plain.length > 0) return sum(plain, (value) => value) / plain.length
  return Math.min(...rounds.map(({ hostMs }) => hostMs))
}

function sum<Item>(items: readonly Item[], pick: (item: Item) => number): number {
  return items.reduce((total, item) => total + pick(item), 0)
}
