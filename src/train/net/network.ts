/**
 * The graph of one training step: a head's forward pass as EAGLE-3 defines it, unrolled, with its way back. One graph serves
 * all batches of the same sizes.
 */
import { defined } from '../../util/assert.ts'
import { Graph, TYPE, type Backend, type RopeSettings, type Tensor } from '../../tensor/index.ts'
import type { HeadShape } from '../types.ts'
import { MassGraph, type CandidateInputs } from './candidates.ts'
import { attend, groupQueries, joinHeads, splitHeads, type OwnRows } from './attention.ts'
import {
  lesson,
  teach,
  type LessonInputs,
  type LessonResults,
  type OutputParameters,
  type TeacherTensors,
} from './lesson.ts'
import type { Learners } from './parameters.ts'
import { roundUp, type PlanSizes } from './plan.ts'
import { Tape, type Variable } from './tape.ts'

export interface NetworkParts {
  readonly backend: Backend
  readonly shape: HeadShape
  readonly unroll: number
  readonly parameters: Learners
  readonly teacher: TeacherTensors
}

export interface NetworkOptions {
  readonly sizes: PlanSizes
  /** With the way back. */
  readonly learn: boolean
  /** With the distance between outputs and the target's stream. */
  readonly stateLoss: boolean
  /** Tokens that the output head is restricted to; undefined for the whole draft vocabulary. */
  readonly candidates: number | undefined
}

/** Inputs of one unrolled step. */
export interface StepInputs extends LessonInputs {
  /** F32 [width, rows]: embeddings; of all rows in step 0. */
  readonly embeddings: Tensor
  /** I32 [rows]: places of the rotation, of the computed rows. */
  readonly places: Tensor
  /** F16 [slots, rows, 1, texts] */
  readonly mask: Tensor
}

export interface Network {
  readonly graph: Graph
  /** F32 [3 * width, all rows] */
  readonly features: Tensor
  /** I32 [all rows]: places of the rotation of the keys of step 0. */
  readonly places: Tensor
  /** I32 [computed rows] */
  readonly rows: Tensor
  /** F32 [width, lessons]: the target's stream at the lessons. */
  readonly states: Tensor
  readonly count: Tensor
  readonly candidates: CandidateInputs | undefined
  readonly steps: readonly StepInputs[]
  readonly results: readonly LessonResults[]
  /** Tells which candidates to choose. */
  readonly mass: MassGraph | undefined
}

/** Frees the graphs of a network. */
export function disposeNetwork({ graph, mass }: Network): void {
  graph[Symbol.dispose]()
  mass?.[Symbol.dispose]()
}

/** Slots behind those of a text, for the scores of a row's own keys of later steps. */
export function ownSlots(unroll: number): number {
  return roundUp(unroll - 1)
}

export function buildNetwork(parts: NetworkParts, options: NetworkOptions): Network {
  const { shape, unroll, backend } = parts
  const graph = new Graph(backend, 600 + 400 * unroll + 100 * unroll * unroll)
  try {
    const inputs = createInputs(graph, parts, options)
    const tape = new Tape(graph, shape.normEpsilon)
    const { teacher, output } = outputHead(graph, parts, inputs.candidates)
    const teaching = teach(graph, teacher, inputs.states, shape.normEpsilon)
    const layer = new Layer(tape, parts, options.sizes, inputs)
    const results = inputs.steps.map((step, index) => {
      const outputs = layer.step(index)
      return lesson(tape, output, outputs, teaching, step, shape.normEpsilon)
    })
    if (options.learn) tape.backward()
    graph.allocate()
    const mass = inputs.candidates && new MassGraph(backend, parts.teacher, options.sizes.lessons, shape.normEpsilon)
    return { graph, ...inputs, results, mass }
  } catch (error) {
    graph[Symbol.dispose]()
    throw error
  }
}

// ---------------------------------------------------------------------------------------------------------------

type Inputs = Omit<Network, 'graph' | 'results' | 'mass'>

/** The last matrices of target and head, whole or the candidates' rows. */
function outputHead(
  graph: Graph,
  { teacher, parameters }: NetworkParts,
  candidates: CandidateInputs | undefined,
): { teacher: TeacherTensors; output: OutputParameters } {
  const norm = parameters.get('output_norm.weight')
  const output = parameters.get('output.weight')
  if (!candidates) return { teacher, output: { norm, output, raise: undefined } }
  const { ids, places, raise } = candidates
  const rows = { value: graph.ops.getRows(output.value, ids), gradient: output.gradient, places }
  return {
    teacher: { output: graph.ops.getRows(teacher.output, ids), outputNorm: teacher.outputNorm, raise },
    output: { norm, output: rows, raise },
  }
}

function createInputs(graph: Graph, { shape, unroll }: NetworkParts, options: NetworkOptions): Inputs {
  const { sizes, learn, stateLoss, candidates } = options
  const { texts, length, rows, lessons } = sizes
  const f32 = (name: string, ...extents: number[]): Tensor => graph.input({ name, type: TYPE.F32, shape: extents })
  const i32 = (name: string, extent: number): Tensor => graph.input({ name, type: TYPE.I32, shape: [extent] })
  const count = f32('count', 1)
  return {
    features: f32('features', 3 * shape.width, texts * length),
    places: i32('places', texts * length),
    rows: i32('rows', texts * rows),
    states: f32('states', shape.width, lessons),
    count,
    candidates: candidates
      ? {
          ids: i32('candidates', candidates),
          places: graph.input({ name: 'places of candidates', type: TYPE.I64, shape: [candidates] }),
          raise: f32('raise', candidates),
        }
      : undefined,
    steps: Array.from({ length: unroll }, (_, step) => ({
      embeddings: f32(`embeddings ${step}`, shape.width, texts * (step === 0 ? length : rows)),
      places: i32(`places ${step}`, texts * rows),
      mask: graph.input({
        name: `mask ${step}`,
        type: TYPE.F16,
        shape: [length + ownSlots(unroll), rows, 1, texts],
      }),
      rows: i32(`lesson rows ${step}`, lessons),
      weights: learn ? f32(`weights ${step}`, 1, lessons) : undefined,
      stateWeights: learn && stateLoss ? f32(`state weights ${step}`, 1, lessons) : undefined,
      count,
    })),
  }
}

/** The decoder layer, step after step. */
class Layer {
  readonly #tape: Tape
  readonly #parts: NetworkParts
  readonly #sizes: PlanSizes
  readonly #inputs: Inputs
  readonly #rope: RopeSettings
  readonly #own: OwnRows[] = []
  #text: { readonly keys: Variable; readonly values: Variable } | undefined
  /** Where the residual stream of the computed rows starts. */
  #states: Variable | undefined

  constructor(tape: Tape, parts: NetworkParts, sizes: PlanSizes, inputs: Inputs) {
    this.#tape = tape
    this.#parts = parts
    this.#sizes = sizes
    this.#inputs = inputs
    const plain = { scale: 1, originalContext: 0, extFactor: 0, attnFactor: 1, betaFast: 32, betaSlow: 1 }
    this.#rope = { mode: 'normal', dims: parts.shape.headDim, base: parts.shape.ropeBase, ...plain }
  }

  /** Outputs of a step, [width, computed rows], before the output norm. */
  step(index: number): Variable {
    const input = index === 0 ? this.#firstInput() : this.#input(index, defined(this.#states))
    const { places, mask } = defined(this.#inputs.steps[index])
    const { shape } = this.#parts
    const { texts, rows } = this.#sizes
    if (index > 0) {
      this.#own.push({
        keys: this.#split(this.#tape.rope(this.#linear('attn_k', input), places, this.#rope)),
        values: this.#split(this.#linear('attn_v', input)),
      })
    }
    const turned = this.#tape.rope(this.#linear('attn_q', input), places, this.#rope)
    const split = splitHeads(this.#tape, turned, shape.headDim, texts)
    const mixed = attend(this.#tape, {
      queries: groupQueries(this.#tape, split, shape.kvHeadCount),
      ...defined(this.#text),
      own: this.#own,
      ownSlot: this.#sizes.length,
      mask,
    })
    const attended = this.#tape.add(
      defined(this.#states),
      this.#linear('attn_output', joinHeads(this.#tape, mixed, rows)),
    )
    const hidden = this.#norm('ffn_norm', attended)
    const gated = this.#tape.swiglu(this.#linear('ffn_gate', hidden), this.#linear('ffn_up', hidden))
    this.#states = this.#tape.add(attended, this.#linear('ffn_down', gated))
    return this.#states
  }

  /** Fuses the features, keeps keys and values of all rows, and goes on with the computed ones. */
  #firstInput(): Variable {
    const { features, places, rows } = this.#inputs
    const tape = this.#tape
    const fused = tape.linear(this.#parts.parameters.get('fc.weight'), { value: features, learns: false })
    const input = this.#input(0, fused)
    const padding = ownSlots(this.#parts.unroll)
    const split = (x: Variable): Variable => splitHeads(tape, x, this.#parts.shape.headDim, this.#sizes.texts, padding)
    this.#text = {
      keys: split(tape.rope(this.#linear('attn_k', input), places, this.#rope)),
      values: split(this.#linear('attn_v', input)),
    }
    this.#states = tape.rows(fused, rows)
    return tape.rows(input, rows)
  }

  #input(step: number, states: Variable): Variable {
    const { embeddings } = defined(this.#inputs.steps[step])
    const embedded = this.#norm('attn_norm', { value: embeddings, learns: false })
    return this.#tape.concat(embedded, this.#norm('attn_norm_2', states))
  }

  #split(x: Variable): Variable {
    return splitHeads(this.#tape, x, this.#parts.shape.headDim, this.#sizes.texts)
  }

  #linear(name: string, x: Variable): Variable {
    return this.#tape.linear(this.#parts.parameters.get(`blk.0.${name}.weight`), x)
  }

  #norm(name: string, x: Variable): Variable {
    return this.#tape.norm(this.#parts.parameters.get(`blk.0.${name}.weight`), x)
  }
}
