/** Sums and curves of foretold chances against what came true. Classes are narrow at the top, where products are sensitive. */
import { defined } from '../../util/assert.ts'
import type { Reliability } from '../../policy/index.ts'
import type { ClassSums } from './types.ts'

const EDGES = [0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1]

/** Empty sums, one per class. */
export function emptySums(): ClassSums[] {
  return EDGES.slice(1).map(() => ({ nodes: 0, foretold: 0, accepted: 0 }))
}

/** Counts a node that was foretold to come true with `chance`. */
export function countNode(sums: readonly ClassSums[], chance: number, accepted: boolean): void {
  const above = EDGES.findIndex((edge, index) => index > 0 && chance < edge)
  const own = defined(sums[above < 0 ? sums.length - 1 : above - 1])
  own.nodes++
  own.foretold += chance
  own.accepted += accepted ? 1 : 0
}

/** Several answers together, as a curve. */
export function reliabilityOf(answers: readonly (readonly ClassSums[])[]): Reliability {
  const total = emptySums()
  for (const sums of answers) {
    for (const [index, { nodes, foretold, accepted }] of sums.entries()) {
      const own = defined(total[index])
      own.nodes += nodes
      own.foretold += foretold
      own.accepted += accepted
    }
  }
  const nodes = total.reduce((sum, own) => sum + own.nodes, 0)
  const distance = total.reduce((sum, own) => sum + Math.abs(own.foretold - own.accepted), 0)
  return {
    classes: total.map((own, index) => ({
      from: defined(EDGES[index]),
      to: defined(EDGES[index + 1]),
      nodes: own.nodes,
      foretold: own.nodes > 0 ? own.foretold / own.nodes : null,
      accepted: own.nodes > 0 ? own.accepted / own.nodes : null,
    })),
    error: nodes > 0 ? distance / nodes : null,
  }
}
