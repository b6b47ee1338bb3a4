/**
 * What rows are taught: cross-entropy against the target's distribution over the draft vocabulary, and on demand the distance
 * of their outputs from the target's last stream. The way back begins here and is appended at once, so that the memory of
 * one step's logits, the largest of all, serves the next step.
 */
import type { Graph, Tensor } from '../../tensor/index.ts'
import type { Learner, Tape, Variable } from './tape.ts'

/** Where the distance of states turns from square to linear (smooth L1), in units of the normed stream. */
export const STATE_BEND = 0.5

/** The target's last norm and output rows, frozen. */
export interface TeacherTensors {
  readonly output: Tensor
  readonly outputNorm: Tensor
  /** F32 [draft vocabulary]: what each logit is raised by; undefined for nothing. */
  readonly raise?: Tensor | undefined
}

/** What the target says at the lessons' positions. */
export interface Teaching {
  /** F32 [draft vocabulary, lessons] */
  readonly probabilities: Tensor
  /** The target's stream there, RMS-normed: F32 [width, lessons]. */
  readonly states: Tensor
}

export interface LessonInputs {
  /** I32 [lessons]: row of the outputs that learns each lesson. */
  readonly rows: Tensor
  /** F32 [1, lessons]: weight of each lesson in the loss; undefined without a way back. */
  readonly weights: Tensor | undefined
  /** F32 [1, lessons]: weight of each number of the distance of states; undefined for none. */
  readonly stateWeights: Tensor | undefined
  /** F32 [1]: the number of lessons, padding included. */
  readonly count: Tensor
}

/** Numbers from which the loss follows; all have one entry per lesson. */
export interface LessonResults {
  /** I32: likeliest draft id. */
  readonly best: Tensor
  /** Logit of the likeliest, its probability less the target's, and the target's. */
  readonly top: Tensor
  readonly topExcess: Tensor
  readonly topTaught: Tensor
  /** Sum of target's probability times logit. */
  readonly dot: Tensor
  /** Sum of the distances of states, before weights. */
  readonly distance: Tensor | undefined
}

/** Parameters of the last step of the head. */
export interface OutputParameters {
  readonly norm: Learner
  readonly output: Learner
  /** F32 [draft vocabulary]: what each logit is raised by; undefined for nothing. */
  readonly raise: Tensor | undefined
}

/** The target's distributions at `states` (F32 [width, lessons]). */
export function teach(graph: Graph, teacher: TeacherTensors, states: Tensor, epsilon: number): Teaching {
  const { ops } = graph
  const normed = ops.rmsNorm(states, epsilon)
  const logits = graph.training.product(teacher.output, ops.mul(normed, teacher.outputNorm))
  const raised = teacher.raise ? ops.add(logits, teacher.raise) : logits
  const teaching = { probabilities: ops.softMax(raised), states: normed }
  graph.expand(teaching.probabilities)
  return teaching
}

/** Scores `outputs` (not yet normed, [width, rows]) and, where lessons have weights, sends the gradient back to them. */
export function lesson(
  tape: Tape,
  parameters: OutputParameters,
  outputs: Variable,
  teaching: Teaching,
  inputs: LessonInputs,
  epsilon: number,
): LessonResults {
  const { graph } = tape
  const { ops, training } = graph
  const { probabilities } = teaching
  const rows = tape.rows(outputs, inputs.rows)
  const normed = ops.rmsNorm(rows.value, epsilon)
  const scaled = ops.mul(normed, parameters.norm.value)
  const plain = training.product(parameters.output.value, scaled)
  const logits = parameters.raise ? ops.add(plain, parameters.raise) : plain
  const best = training.argMax(logits)
  // Times the number of lessons it is softmax less target, without any mean.
  const excess = training.crossEntropyBack(logits, probabilities, inputs.count)
  const [vocabulary, count] = logits.shape
  const flat = (x: Tensor): Tensor => training.reshape(x, vocabulary, 1, count)
  const results = {
    best,
    top: training.pick(logits, best),
    topExcess: training.pick(excess, best),
    topTaught: training.pick(probabilities, best),
    dot: training.product(flat(probabilities), flat(logits)),
  }
  for (const result of Object.values(results)) graph.output(result)
  const distance = inputs.stateWeights ? stateDistance(graph, normed, teaching.states) : undefined
  if (distance) graph.output(distance.sums)
  if (inputs.weights) {
    const back = training.product(tape.transposed(parameters.output.value), excess)
    const gradient = ops.mul(back, inputs.weights)
    graph.expand(gradient)
    const weighted = training.transposed(ops.mul(scaled, inputs.weights))
    tape.learn(parameters.output, training.product(weighted, training.transposed(excess)))
    tape.learn(parameters.norm, training.repeatBack(ops.mul(gradient, normed), parameters.norm.value))
    let normedGradient = ops.mul(gradient, parameters.norm.value)
    if (distance && inputs.stateWeights) {
      normedGradient = ops.add(normedGradient, ops.mul(distance.slopes, inputs.stateWeights))
    }
    tape.pass(rows, training.rmsNormBack(normedGradient, rows.value, epsilon))
  }
  return { ...results, distance: distance?.sums }
}

/** Smooth L1 between rows of `a` and `b`: sums per row, and the slope of each number of `a`. */
function stateDistance(graph: Graph, a: Tensor, b: Tensor): { sums: Tensor; slopes: Tensor } {
  const { ops, training } = graph
  const difference = training.scale(training.sub(a, b), 1 / STATE_BEND)
  const slopes = training.clamp(difference, -1, 1)
  const shares = ops.mul(slopes, training.sub(difference, training.scale(slopes, 0.5)))
  return { sums: training.scale(training.sumRows(shares), STATE_BEND), slopes }
}
