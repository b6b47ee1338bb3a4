/** What computed networks did, summed so that parts of a batch can be added up. */
import { defined } from '../../util/assert.ts'
import type { Tensor } from '../../tensor/index.ts'
import type { StepReport } from '../types.ts'
import type { LessonResults } from './lesson.ts'
import type { Network } from './network.ts'
import type { Plan, PlanStep } from './plan.ts'

/** Sums of one unrolled step. */
export interface StepTotals {
  /** Rows that learned, and rows with an answer, those without coverage included. */
  readonly lessons: number
  readonly answers: number
  /** Cross-entropy in nats. */
  readonly loss: number
  /** Rows whose likeliest draft token is the target's. */
  readonly right: number
  /** Mean distances of states per number. */
  readonly distance: number
}

/** How steps are weighed in the loss. */
export interface LossWeights {
  /** Weight of step s is `decay` to the s. */
  readonly decay: number
  readonly stateLoss: number
}

/** The sums of a part of a batch that was left out because nothing in it can be learned. */
export function nothingComputed({ steps }: Plan): StepTotals[] {
  return steps.map(({ answers }) => ({ lessons: 0, answers, loss: 0, right: 0, distance: 0 }))
}

/** Reads the sums of a computed network, one of `width` numbers per state. */
export function readTotals(network: Network, plan: Plan, width: number): StepTotals[] {
  return network.results.map((results, step) => scoreStep(network, results, plan, defined(plan.steps[step]), width))
}

/** The report of a batch from the sums of its parts; `gradientNorm` is left at 0. */
export function reportOf(parts: readonly (readonly StepTotals[])[], { decay, stateLoss }: LossWeights): StepReport {
  let loss = 0
  const depths = defined(parts[0]).map((_, step) => {
    const sum = (name: keyof StepTotals): number =>
      parts.reduce((total, steps) => total + defined(steps[step])[name], 0)
    const [rows, lessons] = [sum('answers'), Math.max(1, sum('lessons'))]
    const own = sum('loss') / lessons
    loss += decay ** step * (own + (stateLoss * sum('distance')) / lessons)
    return { rows, loss: own, agreement: sum('right') / Math.max(1, rows) }
  })
  return { loss, gradientNorm: 0, depths }
}

// ---------------------------------------------------------------------------------------------------------------

function scoreStep({ graph }: Network, results: LessonResults, plan: Plan, step: PlanStep, width: number): StepTotals {
  const count = plan.sizes.lessons
  const read = (tensor: Tensor): Float32Array => {
    const values = new Float32Array(count)
    graph.read(tensor, values)
    return values
  }
  const best = new Int32Array(read(results.best).buffer)
  const [top, excess, taught, dot] = [results.top, results.topExcess, results.topTaught, results.dot].map(read)
  const distances = results.distance && read(results.distance)
  let [loss, right, distance] = [0, 0, 0]
  for (let i = 0; i < plan.lessons; i++) {
    if (step.counts[i] === 0) continue
    // The softmax of the likeliest is at least 1 / vocabulary: its logarithm is safe.
    const logSum = defined(top?.[i]) - Math.log(defined(excess?.[i]) + defined(taught?.[i]))
    loss += logSum - defined(dot?.[i])
    if (best[i] === plan.wanted[i]) right++
    if (distances) distance += defined(distances[i]) / width
  }
  return { lessons: step.lessons, answers: step.answers, loss, right, distance }
}
