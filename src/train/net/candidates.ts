/**
 * Training with part of the draft vocabulary: the tokens that the target finds likely in a batch, and some of the others
 * drawn at random. A drawn token stands for many, so its logit is raised by the logarithm of how many (sampled softmax,
 * Bengio and Senecal 2008), for the target as for the head: sums over the vocabulary stay right on average.
 */
import { defined } from '../../util/assert.ts'
import { uniformAt } from '../../util/rng.ts'
import { Graph, TYPE, type Backend, type Tensor } from '../../tensor/index.ts'
import { teach, type TeacherTensors } from './lesson.ts'

/** Share of the candidates that is drawn. */
const DRAWN = 0.25

/** The tokens of one step. */
export interface Candidates {
  /** Draft ids, ascending. */
  readonly ids: Int32Array
  /** What each one's logit is raised by. */
  readonly raise: Float32Array
}

/** Inputs of a graph that is restricted to candidates. */
export interface CandidateInputs {
  /** I32 and I64 [candidates]: draft ids. */
  readonly ids: Tensor
  readonly places: Tensor
  /** F32 [candidates] */
  readonly raise: Tensor
}

/** The most likely tokens by `mass`, all `wanted` ones, and others drawn by `seed`; `count` in all, fewer than there are. */
export function chooseCandidates(mass: Float32Array, wanted: Int32Array, count: number, seed: number): Candidates {
  const chosen = new Set(wanted.slice(0, count))
  const certain = Math.max(chosen.size, Math.ceil(count * (1 - DRAWN)))
  const order = Int32Array.from(mass.keys()).sort((a, b) => defined(mass[b]) - defined(mass[a]))
  for (const id of order) if (chosen.size < certain) chosen.add(id)
  const rest = order.filter((id) => !chosen.has(id))
  const draws = count - chosen.size
  const drawn = new Set<number>()
  for (let draw = 0; draw < draws; draw++) {
    const at = draw + Math.floor(uniformAt(seed, draw) * (rest.length - draw))
    drawn.add(defined(rest[at]))
    rest[at] = defined(rest[draw])
  }
  const ids = Int32Array.from([...chosen, ...drawn]).sort()
  const raise = Math.log(rest.length / Math.max(1, draws))
  return { ids, raise: Float32Array.from(ids, (id) => (drawn.has(id) ? raise : 0)) }
}

/** Adds up the target's distributions over a batch's lessons. */
export class MassGraph implements Disposable {
  readonly #graph: Graph
  readonly #states: Tensor
  readonly #mass: Tensor

  constructor(backend: Backend, teacher: TeacherTensors, lessons: number, epsilon: number) {
    this.#graph = new Graph(backend, 32)
    const [width, vocabulary] = teacher.output.shape
    this.#states = this.#graph.input({ name: 'states', type: TYPE.F32, shape: [width, lessons] })
    const like = this.#graph.input({ name: 'like', type: TYPE.F32, shape: [vocabulary] })
    const { probabilities } = teach(this.#graph, teacher, this.#states, epsilon)
    this.#mass = this.#graph.training.repeatBack(probabilities, like)
    this.#graph.output(this.#mass)
    this.#graph.allocate()
  }

  get bytes(): number {
    return this.#graph.bytes
  }

  /** Probability of each draft id summed over `states` ([lessons, width]). Call inside `exclusive`. */
  async run(states: Float32Array): Promise<Float32Array> {
    this.#graph.write(this.#states, states)
    await this.#graph.compute()
    const mass = new Float32Array(this.#mass.shape[0])
    this.#graph.read(this.#mass, mass)
    return mass
  }

  [Symbol.dispose](): void {
    this.#graph[Symbol.dispose]()
  }
}
